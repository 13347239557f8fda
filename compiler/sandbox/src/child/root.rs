//! The file system that a job sees, built from what its job names and nothing else.

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::symlink,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, Gid, Mode, OFlags, Uid, chownat, openat},
    process::pivot_root,
    thread::UnshareFlags,
};

use super::{
    mounts::{self, Access},
    namespaces::{JOB_ID, Worker, root_as_job},
    step::{SetupError, Step},
    sys,
};
use crate::Job;

/// Where the job's private things lie while the root is built.
const SCRATCH: &str = "/.scratch";
/// Where a layer's lower side lies until the layer is there.
const LOWER: &str = "/.lower";
/// Where the old root is until the list of processes is mounted: the kernel gives
/// one only to who sees another.
const OLD: &str = "/.old";
/// The job's home.
pub(super) const HOME: &str = "/guest";
/// Written files may exceed their limit by this before the kernel refuses: the
/// supervisor sees it and says which limit it was.
const SCRATCH_SLACK_BYTES: u64 = 1 << 20;
/// A first Rust build makes some 10,000 files; each costs the kernel 1 KiB.
const SCRATCH_FILES_MAX: u64 = 256 << 10;
/// The new root holds folders, links and five small files.
const ROOT_BYTES_MAX: u64 = 1 << 20;
const ROOT_FILES_MAX: u64 = 4096;

/// System folders: shown as they are, or as the links that they are.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// What linking and Debian's names of programs need of `/etc`; no accounts, no names, no keys.
const SYSTEM_FILES: [&str; 2] = ["/etc/ld.so.cache", "/etc/alternatives"];
/// No `/dev/zero`: mapping it shared makes memory that no process owns and nobody could sum up.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/urandom", "/dev/random"];
const DEVICE_LINKS: [(&str, &str); 4] =
    [("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"), ("/dev/stderr", "/proc/self/fd/2")];
/// The accounts, hosts and name services of a machine on which there is nobody.
const FILES: [(&str, &str); 4] = [
    ("/etc/passwd", "guest:x:1000:1000::/guest:/bin/sh\n"),
    ("/etc/group", "guest:x:1000:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

/// What the supervisor keeps of the job's file system.
#[derive(Debug)]
pub(super) struct Kept {
    /// The private file system as a whole.
    pub(super) scratch: OwnedFd,
    /// Its folder of results.
    pub(super) results: OwnedFd,
    /// Changes to the sources.
    pub(super) changes: OwnedFd,
}

/// What is shown at a path.
enum Shown {
    Tree(OwnedFd),
    Layer { lower: OwnedFd, name: String },
    Private(&'static str),
}

/// Enters the namespaces and builds the root. On return the old root is still at [`OLD`];
/// the job's first process leaves it, see [`leave_old`].
pub(super) fn build(job: &Job, worker: Worker) -> Result<Kept, SetupError> {
    check(job)?;
    let early = match worker {
        Worker::Root if sys::unshare(UnshareFlags::NEWNS).is_ok() => {
            mounts::make_private()?;
            let ids = root_as_job()?;
            Some(gather(job, Some(ids))?)
        }
        Worker::Root | Worker::User { .. } => None,
    };
    worker.enter_user_namespace()?;
    enter_namespaces()?;
    let shown = match early {
        Some(shown) => shown,
        None => gather(job, None)?,
    };
    let scratch = mounts::memory(job.limits.file_bytes.saturating_add(SCRATCH_SLACK_BYTES), SCRATCH_FILES_MAX)?;
    enter_new_root()?;
    mounts::put_new(scratch.as_fd(), Path::new(SCRATCH))?;
    furnish()?;
    for (at, shown) in &shown {
        place(at, shown)?;
    }
    let kept = Kept { results: open(&scratch, "results")?, changes: open(&scratch, "upper-folder")?, scratch };
    for (link, target) in DEVICE_LINKS {
        symlink(target, link).step(format!("make {link}"))?;
    }
    for hidden in [LOWER, SCRATCH] {
        if hidden == SCRATCH {
            mounts::remove(Path::new(hidden))?;
        }
        fs::remove_dir(hidden).step(format!("remove {hidden}"))?;
    }
    Ok(kept)
}

/// Everything but the user namespace, which comes first.
pub(super) fn enter_namespaces() -> Result<(), SetupError> {
    let flags = [
        (UnshareFlags::NEWNS, "mount"),
        (UnshareFlags::NEWNET, "net"),
        (UnshareFlags::NEWIPC, "ipc"),
        (UnshareFlags::NEWUTS, "uts"),
        (UnshareFlags::NEWPID, "pid"),
    ];
    for (flag, name) in flags {
        sys::unshare(flag).step(format!("enter a {name} namespace"))?;
    }
    // Hides only names of groups that are mounted nowhere inside; a kernel may be built without.
    let _ = sys::unshare(UnshareFlags::NEWCGROUP);
    mounts::make_private()?;
    sys::set_host_name(b"sandbox").step("set the host name")
}

/// Leaves the old root and seals the new one.
pub(super) fn leave_old() -> Result<(), SetupError> {
    mounts::remove(Path::new(OLD))?;
    fs::remove_dir(OLD).step("remove the old root")?;
    mounts::seal(Path::new("/"))
}

/// Paths that could hide the sandbox's own parts are refused.
fn check(job: &Job) -> Result<(), SetupError> {
    let paths = job.reads.iter().chain(&job.layers).chain([&job.folder, &job.results, &job.program]);
    for path in paths {
        let plain = path.is_absolute() && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let ours = ["/proc", "/dev", "/sys", "/etc", SCRATCH, LOWER, OLD].iter().any(|ours| path.starts_with(ours));
        if !plain || ours || path.components().count() < 2 {
            return Err(SetupError::new(format!("show {}", path.display()), "a job's path is absolute, has no `..` and is not of the system"));
        }
    }
    // The sources are the author's, and may hold a link of that name to anywhere.
    if job.results.starts_with(&job.folder) {
        return Err(SetupError::new(format!("show {}", job.results.display()), "results lie outside of the sources"));
    }
    Ok(())
}

/// Everything that the job will see, by where; folders before what lies in them.
fn gather(job: &Job, ids: Option<OwnedFd>) -> Result<Vec<(PathBuf, Shown)>, SetupError> {
    let ids = ids.as_ref().map(AsFd::as_fd);
    let mut shown: Vec<(PathBuf, Shown)> = Vec::new();
    for system in SYSTEM.iter().filter(|path| is_folder(path)).chain(SYSTEM_FILES.iter().filter(|path| Path::new(path).exists())) {
        shown.push((system.into(), Shown::Tree(mounts::take(Path::new(system), Access::Read, None)?)));
    }
    for device in DEVICES {
        shown.push((device.into(), Shown::Tree(mounts::take(Path::new(device), Access::Device, None)?)));
    }
    shown.extend([("/tmp", "tmp"), (HOME, "home"), ("/dev/shm", "shm")].map(|(at, name)| (at.into(), Shown::Private(name))));
    let layered = |path: &PathBuf| job.layers.contains(path) || *path == job.folder || *path == job.results;
    for path in job.reads.iter().filter(|path| !layered(path) && !is_below_system(path)) {
        for at in both_names(path) {
            shown.push((at, Shown::Tree(mounts::take(path, Access::Read, ids)?)));
        }
    }
    let folder = (&job.folder, "folder".to_owned());
    let layers = job.layers.iter().filter(|layer| **layer != job.folder).enumerate().map(|(number, layer)| (layer, number.to_string()));
    for (path, name) in layers.chain([folder]) {
        // Seen through one mount only: two would not see each other's changes.
        shown.push((path.clone(), Shown::Layer { lower: mounts::take(path, Access::Read, ids)?, name }));
    }
    shown.push((job.results.clone(), Shown::Private("results")));
    shown.sort_by(|one, other| one.0.cmp(&other.0));
    shown.dedup_by(|one, other| one.0 == other.0);
    Ok(shown)
}

fn is_folder(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

fn is_below_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// The path as it is named, and as it really is: a program may ask for either.
fn both_names(path: &Path) -> Vec<PathBuf> {
    let real = path.canonicalize().ok().filter(|real| real != path && !is_below_system(real));
    [Some(path.to_owned()), real].into_iter().flatten().collect()
}

/// An empty root in memory; the old one stays reachable at [`OLD`] for now.
fn enter_new_root() -> Result<(), SetupError> {
    let links: Vec<_> = SYSTEM.iter().filter_map(|path| Some((path, fs::read_link(path).ok()?))).collect();
    let root = mounts::memory(ROOT_BYTES_MAX, ROOT_FILES_MAX)?;
    // Any folder will do; this one is always there.
    let base = Path::new("/usr");
    mounts::put(root.as_fd(), base)?;
    let old = base.join(OLD.trim_start_matches('/'));
    fs::create_dir(&old).step("make a place for the old root")?;
    pivot_root(base, &old).step("change the root")?;
    rustix::process::chdir("/").step("enter the new root")?;
    for (path, target) in links {
        symlink(target, path).step(format!("make {path}"))?;
    }
    Ok(())
}

/// Folders and files that belong to nobody's job in particular.
fn furnish() -> Result<(), SetupError> {
    for folder in ["/etc", "/dev", "/proc", LOWER] {
        fs::create_dir(folder).step(format!("make {folder}"))?;
    }
    for (path, text) in FILES {
        fs::write(path, text).step(format!("make {path}"))?;
    }
    for name in ["tmp", "home", "shm", "results"] {
        private_folder(name)?;
    }
    Ok(())
}

/// A folder of the job's own in scratch.
fn private_folder(name: &str) -> Result<PathBuf, SetupError> {
    let path = Path::new(SCRATCH).join(name);
    fs::create_dir(&path).step(format!("make {name}"))?;
    give_to_job(&path).step(format!("give {name} to the job"))?;
    Ok(path)
}

fn give_to_job(path: &Path) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(JOB_ID), Gid::from_raw(JOB_ID));
    Ok(chownat(CWD, path, Some(uid), Some(gid), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?)
}

fn place(at: &Path, shown: &Shown) -> Result<(), SetupError> {
    match shown {
        Shown::Tree(tree) => mounts::put_new(tree.as_fd(), at),
        Shown::Private(name) => mounts::show(&Path::new(SCRATCH).join(name), at, Access::Write),
        Shown::Layer { lower, name } => {
            let (upper, work) = (private_folder(&format!("upper-{name}"))?, private_folder(&format!("work-{name}"))?);
            let below = Path::new(LOWER).join(name);
            mounts::put_new(lower.as_fd(), &below)?;
            mounts::layer(&below, &upper, &work, at)?;
            // The layer keeps its own hold.
            mounts::remove(&below)?;
            fs::remove_dir(&below).step("remove a lower side's place")
        }
    }
}

fn open(scratch: &OwnedFd, name: &str) -> Result<OwnedFd, SetupError> {
    openat(scratch, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).step(format!("open {name}"))
}
