//! What to do with a running guest at a tick: go on, yield or stop. Pure.

use std::time::{Duration, Instant};

use extensions_types::ErrorCode;

/// The ticker's period and a guest's slice: long enough that most calls end
/// within it, short enough that I/O on the same thread does not notice.
pub(crate) const SLICE: Duration = Duration::from_micros(500);

/// Why a guest is stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cpu,
    Wall,
    Caller,
    /// Operators have ended it.
    Operators,
}

impl Stop {
    pub(crate) const fn code(self) -> ErrorCode {
        match self {
            Self::Cpu => ErrorCode::CpuLimit,
            Self::Wall => ErrorCode::Timeout,
            Self::Caller => ErrorCode::Deadline,
            Self::Operators => ErrorCode::Disabled,
        }
    }
}

/// What to do at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    GoOn,
    Yield,
    Stop(Stop),
}

/// The bounds of one invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) cpu: Duration,
    /// When the extension's own wall limit ends.
    pub(crate) wall_end: Instant,
    /// When the caller's patience ends.
    pub(crate) caller_end: Option<Instant>,
}

/// What an invocation has used at a tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) slice_cpu: Duration,
    pub(crate) now: Instant,
    pub(crate) caller_gone: bool,
}

impl Budget {
    /// The end that comes first, and what it is called.
    pub(crate) fn end(&self) -> (Instant, Stop) {
        match self.caller_end {
            Some(caller) if caller < self.wall_end => (caller, Stop::Caller),
            Some(_) | None => (self.wall_end, Stop::Wall),
        }
    }

    pub(crate) fn turn(&self, used: Usage) -> Turn {
        let (end, which) = self.end();
        if used.cpu >= self.cpu {
            Turn::Stop(Stop::Cpu)
        } else if used.now >= end {
            Turn::Stop(which)
        } else if used.caller_gone {
            Turn::Stop(Stop::Caller)
        } else if used.slice_cpu >= SLICE {
            Turn::Yield
        } else {
            Turn::GoOn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn turn(cpu: Duration, slice_cpu: Duration, wall: Duration, caller: Option<Duration>, gone: bool) -> Turn {
        let start = Instant::now();
        let budget = Budget { cpu: 50 * MS, wall_end: start + 1_000 * MS, caller_end: caller.map(|after| start + after) };
        budget.turn(Usage { cpu, slice_cpu, now: start + wall, caller_gone: gone })
    }

    #[test]
    fn a_guest_goes_on_within_its_slice_and_yields_after_it() {
        assert_eq!(turn(MS, MS / 4, MS, None, false), Turn::GoOn);
        assert_eq!(turn(MS, MS / 2, MS, None, false), Turn::Yield);
    }

    #[test]
    fn every_limit_stops_it_under_its_own_name() {
        assert_eq!(turn(50 * MS, MS, 60 * MS, None, false), Turn::Stop(Stop::Cpu));
        assert_eq!(turn(MS, MS, 1_000 * MS, None, false), Turn::Stop(Stop::Wall));
        assert_eq!(turn(MS, MS, 20 * MS, Some(20 * MS), false), Turn::Stop(Stop::Caller));
        assert_eq!(turn(MS, MS, 1_000 * MS, Some(2_000 * MS), false), Turn::Stop(Stop::Wall));
        assert_eq!(turn(MS, MS / 4, MS, None, true), Turn::Stop(Stop::Caller));
    }
}
