//! What a job's processes use, read from their own `/proc` and summed.

use std::{collections::HashMap, fs, time::Duration};

/// Linux counts process times in hundredths of a second, on every architecture that we build for.
const TICK: Duration = Duration::from_millis(10);
/// The namespace's first process is ours.
const INIT: u32 = 1;

/// All processes at one time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Without ours.
    pub(super) processes: u32,
    /// Anonymous memory and page tables, in bytes. Pages of files are the machine's cache,
    /// written ones are counted where they are written.
    pub(super) memory_bytes: u64,
    /// CPU time that can be seen now or was before.
    pub(super) cpu: Duration,
}

/// Remembers the times of processes that were seen and have ended.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// Own CPU time in ticks, by id and start.
    living: HashMap<(u32, u64), u64>,
    ended: u64,
}

/// One process's `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    own: u64,
    children: u64,
    start: u64,
}

impl Sampler {
    /// Looks at every process of this PID namespace.
    pub(super) fn sample(&mut self) -> Sample {
        let Ok(entries) = fs::read_dir("/proc") else { return self.sum(Vec::new()) };
        let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // One that ends meanwhile has no files any more, and is counted as ended.
        let read = |id: u32| {
            let times = times(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?;
            let memory = memory_bytes(&fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default());
            Some((id, times, memory))
        };
        self.sum(ids.filter_map(read).collect())
    }

    /// Two sums, of which the larger counts: what was seen of each process, also of those
    /// that ended unwaited; and what parents know of children that they waited for, also of
    /// those that lived between two samples.
    fn sum(&mut self, seen: Vec<(u32, Times, u64)>) -> Sample {
        let mut sample = Sample::default();
        let mut inherited = 0;
        let mut before = std::mem::take(&mut self.living);
        for (id, times, memory) in seen {
            if id != INIT {
                sample.processes += 1;
                sample.memory_bytes += memory;
            }
            inherited += times.own + times.children;
            let key = (id, times.start);
            before.remove(&key);
            self.living.insert(key, times.own);
        }
        self.ended += before.values().sum::<u64>();
        let watched = self.ended + self.living.values().sum::<u64>();
        sample.cpu = TICK * u32::try_from(watched.max(inherited)).unwrap_or(u32::MAX);
        sample
    }
}

/// CPU time that this process has waited for, in children and theirs.
pub(super) fn waited_for() -> Duration {
    let times = fs::read_to_string("/proc/1/stat").ok().and_then(|text| times(&text));
    TICK * times.and_then(|times| u32::try_from(times.children).ok()).unwrap_or_default()
}

fn times(stat: &str) -> Option<Times> {
    // The name in parentheses is the program's own choice and may hold anything, parentheses too.
    let (_, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split(' ').collect();
    // Fields count from 1 in proc(5), and the third is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Times { own: field(14)? + field(15)?, children: field(16)? + field(17)?, start: field(22)? })
}

fn memory_bytes(status: &str) -> u64 {
    let kib = |line: &str| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok();
    let counted = ["RssAnon:", "VmPTE:", "HugetlbPages:"];
    // The first line is the name, which the kernel escapes: no line can be forged.
    status.lines().filter(|line| counted.iter().any(|name| line.starts_with(name))).filter_map(kib).map(|kib| kib * 1024).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: u32, own: u64, children: u64) -> (u32, Times, u64) {
        (id, Times { own, children, start: 7 }, 1000)
    }

    #[test]
    fn a_name_cannot_lie_about_times() {
        let stat = "9 (a) R 1 1 1 1 1 1 1) S 1 9 9 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 12345 1 1";
        assert_eq!(times(stat), Some(Times { own: 110, children: 150, start: 12345 }));
        assert_eq!(times("9 (a) S 1"), None);
    }

    #[test]
    fn memory_is_what_a_process_made() {
        let status = "Name:\tRssAnon: 9\nVmRSS:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t 700 kB\nVmPTE:\t 28 kB\n";
        assert_eq!(memory_bytes(status), 128 * 1024);
    }

    #[test]
    fn ended_processes_count_waited_for_or_not() {
        let mut sampler = Sampler::default();
        assert_eq!(sampler.sum(vec![seen(1, 0, 0), seen(2, 10, 0), seen(3, 20, 0)]).cpu, TICK * 30);
        // 3 ended, and nobody waited for it.
        assert_eq!(sampler.sum(vec![seen(1, 0, 0), seen(2, 15, 0)]).cpu, TICK * 35);
        // Between two samples 100 ticks were spent in children of 2, which it waited for.
        assert_eq!(sampler.sum(vec![seen(1, 0, 0), seen(2, 15, 100)]).cpu, TICK * 115);
    }

    #[test]
    fn our_own_process_is_not_the_jobs() {
        let sample = Sampler::default().sum(vec![seen(1, 0, 0), seen(2, 0, 0), seen(3, 0, 0)]);
        assert_eq!((sample.processes, sample.memory_bytes), (2, 2000));
    }
}
