//! The attempts, as data: what is tried, what must come of it, and where to look from outside.

use extensions_sandbox::{Bound, Limits};

use crate::outside::{Look, Outside};

/// What must come of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The kernel says no.
    Refused,
    /// The filter says that there is no such call; outside it would fail otherwise, or succeed.
    Filtered,
    /// The job is ended at a limit.
    Limit(Bound),
    /// The kernel ends the process.
    Signal(i32),
    /// It is done, and has no effect outside.
    Contained,
}

/// One attempt and its twin.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// See [`crate::acts`].
    pub(crate) act: &'static str,
    pub(crate) twin: &'static str,
    pub(crate) expect: Expect,
    pub(crate) limits: fn(Limits) -> Limits,
    /// Looks from outside, after the attempt.
    pub(crate) look: Look,
}

const fn case(name: &'static str, act: &'static str, twin: &'static str, expect: Expect) -> Case {
    Case { name, act, twin, expect, limits: |limits| limits, look: Outside::unchanged }
}

const fn limited(name: &'static str, act: &'static str, twin: &'static str, which: Bound) -> Case {
    case(name, act, twin, Expect::Limit(which))
}

/// Some 16 MiB, 32 processes and half a second: a test's size of a build.
pub(crate) const CASES: &[Case] = &[
    // Files of the host
    Case { look: Outside::no_accounts, ..case("reads /etc/passwd", "read-passwd", "read-usr", Expect::Contained) },
    case("reads /etc/shadow", "read-shadow", "read-usr", Expect::Refused),
    case("lists /root and /home", "list-homes", "write-own", Expect::Refused),
    case("reads another job's folder", "read-other", "read-own", Expect::Refused),
    case("reads the environment of the host's processes", "read-environ", "own-environ", Expect::Refused),
    case("reads the memory of its first process", "read-init", "own-memory", Expect::Refused),
    case("uses a descriptor that its parent left open", "inherited", "own-descriptor", Expect::Refused),
    case("opens a file by its handle", "by-handle", "read-own", Expect::Filtered),
    // Network
    Case { look: Outside::nobody_called, ..case("connects to a listener on loopback", "tcp-connect", "pair", Expect::Filtered) },
    case("listens on TCP", "tcp-listen", "pair", Expect::Filtered),
    Case { look: Outside::nobody_called, ..case("sends UDP", "udp-send", "pair", Expect::Filtered) },
    Case { look: Outside::nobody_called, ..case("connects to an abstract socket of the host", "abstract-connect", "pair", Expect::Filtered) },
    Case { look: Outside::nobody_called, ..case("connects to a socket in a folder that it reads", "unix-connect", "read-reads", Expect::Filtered) },
    case("opens a netlink socket", "netlink", "pair", Expect::Filtered),
    // Processes
    Case { look: Outside::nobody_left, ..limited("forks 10,000 times", "fork-bomb", "fork-few", Bound::Processes) },
    Case { look: Outside::nobody_left, ..case("leaves a daemon behind", "daemon", "fork-few", Expect::Contained) },
    Case { look: Outside::nobody_left, ..case("kills everybody that it can", "kill-all", "kill-own", Expect::Contained) },
    case("signals the process that started the sandbox", "kill-host", "kill-own", Expect::Refused),
    case("traces its first process", "ptrace", "fork-few", Expect::Filtered),
    // Time, memory, disk, output
    Case { limits: short, look: Outside::nobody_left, ..limited("sleeps beyond its time", "sleep", "fork-few", Bound::Wall) },
    Case { limits: little_cpu, look: Outside::nobody_left, ..limited("burns CPU in four processes", "burn", "burn-little", Bound::Cpu) },
    Case { limits: little_cpu, look: Outside::nobody_left, ..limited("burns CPU in short-lived processes", "burn-short", "burn-little", Bound::Cpu) },
    Case { look: Outside::nobody_left, ..limited("takes memory in four processes", "memory", "memory-little", Bound::Memory) },
    case("takes memory that no process owns (memfd)", "memfd", "memory-little", Expect::Filtered),
    case("takes memory that no process owns (shared)", "shared-memory", "memory-little", Expect::Refused),
    Case { look: Outside::nobody_left, ..limited("fills the buffers of a thousand sockets", "sockets", "pair", Bound::Memory) },
    limited("fills the disk", "fill-disk", "write-own", Bound::Files),
    limited("makes a million files", "many-files", "write-own", Bound::Files),
    case("makes a file of a terabyte of holes", "sparse", "write-own", Expect::Signal(25)),
    limited("leaves files of holes in its results", "sparse-results", "write-own", Bound::Files),
    limited("prints a gigabyte", "print", "print-little", Bound::Output),
    limited("prints a gigabyte on stderr", "print-stderr", "print-little", Bound::Output),
    // What others get
    case("writes outside of its folders", "write-outside", "write-own", Expect::Refused),
    Case { look: Outside::next_job_sees_it_clean, ..case("poisons the prebuilt dependencies", "poison-layer", "read-layer", Expect::Contained) },
    case("changes the sources", "change-sources", "read-own", Expect::Contained),
    Case {
        look: Outside::plain_results,
        ..case("leaves links, devices, pipes and setuid in its results", "odd-results", "write-own", Expect::Contained)
    },
    Case { look: Outside::no_core, ..case("dumps core", "abort", "write-own", Expect::Signal(6)) },
    // The kernel
    case("mounts", "mount", "write-own", Expect::Filtered),
    case("enters other namespaces", "unshare", "write-own", Expect::Filtered),
    case("clones into a new user namespace", "clone-namespace", "fork-few", Expect::Filtered),
    case("changes its root", "chroot", "write-own", Expect::Filtered),
    case("writes to /proc/sys", "proc-sys", "read-proc", Expect::Refused),
    case("uses io_uring", "io-uring", "write-own", Expect::Filtered),
    case("uses bpf, perf, keys, userfaultfd", "surfaces", "write-own", Expect::Filtered),
    case("makes a device", "mknod", "write-own", Expect::Refused),
    case("becomes root", "setuid", "own-user", Expect::Filtered),
];

fn short(limits: Limits) -> Limits {
    Limits { wall: std::time::Duration::from_millis(200), ..limits }
}

fn little_cpu(limits: Limits) -> Limits {
    Limits { cpu: std::time::Duration::from_millis(200), ..limits }
}
