//! What every scenario shares: rounds, figures, the report, and the clocks and
//! counters of the kernel that they read.

mod children;
mod clock;
mod cores;
mod memory;
mod noise;
mod report;
mod rounds;

pub(crate) use self::{
    children::{Ended, child},
    clock::{CALLERS, ECHOES, Servers, thread_cpu},
    cores::hold_on_cores,
    memory::{anonymous_kib, descriptors, mappings, peak_kib, resident_kib},
    noise::Noise,
    report::{Bound, Report, Section, mode_name},
    rounds::{Contender, Plan, Sample, Series, Values, alternate, latencies, median},
};
