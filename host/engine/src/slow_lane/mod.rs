//! The slow lane: calls that outlive their slice go on here, off the I/O threads.
//!
//! A few threads of idle scheduling class take what I/O leaves over; one of
//! normal class is the lane's minimum share when I/O leaves nothing
//! ([`minimum`]). Turns of a slice go to the tenant that used least of the lane,
//! by its weight; a tenant's own calls take turns. Who hands a call over never
//! waits for a thread of the lane, which may have lost its core: room is counted
//! by atomics, and calls go in through a channel. Calls wait by number; the memory
//! that they may need is theirs when they begin.

mod minimum;
mod sleepers;
mod wait;
mod work;

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use extensions_fair::{Full, Place, Purpose, Room, RoomSize};
use tokio::sync::oneshot;

use self::{sleepers::Sleepers, work::Shared};
use crate::{call::Outcome, fast_lane::no_place, figures::Counters, scheduling::be_idle, slice::Sliced};

/// The lane's bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneSize {
    /// Calls in the lane, running or waiting their turn.
    pub(crate) calls_max: usize,
    /// Sum of the memory limits of those that have begun.
    pub(crate) memory_bytes_max: usize,
    /// Threads of idle class.
    pub(crate) idle_threads: usize,
}

/// A call in the lane.
struct Entry {
    call: Sliced,
    done: oneshot::Sender<Outcome>,
    /// Its room, free again once the instance is gone.
    place: Place,
    holds_memory: bool,
}

impl Entry {
    /// Whether the memory that it may need is its own, now or already.
    fn hold_memory(&mut self) -> bool {
        self.holds_memory = self.holds_memory || self.place.hold(self.call.limits().memory_bytes()).is_ok();
        self.holds_memory
    }

    fn ended(self, outcome: Outcome) {
        let Self { call, done, place, .. } = self;
        // The instance is gone before its place is free.
        drop(call);
        drop(place);
        // The caller may be gone; the outcome has been observed all the same.
        let _ = done.send(outcome);
    }
}

/// Threads and queue; ends them when dropped.
pub(crate) struct SlowLane {
    room: Arc<Room>,
    inbox: mpsc::Sender<Entry>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl SlowLane {
    pub(crate) fn start(size: LaneSize, counters: Arc<Counters>) -> std::io::Result<Self> {
        let room = Room::new(Purpose::Calls, RoomSize { places: size.calls_max, bytes: size.memory_bytes_max });
        let (inbox, outbox) = mpsc::channel();
        let shared = Arc::new(Shared::new(outbox, Sleepers::new(size.idle_threads), counters));
        // From here on, dropping the lane ends the threads that were started.
        let mut lane = Self { room, inbox, shared, threads: Vec::new() };
        for at in 0..size.idle_threads {
            lane.spawn(format!("slow-idle-{at}"), move |shared| {
                be_idle();
                shared.work(at);
            })?;
        }
        let room = Arc::clone(&lane.room);
        lane.spawn("slow-minimum".to_owned(), move |shared| minimum::keep(shared, &room))?;
        Ok(lane)
    }

    fn spawn(&mut self, name: String, work: impl FnOnce(&Shared) + Send + 'static) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.threads.push(thread::Builder::new().name(name).spawn(move || work(&shared))?);
        Ok(())
    }

    /// Hands a call over; its outcome arrives when it has ended, whether or
    /// not anyone waits for it. One without a place has ended here.
    pub(crate) fn submit(&self, call: Sliced) -> Result<oneshot::Receiver<Outcome>, Box<Outcome>> {
        let place = match self.place(&call) {
            Ok(place) => place,
            Err(full) => {
                let (failure, why) = no_place(full);
                self.shared.dropped(&call, why);
                // For a moment it may have stood in the way of another one.
                self.shared.sleepers.wake_for_more();
                return Err(Box::new(call.abandon(failure)));
            }
        };
        let (done, outcome) = oneshot::channel();
        // The other end lives as long as the threads, which end with this lane.
        let holds_memory = call.has_begun();
        let _ = self.inbox.send(Entry { call, done, place, holds_memory });
        self.shared.sleepers.wake_for_more();
        Ok(outcome)
    }

    /// A call that has begun has an instance already; one that has not waits for
    /// its memory in the lane.
    fn place(&self, call: &Sliced) -> Result<Place, Full> {
        let bytes = call.limits().memory_bytes();
        let mut place = self.room.enter(call.share())?;
        if call.has_begun() {
            place.hold(bytes)?;
        } else if !self.room.has_room_for(bytes) {
            return Err(Full::ForAll);
        }
        Ok(place)
    }

    /// A caller in the lane has left: its call need not wait for its turn.
    pub(crate) fn caller_left(&self) {
        self.shared.caller_left();
    }

    /// Calls in the lane now.
    pub(crate) fn calls(&self) -> usize {
        self.room.taken()
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            // A panic there was in the lane itself; it has been reported on its thread.
            let _ = thread.join();
        }
    }
}
