//! What every scenario shares: rounds, figures, the report, and the clocks and
//! counters of the kernel that they read.

mod children;
mod clock;
mod memory;
mod report;
mod rounds;
mod table;

pub(crate) use self::{
    children::{Ended, child},
    clock::thread_cpu,
    memory::{peak_kib, resident_kib},
    report::{Bound, Report, Section, mode_name},
    rounds::{Contender, Plan, Sample, Series, Values, alternate, latencies, median},
};
