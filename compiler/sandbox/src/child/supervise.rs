//! Watches a running job: its limits hold for the sum of all that it starts.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::fstatfs,
    time::Timespec,
};

use super::{
    init::{Init, Word},
    root::Kept,
    sample::{Sample, Sampler},
    step::SetupError,
};
use crate::{Bound, Limits, Usage, wire::Answer};

/// Two cores write some 50 MB of new memory in this time; a sample of 100 processes costs a tenth of it.
const INTERVAL: Duration = Duration::from_millis(20);
/// What the kernel keeps of a file besides its pages.
const FILE_OVERHEAD_BYTES: u64 = 1024;

/// Why watching ends.
enum End {
    /// The job ended itself.
    Own,
    /// The parent closed its side, or is gone.
    Cancelled,
    Limit(Bound, u64, u64),
}

/// Watches the job to its end, or ends it. When this returns, all of its processes are gone.
pub(super) fn supervise(limits: &Limits, init: Init, kept: &Kept, lifeline: &UnixStream) -> Result<Answer, SetupError> {
    let mut watch = Watch { limits, kept, started: Instant::now(), sampler: Sampler::new(), usage: Usage::default() };
    let end = watch.until_end(&init, lifeline);
    init.kill()?;
    let word = init.wait()?;
    Ok(match (end, word) {
        (_, Some(Word::Setup { step, reason })) => Answer::Setup { step, reason },
        (_, Some(Word::NotStarted(reason))) => Answer::NotStarted(reason),
        (End::Limit(which, used, allowed), _) => Answer::Limit { which, used, allowed },
        (End::Cancelled, _) => Answer::Cancelled,
        (End::Own, Some(Word::Ended { status, cpu })) => match watch.at_end(cpu) {
            Some((which, used, allowed)) => Answer::Limit { which, used, allowed },
            None => Answer::Ended { status, usage: watch.usage },
        },
        // Nothing from inside can end the first process; the kernel can, out of memory.
        (End::Own, None) => Answer::Limit { which: Bound::Memory, used: watch.usage.memory_peak, allowed: limits.memory_bytes },
    })
}

struct Watch<'j> {
    limits: &'j Limits,
    kept: &'j Kept,
    started: Instant,
    sampler: Sampler,
    usage: Usage,
}

impl Watch<'_> {
    fn until_end(&mut self, init: &Init, lifeline: &UnixStream) -> End {
        let interval = Timespec { tv_sec: 0, tv_nsec: INTERVAL.subsec_nanos().into() };
        loop {
            let handle = init.handle();
            let mut events = [PollFd::new(&handle, PollFlags::IN), PollFd::new(lifeline, PollFlags::IN)];
            // An interrupted wait is a short one.
            let _ = poll(&mut events, Some(&interval));
            if !events[0].revents().is_empty() {
                return End::Own;
            }
            // The parent says nothing after its request: anything is its end.
            if !events[1].revents().is_empty() {
                return End::Cancelled;
            }
            let sample = self.sampler.sample();
            if let Some((which, used, allowed)) = self.take(&sample) {
                return End::Limit(which, used, allowed);
            }
        }
    }

    /// What was written last, and times that no sample saw.
    fn at_end(&mut self, cpu: Duration) -> Option<(Bound, u64, u64)> {
        self.take(&Sample { processes: 0, memory_bytes: 0, cpu })
    }

    /// Adds one sample; the limit that it exceeds.
    fn take(&mut self, sample: &Sample) -> Option<(Bound, u64, u64)> {
        let written = written(self.kept);
        let usage = &mut self.usage;
        usage.wall = self.started.elapsed();
        usage.cpu = usage.cpu.max(sample.cpu);
        usage.memory_peak = usage.memory_peak.max(sample.memory_bytes + written);
        usage.processes_peak = usage.processes_peak.max(sample.processes);
        usage.written = usage.written.max(written);
        exceeded(self.limits, usage)
    }
}

fn exceeded(limits: &Limits, usage: &Usage) -> Option<(Bound, u64, u64)> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    [
        (Bound::Files, usage.written, limits.file_bytes),
        (Bound::Memory, usage.memory_peak, limits.memory_bytes),
        (Bound::Processes, usage.processes_peak.into(), limits.processes.into()),
        (Bound::Cpu, ms(usage.cpu), ms(limits.cpu)),
        (Bound::Wall, ms(usage.wall), ms(limits.wall)),
    ]
    .into_iter()
    .find(|(_, used, allowed)| used > allowed)
}

/// Bytes in the job's private file system, which lies in memory.
fn written(kept: &Kept) -> u64 {
    // The file system is ours and mounted: it answers.
    let Ok(about) = fstatfs(kept.scratch.as_fd()) else { return 0 };
    let blocks = about.f_blocks.saturating_sub(about.f_bfree).saturating_mul(u64::try_from(about.f_bsize).unwrap_or(4096));
    blocks.saturating_add(about.f_files.saturating_sub(about.f_ffree).saturating_mul(FILE_OVERHEAD_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named_with_what_was_used() {
        let limits = Limits {
            wall: Duration::from_millis(100),
            cpu: Duration::from_millis(50),
            memory_bytes: 1000,
            processes: 3,
            file_bytes: 500,
            output_bytes: 0,
        };
        let within = Usage { wall: limits.wall, cpu: limits.cpu, memory_peak: 1000, processes_peak: 3, written: 500 };
        assert_eq!(exceeded(&limits, &within), None);
        let beyond = [
            (Usage { wall: Duration::from_millis(101), ..within }, (Bound::Wall, 101, 100)),
            (Usage { cpu: Duration::from_millis(51), ..within }, (Bound::Cpu, 51, 50)),
            (Usage { memory_peak: 1001, ..within }, (Bound::Memory, 1001, 1000)),
            (Usage { processes_peak: 4, ..within }, (Bound::Processes, 4, 3)),
            (Usage { written: 501, ..within }, (Bound::Files, 501, 500)),
        ];
        for (usage, named) in beyond {
            assert_eq!(exceeded(&limits, &usage), Some(named));
        }
    }
}
