//! The few calls of the kernel that have no safe form. Everything here is called in the
//! helper, which has one thread only: [`alone`] proves it first.
#![allow(unsafe_code, reason = "fork, unshare and mount_setattr have no safe form; each is proven below")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use rustix::{
    process::{Pid, Signal, set_parent_process_death_signal},
    thread::UnshareFlags,
};

/// From `mount_setattr(2)`: ids of the file system are seen through a user namespace.
const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;

/// A fork, seen from both sides.
pub(super) enum Fork {
    Parent(Pid),
    Child,
}

/// Fails unless this process has one thread.
pub(super) fn alone() -> io::Result<()> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads == 1 { Ok(()) } else { Err(io::Error::other(format!("the helper has {threads} threads: child_main must come first in main"))) }
}

/// The child ends with this process, until it changes its user, which the kernel takes for a new life.
pub(super) fn fork() -> io::Result<Fork> {
    // SAFETY: this process has one thread (`alone` was called first thing in the helper and nothing
    // here starts one), so that no lock is held by another: the child may go on as any program.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // An error must not go up: it would be taken for the parent's.
            if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
                exit_now(1);
            }
            Ok(Fork::Child)
        }
        pid => Pid::from_raw(pid).map(Fork::Parent).ok_or_else(|| io::ErrorKind::InvalidData.into()),
    }
}

pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: unsafe is only the division of descriptor tables between threads (FILES), which is never asked.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Closes every descriptor from `first` on.
///
/// To be called before the helper owns any.
pub(super) fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: at the helper's start nothing in this process owns a descriptor beyond the standard ones:
    // those that exist were inherited by mistake.
    match unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has every descriptor from `first` on closed by the next exec.
pub(super) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: sets a flag; no descriptor is closed while its owner lives.
    match unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `mount_setattr(2)`'s argument.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Adds `attributes` (`MOUNT_ATTR_*`) to a tree of mounts, and shows its ids through `ids` if given.
pub(super) fn set_mount_attributes(tree: BorrowedFd<'_>, attributes: u64, ids: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let idmap = if ids.is_some() { MOUNT_ATTR_IDMAP } else { 0 };
    let userns_fd = ids.map_or(0, |ids| u64::try_from(ids.as_fd().as_raw_fd()).unwrap_or_default());
    let attr = MountAttr { attr_set: attributes | idmap, attr_clr: 0, propagation: 0, userns_fd };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the path is a NUL-terminated empty string, and `attr` is a live structure of the kernel's
    // first version, whose size is given; the kernel only reads it.
    match unsafe { libc::syscall(libc::SYS_mount_setattr, tree.as_raw_fd(), c"".as_ptr(), flags, &raw const attr, size_of::<MountAttr>()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Names the machine, in this namespace.
pub(super) fn set_host_name(name: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length are those of one live slice, which the kernel only reads.
    match unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process at once, without running what its parent had set up.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}
