//! Mounts by descriptor: a tree is taken before the old root is left, and put in place afterwards.

use std::{
    ffi::CStr,
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::CWD,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
        fsconfig_set_string, fsmount, fsopen, mount, mount_change, move_mount, open_tree, unmount,
    },
};

use super::{
    step::{SetupError, Step},
    sys,
};

/// `AT_RECURSIVE`, which rustix has no name for here: mounts below come along.
const RECURSIVE: u32 = 0x8000;

/// What may be done through a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read and execute.
    Read,
    /// A device of the host: read and write it, execute nothing.
    Device,
    /// Read, write, execute.
    Write,
}

impl Access {
    fn attributes(self) -> MountAttrFlags {
        match self {
            Self::Read => MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
            Self::Device => MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
            Self::Write => MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        }
    }
}

/// No mount of this namespace is seen outside, nor the other way.
pub(super) fn make_private() -> Result<(), SetupError> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).step("make the mounts private")
}

/// A tree of mounts at `path`, detached from everything. Ids are shown through `ids`
/// where the file system can do that; where it cannot, files keep their owners.
pub(super) fn take(path: &Path, access: Access, ids: Option<BorrowedFd<'_>>) -> Result<OwnedFd, SetupError> {
    let what = || format!("show {}", path.display());
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::from_bits_retain(RECURSIVE);
    let tree = open_tree(CWD, path, flags).step(what())?;
    let attributes = u64::from(access.attributes().bits());
    if ids.is_none() || sys::set_mount_attributes(tree.as_fd(), attributes, ids).is_err() {
        sys::set_mount_attributes(tree.as_fd(), attributes, None).step(what())?;
    }
    Ok(tree)
}

/// Whether this file system shows root's files as the job's.
pub(super) fn takes_ids(path: &Path, ids: BorrowedFd<'_>) -> Result<(), SetupError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, path, flags).step("take a mount")?;
    sys::set_mount_attributes(tree.as_fd(), 0, Some(ids)).step("map its ids")
}

/// A new file system with string options, mounted nowhere yet.
pub(super) fn make(kind: &CStr, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, SetupError> {
    let what = || format!("make a {}", kind.to_string_lossy());
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).step(what())?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value).step(format!("{}: {key}={value}", what()))?;
    }
    fsconfig_create(context.as_fd()).step(what())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).step(what())
}

/// A file system in memory of at most `bytes` and `files`.
pub(super) fn memory(bytes: u64, files: u64) -> Result<OwnedFd, SetupError> {
    let (bytes, files) = (bytes.to_string(), files.to_string());
    make(c"tmpfs", &[("size", &bytes), ("nr_inodes", &files), ("mode", "0755")], Access::Write.attributes())
}

/// The list of processes of this PID namespace, and nothing else of the kernel's.
pub(super) fn processes() -> Result<OwnedFd, SetupError> {
    make(c"proc", &[("subset", "pid")], Access::Write.attributes() | MountAttrFlags::MOUNT_ATTR_NOEXEC)
}

/// Puts a detached tree at a path that exists.
pub(super) fn put(tree: BorrowedFd<'_>, at: &Path) -> Result<(), SetupError> {
    move_mount(tree, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).step(format!("mount at {}", at.display()))
}

/// Puts a tree where nothing may be yet: makes the folders above it and what it stands on.
pub(super) fn put_new(tree: BorrowedFd<'_>, at: &Path) -> Result<(), SetupError> {
    let what = || format!("make {}", at.display());
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(tree).step(what())?.st_mode).is_dir() {
        fs::create_dir_all(at).step(what())?;
    } else if !at.exists() {
        if let Some(above) = at.parent() {
            fs::create_dir_all(above).step(what())?;
        }
        fs::File::create(at).step(what())?;
    }
    put(tree, at)
}

/// Shows `from` also at `at`.
pub(super) fn show(from: &Path, at: &Path, access: Access) -> Result<(), SetupError> {
    put_new(take(from, access, None)?.as_fd(), at)
}

/// A private layer over `lower`, mounted at `at`: changes go to `upper`.
pub(super) fn layer(lower: &Path, upper: &Path, work: &Path, at: &Path) -> Result<(), SetupError> {
    let what = || format!("put a layer over {}", at.display());
    fs::create_dir_all(at).step(what())?;
    // Our own short paths: nothing to escape.
    let options = format!("lowerdir={},upperdir={},workdir={},userxattr", lower.display(), upper.display(), work.display());
    let options = std::ffi::CString::new(options).step(what())?;
    mount("overlay", at, "overlay", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str())).step(what())
}

/// Takes a mount away; what still uses it keeps it.
pub(super) fn remove(at: &Path) -> Result<(), SetupError> {
    unmount(at, UnmountFlags::DETACH).step(format!("unmount {}", at.display()))
}

/// The root is built: nothing is added to it any more.
pub(super) fn seal(at: &Path) -> Result<(), SetupError> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount_remount(at, flags, c"").step("seal the root")
}
