//! Instances made ready ahead, where an extension's own start is dear.
//!
//! A start is made ahead only where it asks the host for nothing: then what it
//! leaves behind is the same for every call, and an instance that waits is as
//! fresh as one made now. It is used once. It was made in the slow lane, under
//! the limits of a call, at its tenant's cost; it waits within bounds of places
//! and bytes that tenants share alike, and goes when nobody calls, when its
//! version goes or is switched off, and when memory is short.

mod memory;
mod shelf;
mod start_cost;

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_fair::{Payer, Purpose, Room, RoomSize};
use extensions_types::{ActorType, CallLabel, Environment, ExecutionContext, ExtensionDefinition};

pub use memory::MemoryRoom;
pub(crate) use shelf::{Claim, Ready, Shelf};
pub(crate) use start_cost::{STARTS_UNTIL_KNOWN, StartCost};

use crate::{Call, DenyAll, Extension, Unobserved, orders::Given};

/// An instance that waited so long is of an extension that nobody calls: idle
/// extensions cost no memory.
const WAITS_MAX: Duration = Duration::from_secs(60);

/// What waits on all shelves of an engine.
pub(crate) struct ReadyAhead {
    room: Arc<Room>,
    is_tight: AtomicBool,
    /// Those that have a shelf. Looked through by whoever tends them; nobody
    /// holds the lock for longer than an addition or a copy.
    extensions: Mutex<Vec<Weak<Extension>>>,
    made: AtomicU64,
    used: AtomicU64,
    missed: AtomicU64,
    given_up: AtomicU64,
}

/// Instances made ready ahead; counts are since the engine's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadyFigures {
    /// Places that are taken: by instances that wait, or are being made.
    pub places: usize,
    /// Sum of their memories and tables.
    pub bytes: usize,
    /// Instances that were made.
    pub made: u64,
    /// Calls that took one.
    pub used: u64,
    /// Calls of extensions with a dear start that found none.
    pub missed: u64,
    /// Instances that went unused: nobody called, memory was short, or it was switched off.
    pub given_up: u64,
}

impl ReadyAhead {
    pub(crate) fn new(size: RoomSize) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            room: Room::new(Purpose::Instances, size),
            is_tight: AtomicBool::new(false),
            extensions: Mutex::default(),
            made: zero(),
            used: zero(),
            missed: zero(),
            given_up: zero(),
        }
    }

    /// A place for one more instance, if `extension` is to have one and the tenant may.
    pub(crate) fn claim(&self, extension: &Arc<Extension>, payer: &dyn Payer) -> Option<Claim> {
        if !extension.start_cost.is_dear() || self.is_tight.load(Relaxed) {
            return None;
        }
        let shelf = extension.shelf.get_or_init(|| {
            self.extensions.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(extension));
            Shelf::default()
        });
        shelf.claim(|| {
            let mut place = self.room.enter(payer.share()).ok()?;
            place.hold(extension.start_cost.bytes()).ok()?;
            Some(place)
        })
    }

    /// An instance for a call in `env`, if one waits.
    pub(crate) fn take(&self, extension: &Extension, env: Environment) -> Option<Box<Ready>> {
        if !extension.start_cost.is_dear() {
            return None;
        }
        let taken = extension.shelf.get().and_then(|shelf| shelf.take(env));
        if taken.is_some() { &self.used } else { &self.missed }.fetch_add(1, Relaxed);
        taken
    }

    /// Keeps an instance for its call.
    pub(crate) fn put(&self, extension: &Extension, ready: Ready) {
        if let Some(shelf) = extension.shelf.get() {
            self.made.fetch_add(1, Relaxed);
            shelf.put(ready);
        }
    }

    /// Gives up what nobody calls or may call, and everything while memory is short.
    pub(crate) fn tend(&self, now: Instant, memory: Option<MemoryRoom>, orders: &Given) {
        let is_tight = memory.is_some_and(|memory| memory.is_tight(self.is_tight.load(Relaxed)));
        self.is_tight.store(is_tight, Relaxed);
        for extension in self.loaded() {
            let unwanted = |ready: &Ready| {
                is_tight || now.saturating_duration_since(ready.made) > WAITS_MAX || orders.forbid_version(ready.env, &extension.definition)
            };
            let gone = extension.shelf.get().map_or(0, |shelf| shelf.clear_where(unwanted));
            self.given_up.fetch_add(gone as u64, Relaxed);
        }
    }

    /// The extensions that have a shelf; forgets those that are gone.
    fn loaded(&self) -> Vec<Arc<Extension>> {
        let mut extensions = self.extensions.lock().unwrap_or_else(PoisonError::into_inner);
        extensions.retain(|extension| extension.strong_count() > 0);
        extensions.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn figures(&self) -> ReadyFigures {
        let [made, used, missed, given_up] = [&self.made, &self.used, &self.missed, &self.given_up].map(|count| count.load(Relaxed));
        ReadyFigures { places: self.room.taken(), bytes: self.room.bytes(), made, used, missed, given_up }
    }
}

/// A start as a call that nobody waits for: nobody's context, no input, no host
/// calls, and no record, which its own call will have.
pub(crate) fn start_of(definition: &ExtensionDefinition, env: Environment, payer: Arc<dyn Payer>) -> Call {
    let label = |text| CallLabel::parse(text).expect("a constant of the grammar");
    let context = ExecutionContext {
        tenant: definition.tenant_id.clone(),
        org: None,
        user: label("platform"),
        actor_type: ActorType::System,
        session: None,
        correlation: label("ready-ahead"),
        env,
        risk_ceiling: definition.risk_tier,
        caller: label("platform"),
        hook_point: None,
    };
    Call {
        context: Arc::new(context),
        input: Bytes::new(),
        accepted: Instant::now(),
        deadline: None,
        host_calls: Arc::new(DenyAll),
        payer,
        observer: Arc::new(Unobserved),
    }
}
