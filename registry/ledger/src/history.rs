//! Reading: pages of events, pages of extensions, names.

use extensions_artifact::Owned;
use extensions_registry_core::{Event, Extension};
use extensions_types::{ExtensionId, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{Ledger, LedgerError, events, read};

/// Events in one page.
pub const PAGE_MAX: usize = 500;
/// Extensions looked at for one page, whether or not they are wanted: a filter
/// that wants few of many gives short pages instead of long waits.
pub const LOOKED_AT_MAX: usize = 500;
/// Names asked for in one request.
const NAMES: usize = 200;
/// Snapshots read at once. Each has up to 8 MiB, most have a few KiB.
const PARALLEL: usize = 16;

/// Some events, in the order asked for.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next page begins; none after the last one.
    pub next: Option<u64>,
}

/// Some extensions, ordered by id.
#[derive(Debug, Clone)]
pub struct ListPage<T> {
    /// What was picked of each.
    pub rows: Vec<T>,
    /// Go on after this one; none after the last one. Pages may be short before that.
    pub next: Option<ExtensionId>,
}

impl Ledger {
    /// Events after `after` (0 for the first), the oldest first; at most `limit` (and 500).
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history(&self, of: &Owned, after: u64, limit: usize) -> Result<HistoryPage, LedgerError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let events = events::some(self.stores().registry(), of, after.saturating_add(1), limit).await?;
        let next = (events.len() == limit).then(|| after + limit as u64);
        Ok(HistoryPage { events, next })
    }

    /// Events before `before` (0 for the end), the newest first; at most `limit` (and 500).
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history_backwards(&self, of: &Owned, before: u64, limit: usize) -> Result<HistoryPage, LedgerError> {
        let end = if before == 0 { self.read(of).await?.applied_seq } else { before - 1 };
        let count = (limit.clamp(1, PAGE_MAX) as u64).min(end);
        let first = end - count + 1;
        let mut events = events::some(self.stores().registry(), of, first, usize::try_from(count).unwrap_or(PAGE_MAX)).await?;
        events.reverse();
        Ok(HistoryPage { next: (first > 1 && !events.is_empty()).then_some(first), events })
    }

    /// Extensions of a tenant whose ids begin with `prefix`, after `after`, by
    /// their snapshots: at most `limit` of which `pick` wants something. In the
    /// store's order, in which `a-b` comes before `a`. A snapshot may be a moment
    /// behind; where there is none, the events are read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list<T: Send>(
        &self,
        tenant: &TenantId,
        after: Option<&ExtensionId>,
        prefix: &str,
        limit: usize,
        pick: impl Fn(&Extension) -> Option<T> + Sync,
    ) -> Result<ListPage<T>, LedgerError> {
        let limit = limit.max(1);
        let (mut rows, mut looked_at, mut last) = (Vec::new(), 0, after.cloned());
        loop {
            let room = limit - rows.len();
            // Names alone are cheap to pass over, snapshots are not.
            let wanted = if prefix.is_empty() { room.min(NAMES) } else { NAMES };
            let names = self.stores().registry().extensions(tenant, last.as_ref(), wanted).await?;
            last = names.names.last().cloned().or(last);
            let mut more = names.more;
            let mut named: Vec<_> = names.names.into_iter().filter(|extension| extension.as_str().starts_with(prefix)).collect();
            if named.len() > room {
                named.truncate(room);
                (last, more) = (named.last().cloned(), true);
            }
            looked_at += named.len();
            let read = named.into_iter().map(|extension| self.glance(Owned::new(tenant.clone(), extension), &pick));
            let picked: Vec<Option<T>> = stream::iter(read).buffered(PARALLEL).try_collect().await?;
            rows.extend(picked.into_iter().flatten());
            if !more {
                return Ok(ListPage { rows, next: None });
            }
            if rows.len() >= limit || looked_at >= LOOKED_AT_MAX {
                return Ok(ListPage { rows, next: last });
            }
        }
    }

    async fn glance<T>(&self, of: Owned, pick: impl Fn(&Extension) -> Option<T>) -> Result<Option<T>, LedgerError> {
        let mut known = read::snapshot(self.stores(), &of).await?;
        if known.head.is_none() {
            read::catch_up(self.stores(), &of, &mut known.state).await?;
        }
        Ok(if known.state.is_new() { None } else { pick(&known.state) })
    }

    /// Tenants that have something in the registry's store, at most `limit`, after `after`; and whether more follow.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<(Vec<TenantId>, bool), LedgerError> {
        let names = self.stores().registry().tenants(after, limit).await?;
        Ok((names.names, names.more))
    }

    /// Extensions of a tenant that have something in the registry's store, at most `limit`, after `after`; and whether more follow.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn extensions(&self, tenant: &TenantId, after: Option<&ExtensionId>, limit: usize) -> Result<(Vec<ExtensionId>, bool), LedgerError> {
        let names = self.stores().registry().extensions(tenant, after, limit).await?;
        Ok((names.names, names.more))
    }

    /// Hands every extension of the stores to `each`, a few at a time; of one tenant where `only` says so.
    pub(crate) async fn for_each_extension<F: Future<Output = ()> + Send>(
        &self,
        only: Option<&TenantId>,
        at_once: usize,
        each: impl Fn(Owned) -> F + Sync,
    ) -> Result<(), LedgerError> {
        let mut last_tenant: Option<TenantId> = None;
        loop {
            let (tenants, more_tenants) = match only {
                Some(tenant) => (vec![tenant.clone()], false),
                None => self.tenants(last_tenant.as_ref(), NAMES).await?,
            };
            last_tenant = tenants.last().cloned().or(last_tenant);
            for tenant in tenants {
                let mut last: Option<ExtensionId> = None;
                loop {
                    let (extensions, more) = self.extensions(&tenant, last.as_ref(), NAMES).await?;
                    last = extensions.last().cloned().or(last);
                    let all = extensions.into_iter().map(|extension| each(Owned::new(tenant.clone(), extension)));
                    stream::iter(all).buffer_unordered(at_once).collect::<()>().await;
                    if !more {
                        break;
                    }
                }
            }
            if !more_tenants {
                return Ok(());
            }
        }
    }
}
