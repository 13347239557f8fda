//! Who goes next, of those who wait for one of a few places. Pure.
//!
//! The most urgent goes first; among equals the tenant whose last turn is
//! longest ago; within a tenant whoever came first. A tenant holds a bounded
//! number of places, so that its flood of new versions never keeps another's
//! waiting for more than one turn; a few places are kept for calls that wait.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use extensions_catalog::Urgency;
use extensions_types::TenantId;

/// How soon a load is needed; it only grows more urgent.
#[derive(Debug, Clone)]
pub(crate) struct Need(Arc<AtomicU8>);

impl Need {
    pub(crate) fn new(urgency: Urgency) -> Self {
        Self(Arc::new(AtomicU8::new(urgency as u8)))
    }

    /// Whether it grew.
    pub(crate) fn raise(&self, urgency: Urgency) -> bool {
        self.0.fetch_min(urgency as u8, Ordering::Relaxed) > urgency as u8
    }

    pub(crate) fn is_called(&self) -> bool {
        self.rank() == Urgency::Called as u8
    }

    fn rank(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// All of them.
    pub(crate) all: usize,
    /// Of these, kept for calls that wait.
    pub(crate) for_calls: usize,
    /// Held by one tenant at once.
    pub(crate) of_tenant: usize,
}

/// Those who wait, and what is taken. `T` is how a waiter is told.
#[derive(Debug)]
pub(crate) struct Line<T> {
    places: Places,
    taken: HashMap<TenantId, usize>,
    waiting: Vec<Waiting<T>>,
    /// When each waiting tenant had its last turn.
    turns: HashMap<TenantId, u64>,
    clock: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    tenant: TenantId,
    need: Need,
    since: u64,
    ticket: T,
}

impl<T> Line<T> {
    pub(crate) fn new(places: Places) -> Self {
        Self { places, taken: HashMap::new(), waiting: Vec::new(), turns: HashMap::new(), clock: 0 }
    }

    pub(crate) fn join(&mut self, tenant: TenantId, need: Need, ticket: T) {
        self.clock += 1;
        self.waiting.push(Waiting { tenant, need, since: self.clock, ticket });
    }

    /// Gives a place to whoever is next; none when nobody may have one now.
    pub(crate) fn next(&mut self) -> Option<(TenantId, T)> {
        let free = self.places.all.saturating_sub(self.taken.values().sum());
        let may = |one: &&(usize, &Waiting<T>)| {
            let free = if one.1.need.is_called() { free } else { free.saturating_sub(self.places.for_calls) };
            free > 0 && self.taken.get(&one.1.tenant).is_none_or(|&held| held < self.places.of_tenant)
        };
        let rank = |one: &(usize, &Waiting<T>)| (one.1.need.rank(), self.turns.get(&one.1.tenant).copied().unwrap_or(0), one.1.since);
        let (at, _) = self.waiting.iter().enumerate().filter(|one| may(&one)).min_by_key(rank)?;
        let Waiting { tenant, ticket, .. } = self.waiting.swap_remove(at);
        self.clock += 1;
        self.turns.insert(tenant.clone(), self.clock);
        *self.taken.entry(tenant.clone()).or_default() += 1;
        Some((tenant, ticket))
    }

    /// Takes a place back.
    pub(crate) fn leave(&mut self, tenant: &TenantId) {
        if let Some(held) = self.taken.get_mut(tenant) {
            *held -= 1;
            if *held == 0 {
                self.taken.remove(tenant);
            }
        }
        // Tenants that neither wait nor hold leave no trace.
        let (waiting, taken) = (&self.waiting, &self.taken);
        self.turns.retain(|tenant, _| taken.contains_key(tenant) || waiting.iter().any(|one| one.tenant == *tenant));
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(name: u8) -> TenantId {
        TenantId::parse(&format!("t{name}")).unwrap()
    }

    fn line(all: usize, for_calls: usize) -> Line<u32> {
        Line::new(Places { all, for_calls, of_tenant: 1 })
    }

    fn next(line: &mut Line<u32>) -> Option<u32> {
        line.next().map(|(_, ticket)| ticket)
    }

    #[test]
    fn calls_go_before_promotions_and_those_before_preloads() {
        let mut line = line(1, 0);
        for (ticket, urgency) in [(3, Urgency::Preload), (2, Urgency::Warm), (1, Urgency::Called)] {
            line.join(tenant(ticket), Need::new(urgency), ticket.into());
        }
        let order: Vec<_> = [1_u8, 2, 3].into_iter().map(|of| (next(&mut line), line.leave(&tenant(of))).0).collect();
        assert_eq!(order, [Some(1), Some(2), Some(3)]);
        assert!(line.turns.is_empty() && line.taken.is_empty());
    }

    #[test]
    fn who_grows_urgent_overtakes() {
        let mut line = line(1, 0);
        let (first, second) = (Need::new(Urgency::Preload), Need::new(Urgency::Preload));
        line.join(tenant(1), first, 1);
        line.join(tenant(2), second.clone(), 2);
        assert!(second.raise(Urgency::Called) && !second.raise(Urgency::Warm));
        assert_eq!(next(&mut line), Some(2));
    }

    #[test]
    fn a_flood_waits_for_every_other_tenant_once() {
        let mut line = line(1, 0);
        (0..10).for_each(|ticket| line.join(tenant(1), Need::new(Urgency::Warm), ticket));
        line.join(tenant(2), Need::new(Urgency::Warm), 100);
        assert_eq!(next(&mut line), Some(0));
        line.leave(&tenant(1));
        assert_eq!(next(&mut line), Some(100), "the other's turn");
        line.leave(&tenant(2));
        assert_eq!(next(&mut line), Some(1));
    }

    #[test]
    fn places_are_kept_for_calls() {
        let mut line = line(2, 1);
        (1..4).for_each(|ticket| line.join(tenant(ticket), Need::new(Urgency::Warm), ticket.into()));
        assert_eq!((next(&mut line), next(&mut line)), (Some(1), None));
        line.join(tenant(9), Need::new(Urgency::Called), 9);
        assert_eq!(next(&mut line), Some(9));
    }

    proptest! {
        /// Whatever comes and goes: bounds hold, nobody is passed over who may go, everybody goes at last.
        #[test]
        fn bounds_hold_and_everybody_goes(
            all in 1..4_usize, of_tenant in 1..3_usize, for_calls in 0..2_usize,
            joins in proptest::collection::vec((0..5_u8, 0..3_usize, any::<bool>()), 0..60),
        ) {
            prop_assume!(for_calls < all);
            let mut line = Line::new(Places { all, for_calls, of_tenant });
            let mut held: Vec<TenantId> = Vec::new();
            let mut gone = 0;
            let total = joins.len();
            for (ticket, (name, urgency, leave)) in joins.into_iter().enumerate() {
                line.join(tenant(name), Need::new(Urgency::ALL[urgency]), ticket);
                while let Some((tenant, _)) = line.next() { held.push(tenant); gone += 1; }
                prop_assert!(held.len() <= all && line.taken() == held.len());
                for one in &held {
                    prop_assert!(held.iter().filter(|other| *other == one).count() <= of_tenant);
                }
                if leave && !held.is_empty() { line.leave(&held.remove(0)); }
            }
            loop {
                while let Some((tenant, _)) = line.next() { held.push(tenant); gone += 1; }
                if held.is_empty() { break }
                line.leave(&held.remove(0));
            }
            prop_assert_eq!((gone, line.waiting()), (total, 0));
            prop_assert!(line.turns.is_empty());
        }
    }
}
