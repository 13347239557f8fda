//! What every scenario shares: rounds, figures, the report, and the clocks and
//! counters of the kernel that they read.

mod children;
mod clock;
mod memory;
mod noise;
mod report;
mod rounds;
mod table;

pub(crate) use self::{
    children::{Ended, child},
    clock::{CALLERS, ECHOES, Servers, thread_cpu},
    memory::{peak_kib, resident_kib},
    noise::Noise,
    report::{Bound, Report, Section, mode_name},
    rounds::{Contender, Plan, Sample, Series, Values, alternate, latencies, median},
};
