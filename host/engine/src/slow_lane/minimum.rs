//! The lane's minimum share: a tenth of a core, whatever I/O takes.
//!
//! One thread of normal class looks every few milliseconds what the idle threads
//! have had. Only where that is less than the share does it run a slice itself,
//! and then rests nine times as long: beside quiet I/O it never takes a core
//! from anyone.

use std::time::Duration;

use extensions_fair::Room;

use super::{sleepers::Sleepers, work::Shared};

/// The lane's share of one core is one part of this many.
const MINIMUM_SHARE_OF: u32 = 10;
/// How often the share is looked at while there is work: in it, the share is one slice.
const PERIOD: Duration = Duration::from_millis(5);
/// It looks on for so long after the last call (a third of a second), so that
/// calls that come now and then need not wake it.
const PERIODS_UNTIL_REST: u32 = 64;

/// The thread's life.
pub(crate) fn keep(shared: &Shared, room: &Room) {
    let mut rest = PERIOD;
    let mut quiet = 0;
    while !shared.is_closed() {
        if quiet > PERIODS_UNTIL_REST {
            shared.sleepers.sleep_minimum(|| shared.is_closed() || room.taken() > 0);
            quiet = 0;
        }
        let before = shared.counters.slow_idle_cpu();
        Sleepers::rest(rest);
        let had = shared.counters.slow_idle_cpu().saturating_sub(before);
        let is_short_of = had < rest / MINIMUM_SHARE_OF;
        quiet = if room.taken() == 0 { quiet + 1 } else { 0 };
        rest = PERIOD;
        if quiet == 0
            && is_short_of
            && !shared.is_closed()
            && let Some(cpu) = shared.turn()
        {
            shared.counters.slow_minimum(cpu);
            // The others may have found nothing while this thread had the call.
            shared.sleepers.wake_an_idle_one();
            rest = (cpu * (MINIMUM_SHARE_OF - 1)).max(PERIOD * (MINIMUM_SHARE_OF - 1) / MINIMUM_SHARE_OF);
        }
    }
    shared.end_all();
}
