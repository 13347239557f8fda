//! Listening to an environment's changes, over a connection of its own.
//!
//! What arrives is foreign until its MAC says otherwise, and there may be more
//! of it than anyone can read: [`Ear`] bounds a message,
//! [`Pace`] how many are looked at, [`Pending`] how many wait. Whatever is left
//! out becomes one look at everything.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use extensions_types::{Environment, with_causes};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{self, Instant, timeout_at},
};

use crate::{
    Change, Heard,
    coordination::jittered,
    ear::{Ear, EarError, Sound},
    key::Said,
    metrics::{Dropped, Metrics},
    pending::Pending,
    shared::Shared,
};

/// The first pause after the connection broke, doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Redis that is back is listened to within this.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Messages looked at in that time: far more than a fleet's changes, and a
/// hundredth of a core's time for their MACs.
const MESSAGES_PER_LOOK: u32 = 2_000;
/// A flood lets everything be looked at this often.
const FLOOD_LOOK_EVERY: Duration = Duration::from_secs(1);

/// What changes in an environment, for one listener.
#[derive(Debug)]
pub struct Changes {
    heard: Arc<Inbox>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Inbox {
    pending: Mutex<Pending>,
    arrived: Notify,
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Changes {
    pub(crate) fn begin(shared: Arc<Shared>, env: Environment) -> Self {
        let heard = Arc::new(Inbox::default());
        let listener = tokio::spawn(listen(shared, env, Arc::clone(&heard)));
        Self { heard, listener }
    }

    /// The next thing to look at. Never ends by itself; dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Heard {
        loop {
            let arrived = self.heard.arrived.notified();
            let (heard, due) = self.heard.with(|pending| (pending.take(Instant::now()), pending.due()));
            if let Some(heard) = heard {
                return heard;
            }
            match due {
                Some(due) => drop(timeout_at(due, arrived).await),
                None => arrived.await,
            }
        }
    }
}

impl Inbox {
    fn with<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        // Pending is whole after each of its steps, even where one panicked.
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, metrics: &Metrics, change: Change, now: Instant) {
        if self.with(|pending| pending.hear(change, now)) {
            metrics.heard();
            self.arrived.notify_one();
        } else {
            metrics.dropped(Dropped::Repeated);
        }
    }

    fn miss(&self) {
        self.with(|pending| pending.miss(Instant::now()));
        self.arrived.notify_one();
    }

    fn miss_until(&self, due: Instant) {
        self.with(|pending| pending.miss_until(due));
        self.arrived.notify_one();
    }
}

/// Listens for as long as it is not aborted.
async fn listen(shared: Arc<Shared>, env: Environment, inbox: Arc<Inbox>) {
    let mut pause = PAUSE_MIN;
    loop {
        let error = match Ear::open(&shared, &shared.names.changes(env)).await {
            Ok(ear) => {
                pause = PAUSE_MIN;
                shared.metrics.reconnected();
                inbox.miss();
                hear(&shared, env, &inbox, ear).await
            }
            Err(error) => error,
        };
        tracing::debug!(%env, error = with_causes(&error), "not listening to changes");
        time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Hears until the connection breaks.
async fn hear(shared: &Shared, env: Environment, inbox: &Inbox, mut ear: Ear) -> EarError {
    let mut pace = Pace::new(Instant::now());
    loop {
        let sound = match ear.next().await {
            Ok(sound) => sound,
            Err(error) => return error,
        };
        let now = Instant::now();
        match pace.admit(now) {
            Admitted::Yes => match understood(shared, env, &sound) {
                Ok(change) => inbox.hear(&shared.metrics, change, now),
                Err(why) => shared.metrics.dropped(why),
            },
            Admitted::Later(due) => {
                shared.metrics.dropped(Dropped::Flood);
                inbox.miss_until(due);
            }
        }
    }
}

fn understood(shared: &Shared, env: Environment, sound: &Sound) -> Result<Change, Dropped> {
    let Sound::Message(bytes) = sound else {
        return Err(Dropped::TooLong);
    };
    let (payload, _) = shared.seal(env).unseal(Said::Change, bytes)?;
    Change::parse(payload).ok_or(Dropped::Malformed)
}

/// How many messages are looked at.
#[derive(Debug)]
struct Pace {
    second: Instant,
    in_it: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Admitted {
    Yes,
    /// One too many: everything is looked at when this second is over, which
    /// covers those that follow in it, too.
    Later(Instant),
}

impl Pace {
    const fn new(now: Instant) -> Self {
        Self { second: now, in_it: 0 }
    }

    fn admit(&mut self, now: Instant) -> Admitted {
        if now.duration_since(self.second) >= FLOOD_LOOK_EVERY {
            (self.second, self.in_it) = (now, 0);
        }
        self.in_it = self.in_it.saturating_add(1);
        if self.in_it <= MESSAGES_PER_LOOK { Admitted::Yes } else { Admitted::Later(self.second + FLOOD_LOOK_EVERY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_looked_at_in_parts_and_then_as_a_whole() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let over = Admitted::Later(start + FLOOD_LOOK_EVERY);
        let admitted = (0..10_000).map(|_| pace.admit(start)).collect::<Vec<_>>();
        assert_eq!(admitted.iter().filter(|admitted| **admitted == Admitted::Yes).count(), 2_000);
        assert_eq!(admitted.iter().filter(|admitted| **admitted == over).count(), 8_000);
        assert_eq!(pace.admit(start + FLOOD_LOOK_EVERY), Admitted::Yes, "it goes on by itself");
    }
}
