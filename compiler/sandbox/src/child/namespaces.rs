//! Who the job is: a user namespace whose users are nobody outside.

use std::{fs, io, os::fd::OwnedFd, path::PathBuf};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    process::{Gid, Pid, Uid, WaitOptions, getegid, geteuid, getpid, waitpid},
    thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use super::{
    step::{SetupError, Step},
    sys::{self, Fork},
};

/// The job's user and group inside.
pub(super) const JOB_ID: u32 = 1000;
/// The helper inside, when it may have a user of its own.
const HELPER_ID: u32 = 0;
/// Outside, a root worker's jobs are `nobody`, and their helper is its neighbour: neither is root, and one
/// cannot signal the other. Both lie in the 65,536 ids that a container with users of its own has.
const JOB_OUTSIDE: u32 = 65534;
const HELPER_OUTSIDE: u32 = 65533;

/// As whom the worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// May give helper and job users of their own.
    Root,
    /// Helper and job are this user outside; the namespaces alone divide them.
    User { uid: u32, gid: u32 },
}

impl Worker {
    pub(super) fn of_process() -> Self {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        if uid == 0 { Self::Root } else { Self::User { uid, gid } }
    }

    fn maps(self) -> [String; 2] {
        match self {
            Self::Root => [0, 1].map(|_| format!("{HELPER_ID} {HELPER_OUTSIDE} 1\n{JOB_ID} {JOB_OUTSIDE} 1\n")),
            Self::User { uid, gid } => [uid, gid].map(|id| format!("{JOB_ID} {id} 1\n")),
        }
    }

    /// The helper's user inside.
    fn helper(self) -> u32 {
        match self {
            Self::Root => HELPER_ID,
            Self::User { .. } => JOB_ID,
        }
    }

    /// Moves this process into a user namespace, in which it has every privilege over
    /// what belongs to that namespace, and none outside.
    pub(super) fn enter_user_namespace(self) -> Result<(), SetupError> {
        if self == Self::Root {
            set_thread_groups(&[]).step("leave the worker's groups")?;
        }
        map_from_outside(&self.maps(), || sys::unshare(UnshareFlags::NEWUSER).step("enter a user namespace"))?;
        let (uid, gid) = (Uid::from_raw(self.helper()), Gid::from_raw(self.helper()));
        set_thread_res_gid(gid, gid, gid).step("become the helper's group")?;
        set_thread_res_uid(uid, uid, uid).step("become the helper's user")
    }

    /// Becomes the job's user, for good.
    pub(super) fn become_job(self) -> Result<(), SetupError> {
        let (uid, gid) = (Uid::from_raw(JOB_ID), Gid::from_raw(JOB_ID));
        set_thread_res_gid(gid, gid, gid).step("become the job's group")?;
        set_thread_res_uid(uid, uid, uid).step("become the job's user")
    }
}

/// A user namespace that shows what belongs to root as the job's, for mounts.
pub(super) fn root_as_job() -> Result<OwnedFd, SetupError> {
    let (held, hold) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
    let (ready, made) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
    let pid = match sys::fork().step("fork")? {
        Fork::Child => {
            drop(hold);
            let entered = sys::unshare(UnshareFlags::NEWUSER);
            if entered.is_err() || rustix::io::write(&made, b"1").is_err() {
                sys::exit_now(1);
            }
            // Ends with the pipe's other side, at the latest with the helper.
            let _ = rustix::io::read(&held, &mut [0; 1][..]);
            sys::exit_now(0);
        }
        Fork::Parent(pid) => pid,
    };
    drop((held, made));
    let opened = match rustix::io::read(&ready, &mut [0; 1][..]) {
        Ok(1) => write_maps(pid, &[0, 1].map(|_| format!("0 {JOB_OUTSIDE} 1\n")))
            .and_then(|()| fs::File::open(proc_of(pid).join("ns/user")))
            .step("map root's files to the job"),
        Ok(_) | Err(_) => Err(SetupError::new("map root's files to the job", "no user namespace")),
    };
    drop(hold);
    wait_for(pid)?;
    opened.map(OwnedFd::from)
}

/// Runs `unshare` here and writes the maps from a child that stays outside: only there
/// a root worker has the right to.
fn map_from_outside(maps: &[String; 2], unshare: impl FnOnce() -> Result<(), SetupError>) -> Result<(), SetupError> {
    let (ready, entered) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
    let this = getpid();
    let writer = match sys::fork().step("fork")? {
        Fork::Child => {
            drop(entered);
            let written = match rustix::io::read(&ready, &mut [0; 1][..]) {
                Ok(1) => write_maps(this, maps),
                Ok(_) | Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
            };
            sys::exit_now(written.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EPROTO), |()| 0));
        }
        Fork::Parent(pid) => pid,
    };
    drop(ready);
    let unshared = unshare();
    if unshared.is_ok() {
        rustix::io::write(&entered, b"1").step("ask for the user maps")?;
    }
    drop(entered);
    let code = wait_for(writer)?;
    unshared?;
    if code == 0 { Ok(()) } else { Err(SetupError::new("write the user maps", io::Error::from_raw_os_error(code))) }
}

fn write_maps(pid: Pid, [uids, gids]: &[String; 2]) -> io::Result<()> {
    let proc = proc_of(pid);
    // Without this an ordinary user may not map a group; nobody needs others inside.
    fs::write(proc.join("setgroups"), "deny")?;
    fs::write(proc.join("uid_map"), uids)?;
    fs::write(proc.join("gid_map"), gids)
}

fn proc_of(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()))
}

/// The exit code of a child of ours; one that a signal ended has none and counts as failed.
pub(super) fn wait_for(pid: Pid) -> Result<i32, SetupError> {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status.exit_status().unwrap_or(libc::EINTR)),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(SetupError::new("wait for a child", error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_map_holds_root_of_the_host() {
        for worker in [Worker::Root, Worker::User { uid: 1007, gid: 100 }] {
            for line in worker.maps().iter().flat_map(|map| map.lines()) {
                let outside = line.split(' ').nth(1).unwrap();
                assert_ne!(outside, "0", "{line}");
            }
        }
    }

    #[test]
    fn an_ordinary_user_maps_itself_alone() {
        assert_eq!(Worker::User { uid: 7, gid: 8 }.maps(), ["1000 7 1\n", "1000 8 1\n"]);
    }
}
