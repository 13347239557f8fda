//! Where `ext` finds the fleet: the file in its home that `ext dev` writes too.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use extensions_types::TenantId;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::json;

use crate::{Fleet, FleetError};

/// `cli/src/dev_state.rs` reads it.
const FILE: &str = "dev.json";

/// Announces a fleet until it is dropped.
#[derive(Debug)]
pub struct Announced {
    file: PathBuf,
}

/// Who is announced.
#[derive(Debug, Deserialize)]
struct Found {
    process: u32,
}

impl Announced {
    /// Writes addresses and tokens where the `ext` with this home finds them: a
    /// developer of `tenant` and an operator.
    ///
    /// # Errors
    /// When something runs there already, or the file cannot be written.
    pub fn new(fleet: &Fleet, home: &Path, tenant: &TenantId) -> Result<Self, FleetError> {
        refuse_a_second(home)?;
        let hosts: Vec<_> = fleet.hosts.iter().map(|host| json!({"env": host.env, "url": host.url})).collect();
        let found = json!({
            "server": fleet.registry_url, "hosts": hosts, "process": std::process::id(),
            "token": fleet.people.developer(tenant), "operator_token": fleet.people.operator(),
        });
        let (file, staged) = (home.join(FILE), home.join(format!("{FILE}.{}", std::process::id())));
        let write = || {
            fs::create_dir_all(home)?;
            // Tokens are for this user alone; renamed, so that nobody reads half of it.
            let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
            out.write_all(found.to_string().as_bytes())?;
            fs::rename(&staged, &file)
        };
        write().map_err(FleetError::system("write", &file))?;
        Ok(Self { file })
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // It names a fleet that is gone; the next one writes it anew.
        let _ = fs::remove_file(&self.file);
    }
}

/// Fails where a platform runs that this `ext` finds.
///
/// # Errors
/// Says how to stop it.
pub fn refuse_a_second(home: &Path) -> Result<(), FleetError> {
    match running(home) {
        Some((process, name)) => Err(FleetError::Unexpected(format!(
            "{name} runs already (process {process}) and is announced in {}: end it first, a fleet with `cargo xtask fleet stop`",
            home.display()
        ))),
        None => Ok(()),
    }
}

/// Asks the fleet announced in `home` to end. Gives its process, or none where none runs.
///
/// # Errors
/// When what is announced is no fleet, or cannot be signalled.
pub fn ask_to_stop(home: &Path, program: &str) -> Result<Option<u32>, FleetError> {
    let Some((process, name)) = running(home) else { return Ok(None) };
    if name != program {
        return Err(FleetError::Unexpected(format!("what runs there is {name} (process {process}), no fleet: end it yourself")));
    }
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or_else(|| FleetError::Unexpected(format!("{process} is no process")))?;
    kill_process(pid, Signal::TERM).map_err(|error| FleetError::system("signal", program)(error.into()))?;
    Ok(Some(process))
}

/// The process that is announced, if it runs, and the name of its program.
fn running(home: &Path) -> Option<(u32, String)> {
    let found: Found = serde_json::from_slice(&fs::read(home.join(FILE)).ok()?).ok()?;
    Some((found.process, program_of(found.process)?))
}

/// The program of a process, unless it is gone.
#[must_use]
pub fn program_of(process: u32) -> Option<String> {
    let command = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let program = command.split(|byte| *byte == 0).next().filter(|program| !program.is_empty())?;
    Some(Path::new(&*String::from_utf8_lossy(program)).file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_stands_in_the_way() {
        let home = tempfile::tempdir().unwrap();
        refuse_a_second(home.path()).unwrap();
        let write = |process: u32| fs::write(home.path().join(FILE), format!("{{\"process\":{process}}}")).unwrap();
        // No process has this number: it is above what the kernel gives.
        write(u32::MAX);
        refuse_a_second(home.path()).unwrap();
        assert!(ask_to_stop(home.path(), "extensions-fleet").unwrap().is_none());
        write(std::process::id());
        assert!(refuse_a_second(home.path()).unwrap_err().to_string().contains("runs already"));
        assert!(ask_to_stop(home.path(), "extensions-fleet").unwrap_err().to_string().contains("no fleet"));
    }
}
