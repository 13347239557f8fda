//! Ending jobs from another thread.

use std::{
    collections::BTreeMap,
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Whoever holds a clone may end all jobs that were started with it, for good.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<Mutex<Jobs>>);

#[derive(Debug, Default)]
struct Jobs {
    is_over: bool,
    started: u64,
    /// By when they were started; each helper ends its job when this end is shut.
    lifelines: BTreeMap<u64, UnixStream>,
}

impl Ending {
    /// Ends every job under way, and each that is started from now on. It does not
    /// wait: whoever runs a job returns once all of its processes are gone.
    pub fn end(&self) {
        let mut jobs = self.lock();
        jobs.is_over = true;
        for lifeline in std::mem::take(&mut jobs.lifelines).into_values() {
            shut(&lifeline);
        }
    }

    /// Whether jobs were ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Lets this job be ended until what is returned is dropped.
    pub(crate) fn hold(&self, lifeline: &UnixStream) -> io::Result<Held> {
        let lifeline = lifeline.try_clone()?;
        let mut jobs = self.lock();
        jobs.started += 1;
        let number = jobs.started;
        if jobs.is_over {
            shut(&lifeline);
        } else {
            jobs.lifelines.insert(number, lifeline);
        }
        Ok(Held { ending: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shut(lifeline: &UnixStream) {
    // Fails only where the helper has ended.
    let _ = lifeline.shutdown(Shutdown::Write);
}

/// A job that can be ended.
#[derive(Debug)]
pub(crate) struct Held {
    ending: Ending,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ending.lock().lifelines.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn is_shut(mut end: &UnixStream) -> bool {
        end.set_nonblocking(true).unwrap();
        end.read(&mut [0]).is_ok_and(|read| read == 0)
    }

    #[test]
    fn jobs_under_way_and_later_ones_are_ended_and_ended_ones_let_go() {
        let ending = Ending::default();
        let [(running, its), (done, dones), (late, lates)] = [(); 3].map(|()| UnixStream::pair().unwrap());
        let _held = ending.hold(&running).unwrap();
        drop(ending.hold(&done).unwrap());
        assert!(!is_shut(&its));
        ending.end();
        let _late = ending.hold(&late).unwrap();
        assert_eq!([is_shut(&its), is_shut(&dones), is_shut(&lates)], [true, false, true]);
        assert!(ending.is_over());
    }
}
