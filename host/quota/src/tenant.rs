//! The record of one tenant: its account, its share of the CPU, the accounts of its limited extensions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use extensions_fair::Share;
use extensions_types::{Environment, ExtensionId, TenantId, Weight};

use crate::{account::Account, clock::UNITS_PER_S};

/// A record that nobody asked for so long, and that has nothing to remember, goes.
/// Long enough that what the lanes know of a tenant outlives its pauses.
pub(crate) const IDLE_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) env: Environment,
    pub(crate) id: TenantId,
    pub(crate) share: Arc<Share>,
    pub(crate) account: Account,
    /// Those that have limits of their own, ordered by id.
    extensions: ArcSwap<Vec<Arc<Limit>>>,
    weight: AtomicU16,
    last_asked: LastAsked,
}

/// The record of one extension that has limits of its own.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) id: ExtensionId,
    pub(crate) account: Account,
    last_asked: LastAsked,
}

/// In whole seconds, so that it is written once a second.
#[derive(Debug)]
struct LastAsked(AtomicU32);

impl LastAsked {
    fn at(now: u64) -> Self {
        Self(AtomicU32::new(seconds(now)))
    }

    fn touch(&self, now: u64) {
        let now = seconds(now);
        if self.0.load(Relaxed) < now {
            self.0.fetch_max(now, Relaxed);
        }
    }

    fn is_long_ago(&self, now: u64) -> bool {
        seconds(now).saturating_sub(self.0.load(Relaxed)) as u64 > IDLE_AFTER.as_secs()
    }
}

fn seconds(now: u64) -> u32 {
    u32::try_from(now / UNITS_PER_S).unwrap_or(u32::MAX)
}

impl Limit {
    /// A call of this extension asks.
    pub(crate) fn touch(&self, now: u64) {
        self.last_asked.touch(now);
    }
}

impl Tenant {
    pub(crate) fn new(env: Environment, id: TenantId, weight: Weight, now: u64) -> Self {
        Self {
            env,
            id,
            share: Arc::new(Share::new(weight)),
            account: Account::default(),
            extensions: ArcSwap::default(),
            weight: AtomicU16::new(weight.get()),
            last_asked: LastAsked::at(now),
        }
    }

    /// A call of this tenant asks; its weight counts from now on.
    pub(crate) fn touch(&self, weight: Weight, now: u64) {
        self.last_asked.touch(now);
        if self.weight.load(Relaxed) != weight.get() && self.weight.swap(weight.get(), Relaxed) != weight.get() {
            self.share.set_weight(weight);
        }
    }

    /// The record of an extension that has limits; made where there is none.
    pub(crate) fn extension(&self, id: &ExtensionId, now: u64) -> Arc<Limit> {
        loop {
            if let Some(found) = self.known(id) {
                found.touch(now);
                return found;
            }
            let made = Arc::new(Limit { id: id.clone(), account: Account::default(), last_asked: LastAsked::at(now) });
            self.extensions.rcu(|all| match place(all, id) {
                Ok(at) if all[at].account.flight.is_closed() => replaced(all, at, &made),
                Ok(_) => Arc::clone(all),
                Err(at) => inserted(all, at, &made),
            });
        }
    }

    /// The same, where there is one.
    pub(crate) fn known(&self, id: &ExtensionId) -> Option<Arc<Limit>> {
        let all = self.extensions.load();
        let found = &all[place(&all, id).ok()?];
        (!found.account.flight.is_closed()).then(|| Arc::clone(found))
    }

    pub(crate) fn each_extension(&self, mut see: impl FnMut(&Limit)) {
        self.extensions.load().iter().for_each(|limit| see(limit));
    }

    pub(crate) fn extensions_held(&self) -> usize {
        self.extensions.load().len()
    }

    /// Puts away the extensions' records that have nothing to remember.
    pub(crate) fn sweep(&self, now: u64) {
        let mut closed = false;
        self.each_extension(|limit| closed |= close(&limit.account, &limit.last_asked, now));
        if closed {
            self.extensions.rcu(|all| all.iter().filter(|limit| !limit.account.flight.is_closed()).cloned().collect::<Vec<_>>());
        }
    }

    /// Puts itself away where it has nothing to remember. Nobody is let in then.
    pub(crate) fn close(&self, now: u64) -> bool {
        // What others hold of the share is counted on it: another one would not know.
        let is_held = Arc::strong_count(&self.share) > 1;
        !is_held && self.extensions_held() == 0 && close(&self.account, &self.last_asked, now)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.account.flight.is_closed()
    }
}

/// In this order: whoever enters meanwhile changes the word, and whoever takes
/// over what was used so far has asked before.
fn close(account: &Account, last_asked: &LastAsked, now: u64) -> bool {
    let Some(empty) = account.flight.empty() else { return false };
    account.owes_nothing() && last_asked.is_long_ago(now) && account.is_full(now) && account.flight.close(empty)
}

fn place(all: &[Arc<Limit>], id: &ExtensionId) -> Result<usize, usize> {
    all.binary_search_by(|limit| limit.id.cmp(id))
}

fn inserted(all: &[Arc<Limit>], at: usize, made: &Arc<Limit>) -> Arc<Vec<Arc<Limit>>> {
    let mut all = all.to_vec();
    all.insert(at, Arc::clone(made));
    Arc::new(all)
}

fn replaced(all: &[Arc<Limit>], at: usize, made: &Arc<Limit>) -> Arc<Vec<Arc<Limit>>> {
    let mut all = all.to_vec();
    all[at] = Arc::clone(made);
    Arc::new(all)
}
