//! Whose turn it is: start-time fair queuing over measured CPU time.
//!
//! Each tenant has a tag, the time that it used up so far as its weight lets it
//! count; the lowest tag has the next turn, and the queue's own time is the tag
//! of the last turn. Who comes back from idleness starts at the queue's time: it
//! has no credit, and a debt only until the others have used up as much.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{Lane, Share, warning::nanos};

/// What a tenant used of the same lane on other threads puts it off by this
/// much at most (200 slices): it has what it is due, yet those of its calls
/// that came to a busy thread go on.
const ELSEWHERE_NANOS_MAX: u64 = 100_000_000;
/// Tenants without waiting items whose debts are remembered. Beyond it, the
/// smallest debt is forgiven.
const DEBTORS_MAX: usize = 4_096;

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It is full.
    ForAll,
    /// The tenant has as much of it as is still free for the others.
    ForTenant,
}

/// Finds an item that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    flow: usize,
    id: u64,
}

/// An item's turn. Its end must be told to the queue, with what it took.
#[derive(Debug)]
#[must_use = "a tenant whose turn never ends is never forgotten"]
pub struct Turn {
    flow: usize,
}

/// A bounded queue, fair between tenants, first come first served within one.
/// Every operation takes time logarithmic in the number of tenants.
#[derive(Debug)]
pub struct FairQueue<T> {
    /// Whose usage on other threads counts here.
    lane: Lane,
    items_max: usize,
    items: usize,
    turns: usize,
    /// The tag of the last turn.
    now: u64,
    /// By the address of the tenant's share, which each flow keeps alive.
    flows: HashMap<usize, Flow<T>>,
    /// Tag, number and key of each flow where something waits.
    ready: BTreeSet<(u64, u64, usize)>,
    /// Tag and key of each flow where nothing waits and that has no turn.
    debtors: BTreeSet<(u64, usize)>,
    /// For items, and for flows of equal tags.
    next: u64,
}

/// One tenant's part. It is in `ready` while something waits, in `debtors` while
/// nothing waits and nothing has its turn, and else in neither.
#[derive(Debug)]
struct Flow<T> {
    share: Arc<Share>,
    tag: u64,
    /// The number that it stands in `ready` with.
    number: u64,
    /// What of the share's use is in the tag.
    seen_nanos: u64,
    /// By ascending id.
    waiting: VecDeque<(u64, T)>,
    turns: usize,
}

impl<T> FairQueue<T> {
    /// An empty queue for so many waiting items.
    #[must_use]
    pub fn new(lane: Lane, items_max: usize) -> Self {
        Self { lane, items_max, items: 0, turns: 0, now: 0, flows: HashMap::new(), ready: BTreeSet::new(), debtors: BTreeSet::new(), next: 0 }
    }

    /// Items that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// What waits, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.flows.values().flat_map(|flow| flow.waiting.iter().map(|(_, item)| item))
    }

    /// Puts an item behind its tenant's others.
    ///
    /// # Errors
    /// Gives it back when the queue is full, or as full as it may be for the tenant.
    pub fn push(&mut self, share: &Arc<Share>, item: T) -> Result<Ticket, (Full, T)> {
        let free = self.items_max.saturating_sub(self.items);
        let own = self.flows.get(&key(share)).map_or(0, |flow| flow.waiting.len());
        if free == 0 {
            Err((Full::ForAll, item))
        } else if own >= free && share.is_tenant() {
            Err((Full::ForTenant, item))
        } else {
            Ok(self.add(share, item))
        }
    }

    /// The next item: the oldest of the tenant that is furthest behind.
    pub fn pop(&mut self) -> Option<(Turn, T)> {
        // Tags may have aged, each once: other threads used time.
        let mut aged = self.ready.len();
        let (tag, key) = loop {
            let (tag, number, key) = self.ready.pop_first()?;
            let flow = self.flows.get_mut(&key).expect("what is ready has a flow");
            flow.age(self.lane, self.now);
            if flow.tag == tag || aged == 0 {
                break (flow.tag, key);
            }
            aged -= 1;
            self.ready.insert((flow.tag, number, key));
        };
        self.now = self.now.max(tag);
        let flow = self.flows.get_mut(&key).expect("what is ready has a flow");
        let (_, item) = flow.waiting.pop_front().expect("where something is ready, something waits");
        flow.turns += 1;
        if !flow.waiting.is_empty() {
            // Behind those of the same tag.
            flow.number = self.next;
            self.next += 1;
            self.ready.insert((flow.tag, flow.number, key));
        }
        self.items -= 1;
        self.turns += 1;
        self.forgive();
        Some((Turn { flow: key }, item))
    }

    /// Ends a turn that took `cpu`, which its share has been charged with.
    pub fn settle(&mut self, turn: Turn, cpu: Duration) {
        let flow = self.flows.get_mut(&turn.flow).expect("a flow with a turn is kept");
        if !flow.waiting.is_empty() {
            self.ready.remove(&(flow.tag, flow.number, turn.flow));
        }
        let nanos = nanos(cpu);
        flow.seen_nanos = flow.seen_nanos.saturating_add(nanos);
        flow.tag = flow.tag.saturating_add(flow.share.weighed(nanos));
        flow.turns -= 1;
        self.turns -= 1;
        self.replace(turn.flow);
    }

    /// The same for an item that wants further turns: behind its tenant's
    /// others, whatever the bounds are.
    pub fn put_back(&mut self, turn: Turn, cpu: Duration, item: T) -> Ticket {
        let share = Arc::clone(&self.flows.get(&turn.flow).expect("a flow with a turn is kept").share);
        let ticket = self.add(&share, item);
        self.settle(turn, cpu);
        ticket
    }

    /// Takes out an item that waits, if it still does.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let flow = self.flows.get_mut(&ticket.flow)?;
        let at = flow.waiting.binary_search_by_key(&ticket.id, |(id, _)| *id).ok()?;
        self.ready.remove(&(flow.tag, flow.number, ticket.flow));
        let (_, item) = flow.waiting.remove(at)?;
        self.items -= 1;
        self.replace(ticket.flow);
        Some(item)
    }

    /// Takes out all waiting items that `unwanted` names. Looks at each.
    pub fn take_where(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        let keys: Vec<usize> = self.ready.iter().map(|(_, _, key)| *key).collect();
        for key in keys {
            let flow = self.flows.get_mut(&key).expect("what is ready has a flow");
            if !flow.waiting.iter().any(|(_, item)| unwanted(item)) {
                continue;
            }
            self.ready.remove(&(flow.tag, flow.number, key));
            let before = taken.len();
            for (id, item) in std::mem::take(&mut flow.waiting) {
                if unwanted(&item) { taken.push(item) } else { flow.waiting.push_back((id, item)) }
            }
            self.items -= taken.len() - before;
            self.replace(key);
        }
        taken
    }

    fn add(&mut self, share: &Arc<Share>, item: T) -> Ticket {
        let (key, now, lane) = (key(share), self.now, self.lane);
        let flow = self.flows.entry(key).or_insert_with(|| Flow::new(share, now, lane));
        let id = self.next;
        if flow.waiting.is_empty() {
            if flow.turns == 0 {
                self.debtors.remove(&(flow.tag, key));
                flow.age(lane, now);
                flow.tag = flow.tag.max(now);
            }
            flow.number = id;
            self.ready.insert((flow.tag, id, key));
        }
        flow.waiting.push_back((id, item));
        self.next += 1;
        self.items += 1;
        Ticket { flow: key, id }
    }

    /// Puts a flow, which is nowhere now, where it belongs.
    fn replace(&mut self, key: usize) {
        let Some(flow) = self.flows.get(&key) else { return };
        if !flow.waiting.is_empty() {
            self.ready.insert((flow.tag, flow.number, key));
        } else if flow.turns == 0 {
            self.debtors.insert((flow.tag, key));
        }
        if self.items == 0 && self.turns == 0 {
            self.rest();
        } else {
            self.forgive();
        }
    }

    /// Nobody wants anything: nobody owes anything.
    fn rest(&mut self) {
        self.now = self.debtors.last().map_or(self.now, |(tag, _)| self.now.max(*tag));
        self.debtors.clear();
        self.flows.clear();
    }

    /// Forgets those whose debts are over, or too many to be remembered.
    fn forgive(&mut self) {
        while let Some(&(tag, key)) = self.debtors.first()
            && (tag <= self.now || self.debtors.len() > DEBTORS_MAX)
        {
            self.debtors.pop_first();
            self.flows.remove(&key);
        }
    }
}

impl<T> Flow<T> {
    fn new(share: &Arc<Share>, now: u64, lane: Lane) -> Self {
        let seen_nanos = share.fine_used(lane);
        Self { share: Arc::clone(share), tag: now, number: 0, seen_nanos, waiting: VecDeque::new(), turns: 0 }
    }

    /// Counts what the tenant used elsewhere since it was last looked at.
    fn age(&mut self, lane: Lane, now: u64) {
        let used = self.share.fine_used(lane);
        let elsewhere = used.saturating_sub(self.seen_nanos);
        if elsewhere > 0 {
            self.seen_nanos = used;
            let tag = self.tag.saturating_add(self.share.weighed(elsewhere)).min(now.saturating_add(ELSEWHERE_NANOS_MAX));
            self.tag = self.tag.max(tag);
        }
    }
}

fn key(share: &Arc<Share>) -> usize {
    Arc::as_ptr(share).addr()
}

#[cfg(test)]
mod tests;
