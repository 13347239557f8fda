//! Takes everything away from the job's first process, in the order in which it can.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::{
    limits,
    namespaces::Worker,
    root::HOME,
    step::{SetupError, Step},
    sys, syscalls,
};
use crate::Job;

/// The newest rights that this was written for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;
/// The first that no standard stream has.
const FIRST_OTHER_DESCRIPTOR: i32 = 3;

/// From here on the process may only start the job's program.
pub(super) fn confine(job: &Job, worker: Worker) -> Result<(), SetupError> {
    limits::apply(&job.limits)?;
    become_nobody(worker)?;
    set_no_new_privs(true).step("forbid new privileges")?;
    landlock(job)?;
    sys::close_on_exec_from(FIRST_OTHER_DESCRIPTOR).step("close inherited descriptors")?;
    // Last: the filter refuses some of the above.
    syscalls::install()
}

/// Becomes the job's user, with no capability of any kind and no way to any.
pub(super) fn become_nobody(worker: Worker) -> Result<(), SetupError> {
    clear_ambient_capability_set().step("clear ambient capabilities")?;
    // Before the change of user, which may take the capability that this needs.
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // Beyond the last that this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(SetupError::new("bound capabilities", error)),
        }
    }
    worker.become_job()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).step("drop capabilities")
}

/// The version that was used, 0 without.
pub(super) fn landlock(job: &Job) -> Result<u32, SetupError> {
    restrict(job).step("restrict with landlock")
}

/// The same as the mounts say, once more: read and execute everywhere, write in the private
/// folders alone, no TCP, nothing to signal and no abstract socket outside. The root holds
/// nothing else; should a file system of the host ever become reachable, it cannot be written.
fn restrict(job: &Job) -> Result<u32, RulesetError> {
    let all = AccessFs::from_all(LANDLOCK);
    let writable = [Path::new("/tmp"), Path::new(HOME), Path::new("/dev"), &job.results, &job.folder];
    let writable = writable.into_iter().chain(job.layers.iter().map(AsRef::as_ref));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(writable, all))?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => kernel_abi.and_then(|abi| u32::try_from(abi).ok()).unwrap_or(effective_abi as u32),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    })
}
