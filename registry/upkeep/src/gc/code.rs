//! Shared machine code that nobody needs: of components that no version has,
//! and for engines that no signer cares for any more.
//!
//! Code is derived: whoever misses it compiles. So its verdicts need no healing;
//! what matters is that code which is in use is not thrown away each time.

use std::collections::{BTreeMap, HashSet};

use extensions_artifact::{Key, Prefix, Row};
use extensions_types::Sha256;
use futures_util::TryStreamExt as _;

use super::{
    apply::Apply,
    plan::{Done, Found, GcItem},
    survey::Survey,
    verdict::Reason,
};
use crate::{Upkeep, UpkeepError, place::At, settings::days_ms, tally::ObjectKind};

/// The components of all versions that are kept.
#[derive(Debug, Default)]
pub(super) struct Referenced {
    components: HashSet<Sha256>,
    /// A history could not be read: nobody knows what it has.
    unknown: bool,
}

impl Referenced {
    pub(super) fn add(&mut self, found: &Found) {
        self.components.extend(&found.components);
        self.unknown |= found.unread;
    }

    /// Why an object may go, of an engine that a signer cares for.
    fn verdict(&self, key: &Key) -> Option<Reason> {
        match key {
            Key::Precompiled { component, .. } if !self.unknown && !self.components.contains(component) => Some(Reason::CodeUnreferenced),
            _ => None,
        }
    }
}

impl Upkeep {
    /// Goes over the shared code of one store.
    pub(super) async fn survey_code(&self, survey: &Survey, at: &At, referenced: &Referenced) -> Result<Found, UpkeepError> {
        let mut engines: BTreeMap<Sha256, Vec<Row>> = BTreeMap::new();
        let mut rows = std::pin::pin!(at.list(&Prefix::Precompiled));
        while let Some(row) = rows.try_next().await? {
            if let Key::Precompiled { compat, .. } | Key::Signer { compat } = row.key {
                engines.entry(compat).or_default().push(row);
            }
        }
        let mut found = Found::default();
        for rows in engines.into_values() {
            let unused = self.is_unused(survey, &rows);
            for row in rows {
                found.see(&row);
                let reason = if unused { Some(Reason::EngineUnused) } else { referenced.verdict(&row.key) };
                if let Some(reason) = reason.filter(|_| survey.is_old(&row)) {
                    found.items.push(GcItem::new(at.place, row, reason));
                }
            }
        }
        Ok(found)
    }

    /// A signer writes its account every few seconds: an engine whose folder
    /// nobody has written to for long has neither signer nor hosts.
    fn is_unused(&self, survey: &Survey, rows: &[Row]) -> bool {
        let newest = rows.iter().map(|row| row.modified_ms).max().unwrap_or(0);
        survey.time.age_ms(newest) >= days_ms(self.settings().code_unused_days)
    }
}

impl Apply<'_> {
    /// Deletes an object of code if it is the one planned, and its engine still unused where that was why.
    pub(super) async fn code(&self, key: &Key, item: &GcItem, done: &mut Done) -> Result<(), UpkeepError> {
        let at = self.upkeep.at(item.place);
        let same = at.head(key).await?.is_some_and(|row| row.etag == item.etag && row.modified_ms == item.modified_ms);
        if !same || (item.reason == Reason::EngineUnused && self.is_cared_for(&at, key).await?) {
            done.skipped += 1;
            return Ok(());
        }
        at.delete(key).await?;
        done.removed.add(ObjectKind::from(key), item.bytes);
        Ok(())
    }

    async fn is_cared_for(&self, at: &At, key: &Key) -> Result<bool, UpkeepError> {
        let (Key::Precompiled { compat, .. } | Key::Signer { compat }) = key else { return Ok(true) };
        let unused_ms = days_ms(self.upkeep.settings().code_unused_days);
        let account = at.head(&Key::Signer { compat: *compat }).await?;
        Ok(account.is_some_and(|row| self.time.age_ms(row.modified_ms) < unused_ms))
    }
}
