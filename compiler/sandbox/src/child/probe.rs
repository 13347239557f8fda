//! Tries each mechanism for real, in a child of its own that ends.

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{CWD, Gid, Uid, chown},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Resource, Rlimit, getpid, setrlimit},
    thread::{UnshareFlags, no_new_privs, set_no_new_privs},
};

use super::{
    confine,
    mounts::{self, Access},
    namespaces::{JOB_ID, Worker, root_as_job, wait_for},
    root,
    step::{SetupError, Step},
    sys::{self, Fork},
    syscalls,
};
use crate::{Capabilities, Given, Job, Limits};

/// A reason is a line.
const REASON_BYTES_MAX: usize = 1024;

pub(super) fn probe(worker: Worker) -> Capabilities {
    let inside = |flag: UnshareFlags| {
        attempt(move || {
            worker.enter_user_namespace()?;
            sys::unshare(flag).step("unshare")
        })
    };
    Capabilities {
        user_namespace: attempt(move || worker.enter_user_namespace()),
        unprivileged_user: attempt(move || unprivileged(worker)),
        mount_namespace: inside(UnshareFlags::NEWNS),
        pid_namespace: attempt(move || first_of_its_own(worker, || Ok(()))),
        net_namespace: inside(UnshareFlags::NEWNET),
        ipc_namespace: inside(UnshareFlags::NEWIPC),
        uts_namespace: inside(UnshareFlags::NEWUTS),
        procfs: attempt(move || first_of_its_own(worker, own_processes)),
        overlayfs: attempt(move || private_layer(worker)),
        seccomp: attempt(filtered),
        rlimits: attempt(move || limited(worker)),
        no_new_privs: attempt(|| {
            set_no_new_privs(true).step("set")?;
            if no_new_privs().step("ask")? { Ok(()) } else { Err(SetupError::new("set", "it is not set")) }
        }),
        landlock_abi: landlock_abi(),
        idmapped_mounts: match worker {
            Worker::Root => attempt(|| mounts::takes_ids(Path::new("/usr"), root_as_job()?.as_fd())),
            Worker::User { .. } => Err("only a root worker needs and has them".to_owned()),
        },
    }
}

/// Runs `what` in a child; its error comes back as text.
fn attempt(what: impl FnOnce() -> Result<(), SetupError>) -> Given {
    let said = in_child(|say| {
        if let Err(error) = what() {
            let _ = rustix::io::write(say, error.to_string().as_bytes());
            return 1;
        }
        0
    });
    match said {
        Ok((0, _)) => Ok(()),
        Ok((_, text)) if text.is_empty() => Err("the child that tried was ended".to_owned()),
        Ok((_, text)) => Err(text),
        Err(error) => Err(error.to_string()),
    }
}

fn in_child(what: impl FnOnce(&OwnedFd) -> i32) -> Result<(i32, String), SetupError> {
    let (listen, say) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
    match sys::fork().step("fork")? {
        Fork::Child => sys::exit_now(what(&say)),
        Fork::Parent(pid) => {
            drop(say);
            let mut text = vec![0; REASON_BYTES_MAX];
            let length = rustix::io::read(&listen, &mut text[..]).unwrap_or_default();
            text.truncate(length);
            Ok((wait_for(pid)?, String::from_utf8_lossy(&text).into_owned()))
        }
    }
}

/// The job's user as the host counts must not be its root.
fn unprivileged(worker: Worker) -> Result<(), SetupError> {
    worker.enter_user_namespace()?;
    let map = fs::read_to_string("/proc/self/uid_map").step("read the user map")?;
    let outside = |line: &str| Some(line.split_ascii_whitespace().nth(1)? == "0");
    if map.lines().any(|line| outside(line) != Some(false)) { Err(SetupError::new("map users", map)) } else { Ok(()) }
}

fn first_of_its_own(worker: Worker, then: impl FnOnce() -> Result<(), SetupError>) -> Result<(), SetupError> {
    worker.enter_user_namespace()?;
    root::enter_namespaces()?;
    let (code, text) = in_child(|say| {
        let first = if getpid() == Pid::INIT { Ok(()) } else { Err(SetupError::new("be the first process", "it is not")) };
        match first.and_then(|()| then()) {
            Ok(()) => 0,
            Err(error) => {
                let _ = rustix::io::write(say, error.to_string().as_bytes());
                1
            }
        }
    })?;
    if code == 0 { Ok(()) } else { Err(SetupError::new("in a new pid namespace", text)) }
}

fn own_processes() -> Result<(), SetupError> {
    mounts::put(mounts::processes()?.as_fd(), Path::new("/proc"))?;
    fs::read_to_string("/proc/1/stat").map(drop).step("read its own process")
}

/// A file written through a layer is above, and not below.
fn private_layer(worker: Worker) -> Result<(), SetupError> {
    worker.enter_user_namespace()?;
    root::enter_namespaces()?;
    let base = Path::new("/usr");
    mounts::put(mounts::memory(1 << 20, 64)?.as_fd(), base)?;
    let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| base.join(name));
    for folder in [&lower, &upper, &work] {
        fs::create_dir(folder).step("make a folder")?;
        chown(folder, Some(Uid::from_raw(JOB_ID)), Some(Gid::from_raw(JOB_ID))).step("give a folder to the job")?;
    }
    mounts::show(&lower, &lower, Access::Read)?;
    mounts::layer(&lower, &upper, &work, &merged)?;
    fs::write(merged.join("new"), "").step("write through the layer")?;
    let above = rustix::fs::statat(CWD, upper.join("new"), rustix::fs::AtFlags::empty()).is_ok();
    if above && !lower.join("new").exists() { Ok(()) } else { Err(SetupError::new("write through the layer", "it is not above")) }
}

fn filtered() -> Result<(), SetupError> {
    set_no_new_privs(true).step("forbid new privileges")?;
    syscalls::install()?;
    match sys::unshare(UnshareFlags::NEWUTS) {
        Err(Errno::NOSYS) => Ok(()),
        other => Err(SetupError::new("have a call refused", format!("{other:?}"))),
    }
}

/// A limit that the kernel holds: no further process.
fn limited(worker: Worker) -> Result<(), SetupError> {
    worker.enter_user_namespace()?;
    confine::become_nobody(worker)?;
    setrlimit(Resource::Nproc, Rlimit { current: Some(0), maximum: Some(0) }).step("limit processes")?;
    match sys::fork() {
        Ok(Fork::Child) => sys::exit_now(0),
        Ok(Fork::Parent(pid)) => wait_for(pid).and_then(|_| Err(SetupError::new("limit processes", "the limit does not hold"))),
        Err(_) => Ok(()),
    }
}

fn landlock_abi() -> u32 {
    let job = Job {
        program: "/bin/true".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        folder: PathBuf::from("/tmp"),
        returns: Vec::new(),
        reads: Vec::new(),
        layers: Vec::new(),
        results: PathBuf::from("/tmp"),
        limits: Limits { wall: Duration::ZERO, ..Limits::default() },
    };
    // The number is the exit code: the kernel counts to 7 today.
    let abi = in_child(|_| confine::landlock(&job).ok().and_then(|abi| i32::try_from(abi).ok()).unwrap_or_default());
    abi.ok().and_then(|(abi, _)| u32::try_from(abi).ok()).unwrap_or_default()
}
