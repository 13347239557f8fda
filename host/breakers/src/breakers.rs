//! All breakers of a host: sharded by version, bounded.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{
    BreakerSettings, BreakerState, Listed,
    breaker::{Breaker, Key},
    machine::{Change, Machine, Passage, State},
    status::status,
    ticket::{Ended, Held, Open, Ticket},
};

/// Versions that have trouble at the same time seldom share a shard.
const SHARDS: usize = 1_024;
/// Breakers of one shard: 65,536 in all, of about 400 bytes.
const BREAKERS_PER_SHARD: usize = 64;

type Shard = RwLock<Vec<Arc<Breaker>>>;

/// The breakers of one host.
#[derive(Debug)]
pub struct Breakers {
    settings: BreakerSettings,
    started: Instant,
    /// Keeps tenants from choosing the shard that their versions come to lie in.
    seed: u64,
    /// As many breakers as each shard holds: a call looks here first, as a rule in
    /// vain, and all of it stays in the nearest cache.
    counts: Box<[AtomicU8]>,
    shards: Box<[Shard]>,
    untracked: AtomicU64,
}

impl Breakers {
    /// No version has had trouble yet.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let seed = RandomState::new().hash_one(SHARDS) | 1;
        let counts = (0..SHARDS).map(|_| AtomicU8::new(0)).collect();
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { settings, started: Instant::now(), seed, counts, shards, untracked: AtomicU64::new(0) }
    }

    /// Lets a call of a version through, or not. `now` may be a little old.
    ///
    /// # Errors
    /// When the breaker is open, or as many probes run as may.
    pub fn admit(&self, key: Key<'_>, now: Instant) -> Result<Ticket, Open> {
        let Some(breaker) = self.find(key) else { return Ok(Ticket { held: None }) };
        let mut machine = breaker.machine();
        let passage = machine.admit(&self.settings, self.at(now));
        let epoch = machine.epoch();
        drop(machine);
        match passage {
            Passage::Refused(retry_after) => Err(Open { retry_after }),
            Passage::Free => Ok(Ticket { held: Some(Held { breaker, epoch, is_probe: false }) }),
            Passage::Probe => Ok(Ticket { held: Some(Held { breaker, epoch, is_probe: true }) }),
        }
    }

    /// Counts how a call of the version ended; says whether that changed its state.
    pub fn report(&self, ticket: Ticket, key: Key<'_>, ended: Ended, now: Instant) -> Option<Change> {
        if ticket.held.is_none() && !ended.is_trouble() && self.is_empty(self.place(key.hash)) {
            return None;
        }
        let at = self.at(now);
        let mut held = ticket.held.or_else(|| self.hold(key, ended, at))?;
        let mut machine = held.breaker.machine();
        let change = machine.report(&self.settings, held.epoch, ended, at);
        let is_over = !ended.is_trouble() && machine.is_idle(&self.settings, at);
        drop(machine);
        // The report has taken its place back.
        held.is_probe = false;
        if is_over {
            // Another call may have opened it since it was looked at.
            self.forget(key.hash, |breaker| Arc::ptr_eq(breaker, &held.breaker) && breaker.machine().is_idle(&self.settings, at));
        }
        change
    }

    /// Whether a call that ran for `ran` of `limit` was slow.
    #[must_use]
    pub fn is_slow(&self, ran: Duration, limit: Duration) -> bool {
        ran.as_micros() * 100 >= limit.as_micros() * u128::from(self.settings.slow_at_percent)
    }

    /// The versions that had trouble lately.
    #[must_use]
    pub fn list(&self, now: Instant) -> Listed {
        let at = self.at(now);
        let mut all = Vec::new();
        for place in self.occupied() {
            self.retain(place, |breaker| !breaker.machine().is_idle(&self.settings, at));
            all.extend(read(&self.shards[place]).iter().map(|breaker| status(breaker, &breaker.machine(), at)));
        }
        let open = all.iter().filter(|breaker| breaker.state != BreakerState::Closed).count();
        let troubled = all.len();
        all.sort_by(|one, two| (one.state, &one.tenant, &one.extension, one.version).cmp(&(two.state, &two.tenant, &two.extension, two.version)));
        all.truncate(Listed::SHOWN_MAX);
        Listed { open, troubled, breakers: all }
    }

    /// How many versions are not called now, or are being tried.
    #[must_use]
    pub fn open(&self) -> usize {
        self.occupied()
            .map(|place| read(&self.shards[place]).iter().filter(|breaker| !matches!(breaker.machine().state, State::Closed(_))).count())
            .sum()
    }

    /// Failures of versions that no breaker was left for.
    #[must_use]
    pub fn untracked(&self) -> u64 {
        self.untracked.load(Relaxed)
    }

    fn at(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// The place of a version's shard.
    fn place(&self, hash: u64) -> usize {
        // Multiplying spreads over the upper bits; SHARDS are 2^10.
        (hash.wrapping_mul(self.seed) >> (u64::BITS - SHARDS.ilog2())) as usize
    }

    fn is_empty(&self, place: usize) -> bool {
        self.counts[place].load(Relaxed) == 0
    }

    /// The shards with breakers.
    fn occupied(&self) -> impl Iterator<Item = usize> {
        (0..SHARDS).filter(|&place| !self.is_empty(place))
    }

    fn find(&self, key: Key<'_>) -> Option<Arc<Breaker>> {
        let place = self.place(key.hash);
        if self.is_empty(place) {
            return None;
        }
        read(&self.shards[place]).iter().find(|breaker| breaker.is_of(key)).cloned()
    }

    /// The breaker that counts the end of a call that met none: trouble makes one.
    fn hold(&self, key: Key<'_>, ended: Ended, at: Duration) -> Option<Held> {
        let breaker = match self.find(key) {
            Some(breaker) => breaker,
            None if ended.is_trouble() && self.settings.enabled => self.make(key, at)?,
            None => return None,
        };
        let machine = breaker.machine();
        // It was let through when nothing stood against it: an open breaker is not its business.
        let (is_closed, epoch) = (matches!(machine.state, State::Closed(_)), machine.epoch());
        drop(machine);
        is_closed.then_some(Held { breaker, epoch, is_probe: false })
    }

    fn make(&self, key: Key<'_>, at: Duration) -> Option<Arc<Breaker>> {
        let place = self.place(key.hash);
        let mut breakers = self.shards[place].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.iter().find(|breaker| breaker.is_of(key)) {
            return Some(Arc::clone(breaker));
        }
        breakers.retain(|breaker| !breaker.machine().is_idle(&self.settings, at));
        if breakers.len() >= BREAKERS_PER_SHARD && !make_room(&mut breakers) {
            self.untracked.fetch_add(1, Relaxed);
            self.count(place, &breakers);
            return None;
        }
        let breaker = Arc::new(Breaker::new(key, Machine::new(&self.settings)));
        breakers.push(Arc::clone(&breaker));
        self.count(place, &breakers);
        Some(breaker)
    }

    fn forget(&self, hash: u64, which: impl Fn(&Arc<Breaker>) -> bool) {
        self.retain(self.place(hash), |breaker| !which(breaker));
    }

    /// Keeps some of a shard.
    fn retain(&self, place: usize, keep: impl Fn(&Arc<Breaker>) -> bool) {
        if self.is_empty(place) {
            return;
        }
        let mut breakers = self.shards[place].write().unwrap_or_else(PoisonError::into_inner);
        breakers.retain(keep);
        self.count(place, &breakers);
    }

    /// Under the shard's lock.
    fn count(&self, place: usize, breakers: &[Arc<Breaker>]) {
        self.counts[place].store(u8::try_from(breakers.len()).unwrap_or(u8::MAX), Relaxed);
    }
}

const _: () = assert!(BREAKERS_PER_SHARD <= u8::MAX as usize, "a shard's count is a byte");

fn read(shard: &Shard) -> RwLockReadGuard<'_, Vec<Arc<Breaker>>> {
    // Whatever panicked, the list is whole.
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away the closed breaker whose trouble is the oldest. Open ones stay:
/// forgetting one would let calls through.
fn make_room(breakers: &mut Vec<Arc<Breaker>>) -> bool {
    let closed = breakers.iter().enumerate().filter_map(|(place, breaker)| {
        let machine = breaker.machine();
        matches!(machine.state, State::Closed(_)).then_some((machine.troubled, place))
    });
    let oldest = closed.min();
    oldest.map(|(_, place)| breakers.swap_remove(place)).is_some()
}

#[cfg(test)]
mod tests {
    use extensions_types::{Abi, Build, ExtensionDefinition, Manifest, Schemas, TenantId, Version};

    use super::*;

    fn definition(id: &str, version: u64) -> Arc<ExtensionDefinition> {
        let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"domain_hook\"\nlang = \"rust\"")).unwrap();
        Arc::new(manifest.define(Build {
            tenant: TenantId::parse("acme").unwrap(),
            abi: Abi::Component,
            version: Version::new(version).unwrap(),
            digest: String::new(),
            schemas: Schemas::default(),
            tool: None,
            created_by: String::new(),
        }))
    }

    fn key(hash: u64, definition: &Arc<ExtensionDefinition>) -> Key<'_> {
        Key { hash, definition }
    }

    fn settings() -> BreakerSettings {
        BreakerSettings { calls_min: 2, ..BreakerSettings::default() }
    }

    const GOOD: Ended = Ended::Answered { slow: false };

    fn fail(breakers: &Breakers, key: Key<'_>, now: Instant) -> Option<Change> {
        breakers.report(breakers.admit(key, now).unwrap(), key, Ended::Failed, now)
    }

    #[test]
    fn one_versions_breaker_never_touches_another() {
        let (breakers, now) = (Breakers::new(settings()), Instant::now());
        // The same hash on purpose: versions are told apart by what they are.
        let (bad, good, next) = (definition("bad", 1), definition("good", 1), definition("bad", 2));
        assert_eq!(fail(&breakers, key(7, &bad), now), None);
        assert!(matches!(fail(&breakers, key(7, &bad), now), Some(Change::Opened { reason: crate::Reason::Errors, .. })));
        assert_eq!(breakers.admit(key(7, &bad), now).unwrap_err().retry_after, Duration::from_secs(5));
        assert!(breakers.admit(key(7, &good), now).is_ok() && breakers.admit(key(7, &next), now).is_ok());
        let listed = breakers.list(now);
        assert_eq!((listed.open, listed.troubled, listed.breakers.len()), (1, 1, 1));
        assert_eq!((listed.breakers[0].extension.as_str(), listed.breakers[0].retry_after_ms), ("bad", Some(5_000)));
    }

    #[test]
    fn a_ticket_that_is_dropped_counts_nothing() {
        let (breakers, now, bad) = (Breakers::new(settings()), Instant::now(), definition("bad", 1));
        for _ in 0..50 {
            drop(breakers.admit(key(1, &bad), now).unwrap());
        }
        assert_eq!(breakers.list(now).troubled, 0);
        assert_eq!((0..2).filter_map(|_| fail(&breakers, key(1, &bad), now)).count(), 1);
        let later = now + Duration::from_secs(5);
        for _ in 0..50 {
            drop(breakers.admit(key(1, &bad), later).expect("a probe that left gave its place back"));
        }
    }

    #[test]
    fn a_version_without_trouble_is_forgotten() {
        let (breakers, now, bad) = (Breakers::new(settings()), Instant::now(), definition("bad", 1));
        assert_eq!(fail(&breakers, key(1, &bad), now), None);
        assert_eq!(breakers.list(now).troubled, 1);
        let later = now + Duration::from_secs(11);
        assert_eq!(breakers.report(breakers.admit(key(1, &bad), later).unwrap(), key(1, &bad), GOOD, later), None);
        assert_eq!(breakers.occupied().count(), 0);
    }

    #[test]
    fn breakers_are_bounded_and_open_ones_stay() {
        let (breakers, now) = (Breakers::new(settings()), Instant::now());
        let all: Vec<_> = (1..=200).map(|version| definition("bad", version)).collect();
        for _ in 0..2 {
            all[..BREAKERS_PER_SHARD].iter().for_each(|version| _ = fail(&breakers, key(1, version), now));
        }
        all[BREAKERS_PER_SHARD..].iter().for_each(|version| _ = fail(&breakers, key(1, version), now));
        let listed = breakers.list(now);
        assert_eq!((listed.open, listed.troubled, listed.breakers.len()), (BREAKERS_PER_SHARD, BREAKERS_PER_SHARD, BREAKERS_PER_SHARD));
        assert_eq!(breakers.untracked(), 200 - BREAKERS_PER_SHARD as u64);
    }

    #[test]
    fn none_are_kept_where_they_are_off() {
        let (breakers, now, bad) = (Breakers::new(BreakerSettings { enabled: false, ..settings() }), Instant::now(), definition("bad", 1));
        assert!((0..50).all(|_| fail(&breakers, key(1, &bad), now).is_none()));
        assert_eq!((breakers.list(now).troubled, breakers.open()), (0, 0));
    }

    #[test]
    fn slow_is_a_part_of_the_limit() {
        let breakers = Breakers::new(settings());
        assert!(breakers.is_slow(Duration::from_millis(800), Duration::from_secs(1)));
        assert!(!breakers.is_slow(Duration::from_millis(799), Duration::from_secs(1)));
    }

    /// Threads that race: counts are neither lost nor doubled, and no probe is let through too many.
    #[test]
    fn threads_share_a_breaker() {
        let (breakers, now, bad) = (Breakers::new(BreakerSettings { calls_min: 400, ..settings() }), Instant::now(), definition("bad", 1));
        let opened = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..100).filter(|_| fail(&breakers, key(1, &bad), now).is_some()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(opened, 1, "the last of 400 opens it");
        let later = now + Duration::from_secs(5);
        let probes: Vec<_> = std::thread::scope(|scope| {
            let probe = || (0..10).filter_map(|_| breakers.admit(key(1, &bad), later).ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(probe)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let probes: usize = probes.iter().map(Vec::len).sum();
        assert_eq!(probes, 3);
    }
}
