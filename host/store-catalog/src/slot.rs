//! One extension of the index: what calls get of it, and how far it follows the store.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use extensions_artifact::{Etag, Owned};
use extensions_catalog::{Entry, Unread, Urgency};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::document::Order;

/// A read that failed is not tried again for the next caller within this time;
/// what is damaged stays so until somebody writes it anew.
const UNAVAILABLE_KEPT: Duration = Duration::from_millis(500);
const DAMAGED_KEPT: Duration = Duration::from_secs(5);

/// One extension of the index.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) of: Owned,
    served: ArcSwapOption<Entry>,
    /// Whether a call came since the last sweep.
    used: AtomicBool,
    cold: Mutex<Cold>,
}

/// Everything that no call looks at while its entry is served.
#[derive(Debug, Default)]
pub(crate) struct Cold {
    /// The etag that the last list gave.
    pub(crate) listed: Option<Etag>,
    /// The list that named it last.
    pub(crate) seen: u64,
    /// The document that was accepted last.
    pub(crate) taken: Option<Taken>,
    /// What calls should get, while they do not get all of it.
    pub(crate) wanted: Option<Arc<Entry>>,
    /// Why this slot does not follow the store.
    pub(crate) problem: Option<Box<str>>,
    /// The problem that was logged last.
    said: Option<Box<str>>,
    /// It is no longer in the index.
    pub(crate) gone: bool,
    /// That problem is a read that failed; the list may say that there was nothing new to read.
    misread: bool,
    /// The first hint that calls do not see the effect of.
    pub(crate) heard: Option<Instant>,
    failed: Option<(Instant, Unread)>,
    flight: Option<Flight>,
    again: bool,
    load: Option<Urgency>,
}

/// A document that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// Its etag; none for a copy on disk.
    pub(crate) etag: Option<Etag>,
    pub(crate) order: Order,
    /// The size of its text, as long as its entry is in memory.
    pub(crate) bytes: u64,
}

/// Work on a slot, one at a time: the value says whether an entry is served.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) told: watch::Receiver<bool>,
    pub(crate) again: Arc<Notify>,
}

/// Why a slot is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Somebody calls it.
    Entry,
    /// The store may have another state than the one taken.
    Change,
    /// The same, and it shall be loaded before it is called.
    Load(Urgency),
}

/// Where the work's end goes.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) told: watch::Sender<bool>,
    pub(crate) again: Arc<Notify>,
}

impl Slot {
    pub(crate) fn new(of: Owned, listed: Option<Etag>, seen: u64) -> Self {
        let cold = Mutex::new(Cold { listed, seen, ..Cold::default() });
        Self { of, served: ArcSwapOption::empty(), used: AtomicBool::new(false), cold }
    }

    /// What a call gets.
    pub(crate) fn call(&self) -> Option<Arc<Entry>> {
        let entry = self.served.load_full();
        // Written once between two sweeps: the line stays shared between the threads.
        if entry.is_some() && !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
        entry
    }

    /// The same for the catalog's own work.
    pub(crate) fn served(&self) -> Option<Arc<Entry>> {
        self.served.load_full()
    }

    /// Lets calls see `entry`; says whether they saw one before.
    pub(crate) fn serve(&self, entry: Arc<Entry>) -> bool {
        self.served.swap(Some(entry)).is_some()
    }

    /// Forgets the entry; it is read again when it is called. Says whether there was one, and how large its text was.
    pub(crate) fn evict(&self) -> (bool, u64) {
        let mut cold = self.cold();
        cold.wanted = None;
        let bytes = cold.taken.as_mut().map_or(0, |taken| std::mem::take(&mut taken.bytes));
        (self.served.swap(None).is_some(), bytes)
    }

    /// Whether it was called since the last time that this was asked.
    pub(crate) fn was_used(&self) -> bool {
        self.used.swap(false, Relaxed)
    }

    pub(crate) fn cold(&self) -> MutexGuard<'_, Cold> {
        // Whatever panicked, each field is whole by itself.
        self.cold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the work under way, telling it of the wish, or has it begun.
    pub(crate) fn join_or_begin(&self, wish: Wish) -> (Flight, Option<Begun>) {
        let mut cold = self.cold();
        if let Wish::Load(urgency) = wish {
            cold.load = Some(cold.load.map_or(urgency, |other| other.min(urgency)));
        }
        // Work that panicked has closed its channel.
        if let Some(flight) = cold.flight.clone().filter(|flight| flight.told.has_changed().is_ok()) {
            if wish != Wish::Entry {
                cold.again = true;
                flight.again.notify_one();
            }
            return (flight, None);
        }
        let (told, receiver) = watch::channel(false);
        let again = Arc::new(Notify::new());
        let flight = Flight { told: receiver, again: Arc::clone(&again) };
        cold.again = false;
        cold.flight = Some(flight.clone());
        (flight, Some(Begun { told, again }))
    }

    /// Begins a round of work: whether what it brings shall be loaded, and how soon.
    pub(crate) fn begin_round(&self) -> Option<Urgency> {
        let mut cold = self.cold();
        cold.again = false;
        cold.load.take()
    }

    /// Ends the work, unless another round was asked for meanwhile.
    pub(crate) fn end(&self) -> bool {
        let mut cold = self.cold();
        if cold.again || cold.load.is_some() {
            return false;
        }
        cold.flight = None;
        true
    }

    /// Whether a problem is another one than the last: each is logged once, however often it is met.
    pub(crate) fn is_news(&self, problem: &str) -> bool {
        let mut cold = self.cold();
        let is_news = cold.said.as_deref() != Some(problem);
        cold.said = Some(problem.into());
        is_news
    }

    /// Whether another round is asked for.
    pub(crate) fn is_asked_again(&self) -> bool {
        self.cold().again
    }
}

impl Cold {
    /// Remembers that reading failed, and why.
    pub(crate) fn fail(&mut self, error: Unread, problem: String) {
        self.failed = Some((Instant::now(), error));
        (self.problem, self.misread) = (Some(problem.into()), true);
    }

    /// The list was read: a failed read of what is current concerns nobody any more. Says whether there was one.
    pub(crate) fn calm(&mut self) -> bool {
        let calmed = self.misread && self.wanted.is_none() && self.is_current();
        if calmed {
            self.recover();
        }
        calmed
    }

    /// A failure that is too fresh to try again.
    pub(crate) fn failed(&self) -> Option<Unread> {
        let (at, error) = self.failed.as_ref()?;
        let kept = match error {
            Unread::Unavailable => UNAVAILABLE_KEPT,
            Unread::Damaged => DAMAGED_KEPT,
        };
        (at.elapsed() < kept).then(|| error.clone())
    }

    /// A round has ended with or without a problem.
    pub(crate) fn settle(&mut self, problem: Option<String>) {
        if problem.is_none() {
            self.said = None;
        }
        (self.problem, self.misread) = (problem.map(Into::into), false);
    }

    pub(crate) fn recover(&mut self) {
        (self.failed, self.problem, self.misread) = (None, None, false);
    }

    /// Whether work is under way.
    pub(crate) fn is_flying(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.told.has_changed().is_ok())
    }

    /// Whether what was taken is what the list names.
    pub(crate) fn is_current(&self) -> bool {
        self.taken.as_ref().is_some_and(|taken| taken.etag.is_some() && taken.etag == self.listed)
    }
}
