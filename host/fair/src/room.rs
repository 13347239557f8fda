//! So many places, shared by tenants: each may hold as much as is still free.
//!
//! A tenant alone gets half of the room, two get a third each, and the next one
//! always finds a place while there is one. Atomics only, so that whoever asks
//! waits for nobody: also not for a thread of idle class that lost its core.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::{Full, Share};

/// How much there is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomSize {
    /// Places.
    pub places: usize,
    /// The sum that its holders may name.
    pub bytes: usize,
}

/// What a room is for. A tenant may be in one of each purpose, and holds apart in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Calls that run or wait.
    Calls,
    /// Instances that wait for their call.
    Instances,
}

impl Purpose {
    pub(crate) const NUMBER: usize = 2;
}

/// Places and bytes for several tenants.
#[derive(Debug)]
pub struct Room {
    purpose: Purpose,
    size: RoomSize,
    all: Taken,
}

/// What is taken, in all or by one tenant.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    places: AtomicUsize,
    bytes: AtomicUsize,
}

/// One place, and the bytes that it holds; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    share: Arc<Share>,
    bytes: usize,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(purpose: Purpose, size: RoomSize) -> Arc<Self> {
        Arc::new(Self { purpose, size, all: Taken::default() })
    }

    /// Places that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.all.places.load(Relaxed)
    }

    /// The sum that their holders have named.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.all.bytes.load(Relaxed)
    }

    /// A place for something of the tenant. It holds no bytes yet.
    ///
    /// # Errors
    /// When there is none for this tenant, or none at all. Neither leaves a trace.
    pub fn enter(self: &Arc<Self>, share: &Arc<Share>) -> Result<Place, Full> {
        let before = take(&self.all.places, 1, self.size.places).ok_or(Full::ForAll)?;
        let own = share.taken(self.purpose).places.fetch_add(1, Relaxed);
        // From here on, dropping it gives it back.
        let place = Place { room: Arc::clone(self), share: Arc::clone(share), bytes: 0 };
        if own < self.size.places - before || !share.is_tenant() { Ok(place) } else { Err(Full::ForTenant) }
    }

    /// Whether so many bytes could ever be held.
    #[must_use]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.size.bytes
    }
}

impl Place {
    /// Holds so many bytes more, until it is dropped.
    ///
    /// # Errors
    /// When that is more than there is for this tenant, or at all. Neither leaves a trace.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        let Self { room, share, .. } = self;
        let before = take(&room.all.bytes, bytes, room.size.bytes).ok_or(Full::ForAll)?;
        let taken = share.taken(room.purpose);
        let own = taken.bytes.fetch_add(bytes, Relaxed);
        if own.saturating_add(bytes) <= room.size.bytes - before || !share.is_tenant() {
            self.bytes += bytes;
            return Ok(());
        }
        taken.bytes.fetch_sub(bytes, Relaxed);
        room.all.bytes.fetch_sub(bytes, Relaxed);
        Err(Full::ForTenant)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.share.taken(self.room.purpose).give_back(self.bytes);
        self.room.all.give_back(self.bytes);
    }
}

impl Taken {
    fn give_back(&self, bytes: usize) {
        self.places.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}

/// Adds `more` unless that is beyond `max`; says what was there before.
fn take(taken: &AtomicUsize, more: usize, max: usize) -> Option<usize> {
    taken.fetch_update(Relaxed, Relaxed, |taken| taken.checked_add(more).filter(|sum| *sum <= max)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(places: usize, bytes: usize) -> Arc<Room> {
        Room::new(Purpose::Calls, RoomSize { places, bytes })
    }

    fn enter(room: &Arc<Room>, share: &Arc<Share>, bytes: usize) -> Result<Place, Full> {
        let mut place = room.enter(share)?;
        place.hold(bytes)?;
        Ok(place)
    }

    fn flood(room: &Arc<Room>, share: &Arc<Share>, bytes: usize) -> Vec<Place> {
        std::iter::from_fn(|| enter(room, share, bytes).ok()).collect()
    }

    #[test]
    fn one_tenant_gets_half_and_the_next_one_always_something() {
        let room = room(128, usize::MAX);
        let tenants: [Arc<Share>; 7] = Default::default();
        let held: Vec<Vec<Place>> = tenants.iter().map(|tenant| flood(&room, tenant, 1)).collect();
        let counts: Vec<usize> = held.iter().map(Vec::len).collect();
        assert_eq!(counts, [64, 32, 16, 8, 4, 2, 1]);
        assert_eq!(room.enter(&tenants[0]).unwrap_err(), Full::ForTenant);
        drop(held);
        assert_eq!((room.taken(), room.all.bytes.load(Relaxed)), (0, 0));
    }

    #[test]
    fn bytes_are_shared_alike() {
        let room = room(100, 1_000);
        let (one, two) = (Arc::new(Share::default()), Arc::new(Share::default()));
        let held = flood(&room, &one, 100);
        assert_eq!(held.len(), 5);
        assert_eq!(enter(&room, &one, 100).unwrap_err(), Full::ForTenant);
        assert_eq!(enter(&room, &two, 501).unwrap_err(), Full::ForAll);
        assert!(enter(&room, &two, 500).is_ok());
        assert_eq!((room.taken(), room.bytes()), (5, 500), "refusals leave no trace");
        assert!(room.has_room_for(1_000) && !room.has_room_for(1_001));
    }

    #[test]
    fn a_tenant_holds_apart_in_rooms_of_two_purposes() {
        let (calls, share) = (room(4, 100), Arc::new(Share::default()));
        let instances = Room::new(Purpose::Instances, RoomSize { places: 4, bytes: 100 });
        let held = (flood(&calls, &share, 10), flood(&instances, &share, 10));
        assert_eq!((held.0.len(), held.1.len()), (2, 2));
        assert_eq!((calls.bytes(), instances.bytes()), (20, 20));
    }

    #[test]
    fn nobody_is_bounded_in_all_only() {
        let nobody = Arc::new(Share::of_nobody());
        let room = room(4, 1_000);
        assert_eq!(flood(&room, &nobody, 1).len(), 4);
    }

    #[test]
    fn racing_threads_never_overfill_it() {
        let room = room(8, 1_000);
        let shares: [Arc<Share>; 4] = Default::default();
        std::thread::scope(|scope| {
            for share in &shares {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let place = enter(&room, share, 1);
                        assert!(room.taken() <= 8);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!((room.taken(), room.all.bytes.load(Relaxed)), (0, 0));
        assert!(shares.iter().all(|share| share.taken(Purpose::Calls).places.load(Relaxed) == 0));
    }

    proptest! {
        #[test]
        fn the_bounds_hold_whatever_comes_and_goes(steps in proptest::collection::vec((0_usize..5, 0_usize..300, any::<bool>()), 1..200)) {
            let room = room(16, 1_000);
            let shares: [Arc<Share>; 5] = Default::default();
            let mut held: Vec<(usize, Place)> = Vec::new();
            for (tenant, bytes, leaves) in steps {
                if leaves && !held.is_empty() {
                    held.swap_remove(bytes % held.len());
                } else {
                    let free = 16 - held.len();
                    let own = held.iter().filter(|(who, _)| *who == tenant).count();
                    match enter(&room, &shares[tenant], bytes) {
                        Ok(place) => {
                            prop_assert!(own < free);
                            held.push((tenant, place));
                        }
                        Err(Full::ForTenant) => prop_assert!(own > 0, "a tenant that holds nothing is refused only when there is nothing"),
                        Err(Full::ForAll) => {}
                    }
                }
                prop_assert_eq!(room.taken(), held.len());
                prop_assert!(held.iter().map(|(_, place)| place.bytes).sum::<usize>() <= 1_000);
            }
        }
    }
}
