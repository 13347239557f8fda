//! Where a host's entries come from, as the host sees it.

use std::{fmt, sync::Arc};

use extensions_types::{CauseSet, ExtensionDefinition, ExtensionId, Kind, TenantId, Version};
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::{Allowance, Entry, Off, RuleCounts, Rules, ServedVersion, Urgency};

/// The entries and switches of one environment.
pub trait Catalog: Send + Sync + fmt::Debug {
    /// What is known of one extension, without waiting. On the path of every
    /// call: it must neither allocate nor take a lock that writers hold for long.
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found;

    /// Reads an entry that is [`Found::Unread`]; none where it turns out to be
    /// gone. The read goes on when the future is dropped. Use [`find`](crate::find()).
    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>>;

    /// The current versions of one tenant that answer, ordered by id, at most `max`.
    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>>;

    /// Whether control forces a version off. On the path of every call.
    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off>;

    /// Whether control ends what runs of a version. Asked at every tick of a guest.
    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off>;

    /// Names the rules in force, for what was worked out under them: as long as it
    /// is the same, a version that [`Self::forced_off`] let answer may, and
    /// [`Self::allowance`] says the same. 0: nothing is to be kept. On the path of
    /// every call; changed no later than the rules themselves.
    fn control(&self) -> u64;

    /// How much control lets a tenant and its extension use. On the path of every
    /// call; unlimited where there is no control.
    fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance;

    /// The causes that control lets no contract of the extension answer for: all
    /// of them while nobody can say.
    fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet;

    /// Everything that control says; none where there is no control. For operators.
    fn rules(&self) -> Option<Arc<Rules>>;

    /// Whether index and control have been read once, so that "not found" is true.
    fn ready(&self) -> bool;

    /// For operators: where the catalog stands.
    fn status(&self) -> CatalogStatus;
}

/// Loads versions ahead of their first call, and knows which are loaded: a
/// catalog has a new version loaded before it lets calls see it.
pub trait Loads: Send + Sync + fmt::Debug {
    /// Whether calls of this version find it loaded.
    fn is_loaded(&self, version: &ServedVersion) -> bool;

    /// Loads it; bounded in time.
    ///
    /// # Errors
    /// Why it cannot be loaded, for operators.
    fn load<'l>(&'l self, version: &'l Arc<ServedVersion>, urgency: Urgency) -> BoxFuture<'l, Result<(), String>>;
}

/// What is known without waiting.
#[derive(Debug, Clone)]
pub enum Found {
    /// The entry.
    Entry(Arc<Entry>),
    /// The tenant has no such extension here.
    Nothing,
    /// There may be one: it has to be read.
    Unread,
}

/// Why an entry that may exist is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The store does not answer, or too many entries are being read.
    #[error("what this environment serves cannot be read now; try again")]
    Unavailable,
    /// The document is not one that a host may act on; its log says more.
    #[error("the entry of this extension is damaged; its operators must have it written anew")]
    Damaged,
}

/// Where a catalog stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CatalogStatus {
    /// As [`Catalog::ready`].
    pub ready: bool,
    /// Where the index was last read from.
    pub origin: Origin,
    /// Whether the store answered when it was last listed; none where there is no store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_reachable: Option<bool>,
    /// Seconds since the store last gave the whole index; none before the first time.
    pub index_age_s: Option<u64>,
    /// Extensions in the index.
    pub entries: usize,
    /// Entries of them that are held in memory.
    pub entries_read: usize,
    /// The switches in force.
    pub control: ControlStatus,
    /// Hints that came too fast; one list was made in their place.
    pub hints_dropped: u64,
    /// Extensions of which an older state goes on, since the new one cannot be loaded.
    pub kept: usize,
    /// What does not follow the store, and why; at most [`CatalogStatus::PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problems_total: usize,
}

impl CatalogStatus {
    /// More problems are counted, not shown.
    pub const PROBLEMS_MAX: usize = 100;
}

/// Where an index came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It has not been read.
    #[default]
    None,
    /// This process was given it.
    Memory,
    /// The environment's store.
    Store,
    /// The last copy on this machine's disk: the store was gone at the start.
    LastCopy,
}

/// The switches in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ControlStatus {
    /// Raised by a rebuild or a restore.
    pub generation: u64,
    /// The last change in it.
    pub seq: u64,
    /// How much is set.
    #[serde(flatten)]
    pub rules: RuleCounts,
    /// Seconds since the store last confirmed it; none if it never did.
    pub age_s: Option<u64>,
    /// Why the store's state is not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One extension that does not follow the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub extension: ExtensionId,
    /// What is wrong.
    pub problem: String,
    /// The version that goes on in place of one that cannot be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Version>,
}
