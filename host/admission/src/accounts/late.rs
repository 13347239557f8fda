//! The way of accounts that end on other threads than those that open them: the
//! slow lane's.
//!
//! Those threads run when nothing else does, or at a share, so one can lose its
//! core at any point: in a lock that an I/O thread wants, it would hold that
//! thread up. So they lock nothing of the accounts; what ended there is entered
//! by a thread of the ordinary class.

use std::{
    cell::Cell,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{account::Ended, shard::Shard};

/// Ended accounts that wait to be entered, of some hundred bytes each. A slow lane
/// that ends calls faster than they are entered waits: nobody waits for it.
const WAITING_MAX: usize = 1_024;
/// Nobody who reads figures waits longer for the last ones.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

thread_local!(static OPENS: Cell<bool> = const { Cell::new(false) });

/// This thread opens accounts: it is one that calls are waited for on.
pub(super) fn opens() {
    OPENS.set(true);
}

/// Whether accounts that end on this thread may be entered here.
pub(super) fn may_enter() -> bool {
    // One whose locals are gone has no calls to hold up.
    OPENS.try_with(Cell::get).unwrap_or(true)
}

/// To the thread that enters what ended elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Late(SyncSender<Work>);

#[allow(clippy::large_enum_variant, reason = "nearly all are of the large one, and a box would be an allocation for each call")]
enum Work {
    Enter(Ended),
    /// Everything before it has been entered.
    Tell(SyncSender<()>),
}

impl Late {
    /// Starts the thread, which enters into `shard` and ends when nobody can hand over any more.
    pub(super) fn start(shard: Arc<Shard>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("accounts".to_owned()).spawn(move || enter_all(&receiver, &shard))?;
        Ok(Self(sender))
    }

    /// Hands an ended account over. The thread is there as long as this is.
    pub(super) fn hand_over(&self, ended: Ended) {
        if self.0.send(Work::Enter(ended)).is_err() {
            tracing::error!("a call's account is lost: the thread that enters them has panicked");
        }
    }

    /// Waits until what was handed over before is entered.
    pub(super) fn catch_up(&self) {
        let (tell, told) = sync_channel(1);
        match self.0.try_send(Work::Tell(tell)) {
            // So much is behind that the last ones do not matter.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            Ok(()) => drop(told.recv_timeout(CATCH_UP_MAX)),
        }
    }
}

fn enter_all(receiver: &Receiver<Work>, shard: &Shard) {
    opens();
    for work in receiver {
        match work {
            Work::Enter(ended) => ended.enter(shard),
            // Whoever asked may have gone.
            Work::Tell(tell) => drop(tell.try_send(())),
        }
    }
}
