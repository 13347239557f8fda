//! What a job's processes use, read from their own `/proc` and summed.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

/// Linux counts process times in hundredths of a second, on every architecture that we build for.
const TICK: Duration = Duration::from_millis(10);
/// The namespace's first process is ours.
const INIT: u32 = 1;
/// The most that a process is charged for time in which nobody looked: twice the supervisor's interval.
/// On a busy machine it looks later, but then the job has waited too.
const UNSEEN_MAX: Duration = Duration::from_millis(40);
/// What one socket may hold of data that nobody has read: the kernel's default for its
/// buffer (`net.core.wmem_default`), which no call of a job can raise.
const SOCKET_BYTES_MAX: u64 = 208 << 10;

/// All processes at one time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Without ours.
    pub(super) processes: u32,
    /// Anonymous memory, page tables and what sockets may hold, in bytes. Pages of files are
    /// the machine's cache, written ones are counted where they are written.
    pub(super) memory_bytes: u64,
    /// CPU time up to now.
    pub(super) cpu: Duration,
}

/// Adds up CPU time over processes that come and go.
#[derive(Debug)]
pub(super) struct Sampler {
    cores: u32,
    last: Instant,
    /// Own CPU time by id and start.
    living: HashMap<(u32, u64), Duration>,
    watched: Duration,
}

/// One process's `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    running: bool,
    own: Duration,
    children: Duration,
    start: u64,
}

/// One process at one time.
struct Seen {
    id: u32,
    times: Times,
    memory_bytes: u64,
}

impl Sampler {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().ok().and_then(|cores| u32::try_from(cores.get()).ok());
        Self { cores: cores.unwrap_or(1), last: Instant::now(), living: HashMap::new(), watched: Duration::ZERO }
    }

    /// Looks at every process of this PID namespace.
    pub(super) fn sample(&mut self) -> Sample {
        let elapsed = self.last.elapsed();
        self.last += elapsed;
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut sample = self.sum(elapsed, ids.filter_map(see).collect());
        let sockets = fs::read_to_string(format!("/proc/{INIT}/net/sockstat")).map_or(0, |text| sockets(&text));
        sample.memory_bytes += sockets * SOCKET_BYTES_MAX;
        sample
    }

    /// Two sums, of which the larger counts: what parents know of children that they waited
    /// for, exact but without those that nobody waited for; and what was watched.
    ///
    /// Of processes that live between two samples nothing is seen, and a chain of them could
    /// burn a core unseen. But then at each sample one runs that is new: it is charged the
    /// whole interval, for itself and those before it.
    fn sum(&mut self, elapsed: Duration, seen: Vec<Seen>) -> Sample {
        let mut sample = Sample::default();
        let (mut inherited, mut new) = (Duration::ZERO, Duration::ZERO);
        let before = std::mem::take(&mut self.living);
        for Seen { id, times, memory_bytes } in seen {
            inherited += times.own + times.children;
            if id == INIT {
                continue;
            }
            sample.processes += 1;
            sample.memory_bytes += memory_bytes;
            let key = (id, times.start);
            match before.get(&key) {
                Some(known) => self.watched += times.own.saturating_sub(*known),
                None if times.running => new += times.own.max(elapsed.min(UNSEEN_MAX)),
                None => new += times.own,
            }
            self.living.insert(key, times.own);
        }
        // Those that wait for a core have not used it.
        self.watched += new.min(elapsed * self.cores);
        sample.cpu = self.watched.max(inherited);
        sample
    }
}

/// One that ends meanwhile has no files any more.
fn see(id: u32) -> Option<Seen> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}"));
    let mut times = times(&read("stat").ok()?)?;
    // The same in nanoseconds, where the kernel is built with it.
    if let Some(own) = read("schedstat").ok().and_then(|text| text.split(' ').next()?.parse().ok()) {
        times.own = times.own.max(Duration::from_nanos(own));
    }
    Some(Seen { id, times, memory_bytes: memory_bytes(&read("status").unwrap_or_default()) })
}

/// CPU time that this process has waited for, in children and theirs.
pub(super) fn waited_for() -> Duration {
    fs::read_to_string("/proc/1/stat").ok().and_then(|text| times(&text)).map_or(Duration::ZERO, |times| times.children)
}

fn times(stat: &str) -> Option<Times> {
    // The name in parentheses is the program's own choice and may hold anything, parentheses too.
    let (_, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split(' ').collect();
    // Fields count from 1 in proc(5), and the third is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let time = |user: usize, system: usize| Some(TICK * u32::try_from(field(user)? + field(system)?).unwrap_or(u32::MAX));
    Some(Times { running: fields.first() == Some(&"R"), own: time(14, 15)?, children: time(16, 17)?, start: field(22)? })
}

fn memory_bytes(status: &str) -> u64 {
    let kib = |line: &str| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok();
    let counted = ["RssAnon:", "VmPTE:", "HugetlbPages:"];
    // The first line is the name, which the kernel escapes: no line can be forged.
    status.lines().filter(|line| counted.iter().any(|name| line.starts_with(name))).filter_map(kib).map(|kib| kib * 1024).sum()
}

/// How many sockets this network namespace has.
fn sockets(sockstat: &str) -> u64 {
    sockstat.lines().find_map(|line| line.strip_prefix("sockets: used ")?.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    fn seen(id: u32, own_ticks: u32, children_ticks: u32) -> Seen {
        Seen { id, times: Times { running: false, own: TICK * own_ticks, children: TICK * children_ticks, start: 7 }, memory_bytes: 1000 }
    }

    fn sampler() -> Sampler {
        Sampler { cores: 2, ..Sampler::new() }
    }

    #[test]
    fn a_name_cannot_lie_about_times() {
        let stat = "9 (a) R 1 1 1 1 1 1 1) S 1 9 9 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 12345 1 1";
        assert_eq!(times(stat), Some(Times { running: false, own: TICK * 110, children: TICK * 150, start: 12345 }));
        assert_eq!(times("9 (a) S 1"), None);
    }

    #[test]
    fn memory_is_what_a_process_made() {
        let status = "Name:\tRssAnon: 9\nVmRSS:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t 700 kB\nVmPTE:\t 28 kB\n";
        assert_eq!(memory_bytes(status), 128 * 1024);
    }

    #[test]
    fn sockets_are_counted_by_the_namespace() {
        assert_eq!(sockets("sockets: used 1024\nTCP: inuse 1\n"), 1024);
        assert_eq!(sockets(""), 0);
    }

    #[test]
    fn ended_processes_count_waited_for_or_not() {
        let mut sampler = sampler();
        let second = Duration::from_secs(1);
        assert_eq!(sampler.sum(second, vec![seen(1, 0, 0), seen(2, 10, 0), seen(3, 20, 0)]).cpu, TICK * 30);
        // 3 ended, and nobody waited for it.
        assert_eq!(sampler.sum(second, vec![seen(1, 0, 0), seen(2, 15, 0)]).cpu, TICK * 35);
        // Between two samples 100 ticks were spent in children of 2, which it waited for.
        assert_eq!(sampler.sum(second, vec![seen(1, 0, 0), seen(2, 15, 100)]).cpu, TICK * 115);
    }

    #[test]
    fn a_chain_of_short_lives_pays_for_the_whole_time() {
        let mut sampler = sampler();
        let running = |id| Seen { times: Times { running: true, ..seen(id, 0, 0).times }, ..seen(id, 0, 0) };
        for id in 2..102 {
            sampler.sum(INTERVAL, vec![running(id)]);
        }
        assert_eq!(sampler.watched, INTERVAL * 100);
        // However many there are: a core has no more time than there was.
        sampler.sum(INTERVAL, (200..300).map(running).collect());
        assert_eq!(sampler.watched, INTERVAL * 102);
    }

    #[test]
    fn our_own_process_is_not_the_jobs() {
        let sample = sampler().sum(INTERVAL, vec![seen(1, 0, 0), seen(2, 0, 0), seen(3, 0, 0)]);
        assert_eq!((sample.processes, sample.memory_bytes), (2, 2000));
    }
}
