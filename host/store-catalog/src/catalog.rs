//! The catalog of one environment's store, as hosts and programs hold it.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use extensions_artifact::{BlobSettings, Blobs, Owned, Store};
use extensions_catalog::{Allowance, Catalog, CatalogStatus, ControlStatus, Entry, Found, Loads, Off, Rules, ServedVersion, Unread, Urgency};
use extensions_types::{CauseSet, Environment, ExtensionDefinition, ExtensionId, Kind, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use prometheus_client::registry::Registry;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle, time::Instant};

use crate::{
    CatalogSettings, SettingsError,
    control::{Followed, InForce, Look},
    copy::Copy,
    hints::{Hint, Hints},
    index::Index,
    metrics::{self, Counts},
    served::{Changes, Recent},
    slot::{Slot, Wish},
    troubles::Troubles,
    turns::Turns,
};

/// Entries that one list answer reads at once; [`Turns`] bounds them further.
const LISTED_AT_ONCE: usize = 16;
/// Copies written at once: each waits for the disk, on a thread that loads want too.
const SAVES_AT_ONCE: usize = 2;

/// Why a catalog cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The folder of the last copy cannot be used.
    #[error("the folder for the catalog's last copy cannot be used")]
    Copy(#[from] std::io::Error),
}

/// Why something just changed is not served yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotFollowed(String);

/// What an environment's store says is served. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreCatalog(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Environment,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) settings: CatalogSettings,
    pub(crate) copy: Copy,
    pub(crate) background: Handle,
    pub(crate) index: ArcSwap<Index>,
    pub(crate) control: ArcSwap<InForce>,
    /// Held for a look at control: one at a time.
    pub(crate) looking: tokio::sync::Mutex<()>,
    followed: Mutex<Followed>,
    pub(crate) loads: OnceLock<Arc<dyn Loads>>,
    pub(crate) reads: Turns,
    pub(crate) loading: Turns,
    /// Copies of entries being written at once.
    pub(crate) saves: Semaphore,
    pub(crate) writing: Mutex<()>,
    /// Whether the last list succeeded.
    pub(crate) reachable: AtomicBool,
    pub(crate) lists: AtomicU64,
    /// Whether the index has other names than its copy on disk.
    pub(crate) unsaved: AtomicBool,
    /// Entries in memory, and the size of their text.
    pub(crate) entries_read: AtomicUsize,
    pub(crate) entries_bytes: AtomicU64,
    pub(crate) hints: Hints,
    pub(crate) recent: Arc<Recent>,
    pub(crate) troubles: Troubles,
    pub(crate) counts: Arc<Counts>,
    pub(crate) sweeping: Mutex<()>,
    listed_at: Mutex<Option<Instant>>,
}

/// Follows the store until it is dropped.
#[derive(Debug)]
pub struct Following(Vec<JoinHandle<()>>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl StoreCatalog {
    /// The catalog of `env` in `store`, with its last copy under `data_dir`.
    /// Nothing is read before [`follow`](Self::follow). Its work runs on `background`.
    ///
    /// # Errors
    /// When a setting cannot work or `data_dir` cannot be used.
    pub fn open(env: Environment, store: Store, settings: CatalogSettings, data_dir: &Path, background: Handle) -> Result<Self, OpenError> {
        settings.check()?;
        let copy = Copy::open(data_dir, env, store.place().to_owned())?;
        let blobs = Blobs::new(store.clone(), BlobSettings::default());
        Ok(Self(Arc::new(Inner {
            env,
            store,
            blobs,
            settings,
            copy,
            background,
            index: ArcSwap::default(),
            control: ArcSwap::from_pointee(InForce::unknown(env)),
            looking: tokio::sync::Mutex::default(),
            followed: Mutex::default(),
            loads: OnceLock::new(),
            reads: Turns::of_reads(),
            loading: Turns::of_loads(),
            saves: Semaphore::new(SAVES_AT_ONCE),
            writing: Mutex::default(),
            reachable: AtomicBool::new(true),
            lists: AtomicU64::new(0),
            unsaved: AtomicBool::new(false),
            entries_read: AtomicUsize::new(0),
            entries_bytes: AtomicU64::new(0),
            hints: Hints::default(),
            recent: Arc::default(),
            troubles: Troubles::default(),
            counts: Arc::default(),
            sweeping: Mutex::default(),
            listed_at: Mutex::default(),
        })))
    }

    /// Begins to follow the store; new versions are loaded through `loads` before calls see them.
    pub fn follow(&self, loads: Arc<dyn Loads>) -> Following {
        // A second call keeps the first one's loader: there is one host in a process.
        let _ = self.0.loads.set(loads);
        let (poll, control) = (Arc::clone(&self.0).poll(), Arc::clone(&self.0).poll_control());
        Following(vec![self.0.background.spawn(poll), self.0.background.spawn(control)])
    }

    /// Takes a hint: looks there soon, and has what changed loaded before calls
    /// see it. Never waits; what this host has already costs nothing, a flood becomes one list.
    pub fn hint(&self, hint: Hint) {
        self.0.hint(hint);
    }

    /// What becomes of changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.0.recent.follow()
    }

    /// Since the store last gave the whole index; none before the first time.
    #[must_use]
    pub fn listed_age(&self) -> Option<Duration> {
        self.0.listed_at().map(|at| at.elapsed())
    }

    /// Registers what the catalog counts, labelled with its environment.
    pub fn register(&self, registry: &mut Registry) {
        metrics::register(&self.0, registry);
    }

    /// Reads one entry now, and returns when calls get its current state, loaded. For whoever just changed it.
    ///
    /// # Errors
    /// Why calls do not get it.
    pub async fn refresh(&self, tenant: &TenantId, extension: &ExtensionId) -> Result<(), NotFollowed> {
        let slot = self.0.slot_for(tenant, extension);
        let mut flight = self.0.fly(&slot, Wish::Load(Urgency::Called));
        // Ends by its channel's end.
        let _ = flight.told.wait_for(|_| false).await;
        let cold = slot.cold();
        match &cold.problem {
            Some(problem) => Err(NotFollowed(problem.to_string())),
            None => Ok(()),
        }
    }

    /// Looks at control now. For whoever just changed it.
    ///
    /// # Errors
    /// Why it is not in force.
    pub async fn refresh_control(&self) -> Result<(), NotFollowed> {
        self.0.look(Look::Closely).await.map_err(NotFollowed)
    }
}

impl Inner {
    pub(crate) fn listed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.listed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control_status(&self, control: &InForce) -> ControlStatus {
        let followed = self.followed();
        let age_s = followed.confirmed.map(|at| at.elapsed().as_secs());
        ControlStatus { generation: control.order.0, seq: control.order.1, rules: control.rules.counts(), age_s, problem: followed.problem.clone() }
    }

    /// The slot of an extension, made where the index has none.
    pub(crate) fn slot_for(&self, tenant: &TenantId, extension: &ExtensionId) -> Arc<Slot> {
        if let Some(slot) = self.index.load().get(tenant, extension) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::new(Owned::new(tenant.clone(), extension.clone()), None, 0));
        let mut present = None;
        self.change_index(|index| match index.get(tenant, extension) {
            Some(other) => present = Some(Arc::clone(other)),
            None => index.add([Arc::clone(&slot)]),
        });
        present.unwrap_or(slot)
    }

    /// What the slot serves, read where it is not.
    async fn read(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<Option<Arc<Entry>>, Unread> {
        if let Some(entry) = slot.call() {
            return Ok(Some(entry));
        }
        let failed = slot.cold().failed();
        if let Some(error) = failed {
            return Err(error);
        }
        let mut flight = self.fly(slot, Wish::Entry);
        // Served, or ended without.
        let _ = flight.told.wait_for(|served| *served).await;
        if let Some(entry) = slot.call() {
            return Ok(Some(entry));
        }
        let cold = slot.cold();
        if cold.gone { Ok(None) } else { Err(cold.failed().unwrap_or(Unread::Unavailable)) }
    }
}

impl Catalog for StoreCatalog {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        let index = self.0.index.load();
        match index.get(tenant, extension) {
            Some(slot) => slot.call().map_or(Found::Unread, Found::Entry),
            None if index.is_known() => Found::Nothing,
            None => Found::Unread,
        }
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        Box::pin(async move {
            let index = self.0.index.load_full();
            match index.get(tenant, extension) {
                Some(slot) => self.0.read(slot).await,
                None if index.is_known() => Ok(None),
                None => Err(Unread::Unavailable),
            }
        })
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        Box::pin(async move {
            let index = self.0.index.load_full();
            if !index.is_known() {
                return Err(Unread::Unavailable);
            }
            let read = stream::iter(index.of_tenant(tenant)).map(|slot| async move {
                match self.0.read(&slot).await {
                    // One damaged entry does not hide the others.
                    Err(Unread::Damaged) => Ok(None),
                    read => read,
                }
            });
            let answering = |entry: Option<Arc<Entry>>| {
                let version = entry.filter(|entry| entry.enabled)?.current().cloned()?;
                let wanted = kind.is_none_or(|kind| version.definition.kind == kind);
                (wanted && self.forced_off(&version.definition).is_none()).then_some(version)
            };
            let listed = read.buffered(LISTED_AT_ONCE).try_filter_map(|entry| std::future::ready(Ok(answering(entry))));
            listed.take(max).try_collect().await
        })
    }

    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        let control = self.0.control.load();
        // What is unknown is refused: nothing may run past a switch that this host has not seen.
        if control.is_known { control.rules.forced_off(definition) } else { Some(Off::Unknown) }
    }

    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.0.control.load().rules.switches().aborts(definition)
    }

    fn control(&self) -> u64 {
        let control = self.0.control.load();
        if control.is_known { control.rules.number() } else { 0 }
    }

    fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance {
        self.0.control.load().rules.allowance(tenant, extension)
    }

    fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        let control = self.0.control.load();
        // What is unknown is refused: an environment that tightened may not be loose after a restart.
        if control.is_known { control.rules.denied_causes(tenant, extension) } else { CauseSet::ALL }
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        let control = self.0.control.load();
        control.is_known.then(|| Arc::clone(&control.rules))
    }

    fn ready(&self) -> bool {
        self.0.index.load().is_known() && self.0.control.load().is_known
    }

    fn status(&self) -> CatalogStatus {
        let (index, control) = (self.0.index.load_full(), self.0.control.load_full());
        let mut status = CatalogStatus {
            ready: self.ready(),
            origin: index.origin,
            store_reachable: Some(self.0.reachable.load(Relaxed)),
            index_age_s: self.listed_age().map(|age| age.as_secs()),
            entries: index.len(),
            entries_read: self.0.entries_read.load(Relaxed),
            control: self.0.control_status(&control),
            hints_dropped: self.0.hints.counts.dropped.load(Relaxed),
            ..CatalogStatus::default()
        };
        self.0.troubles.tell(&mut status);
        status
    }
}
