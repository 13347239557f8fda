//! What environments still serve by events that are lost.

use std::collections::BTreeSet;

use extensions_artifact::{Key, Prefix, Row};
use extensions_types::{EntryDocument, Environment, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Restore, report::RestoreReport};
use crate::{UpkeepError, place::At};

impl Restore<'_> {
    /// Names each entry that is ahead of the restored history, before the rebuild
    /// takes it back: somebody may want to promote that version again.
    pub(super) async fn look_at_entries(&self, erased: &BTreeSet<TenantId>, report: &mut RestoreReport) -> Result<(), UpkeepError> {
        for &env in Environment::ALL {
            let at = self.upkeep.env(env);
            let rows = at.list(&Prefix::Entries(env)).map_ok(|row| self.beyond(&at, env, row));
            let mut lines = std::pin::pin!(rows.try_buffer_unordered(self.upkeep.settings().concurrency));
            while let Some(line) = lines.next().await {
                if let Some((tenant, line)) = line?
                    && !erased.contains(&tenant)
                {
                    report.served_beyond(line);
                }
            }
        }
        Ok(())
    }

    async fn beyond(&self, at: &At, env: Environment, row: Row) -> Result<Option<(TenantId, String)>, UpkeepError> {
        let Key::Entry { of, .. } = &row.key else { return Ok(None) };
        // A damaged entry is derived anew; it says nothing.
        let Ok(Some(entry)) = at.read::<EntryDocument>(&row.key).await else { return Ok(None) };
        let Ok(state) = self.upkeep.history(of).await? else { return Ok(None) };
        if entry.applied_seq <= state.applied_seq {
            return Ok(None);
        }
        if state.is_new() {
            let line = format!(
                "{env} serves version {} of `{of}`, whose whole history is lost: it goes on until it is switched off, or pushed, promoted and rebuilt",
                entry.current
            );
            return Ok(Some((of.tenant.clone(), line)));
        }
        let now = state.serving(env).map_or_else(|| "nothing".to_owned(), |serving| format!("version {}", serving.current));
        let line = format!(
            "{env} served version {} of `{of}` by event {}, but the history ends with {}: it serves {now} now",
            entry.current, entry.applied_seq, state.applied_seq
        );
        Ok(Some((of.tenant.clone(), line)))
    }
}
