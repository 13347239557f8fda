//! Gets a language's toolchain. The only code that installs anything; a build never does.

use std::{process::Command, time::Duration};

use extensions_types::Language;

use crate::{Home, Missing, Toolchain, around::Around, child};

/// Package lists and some hundred MB of packages.
const APT_LIMIT: Duration = Duration::from_secs(900);
/// Another installation may be under way: wait for it, in seconds.
const WAIT_FOR_OTHERS: [&str; 2] = ["-o", "DPkg::Lock::Timeout=300"];

/// Why there is no toolchain now.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Each way failed; why.
    #[error("no way worked: {}; {remedy}", tried.join("; "))]
    NoWay {
        /// One reason for each way.
        tried: Vec<String>,
        /// What to do by hand.
        remedy: String,
    },
    /// Installed, and still not found.
    #[error(transparent)]
    Missing(#[from] Missing),
}

/// Makes sure that there is a toolchain; quick when there is one. `progress` hears each step.
///
/// # Errors
/// Says why each way failed, and what to do by hand.
pub fn install(home: &Home, language: Language, progress: &mut dyn FnMut(&str)) -> Result<Toolchain, InstallError> {
    match language {
        Language::Rust => crate::rust::install(home, progress).map(Toolchain::Rust),
        Language::TinyGo => crate::tinygo::install(home, progress).map(Toolchain::TinyGo),
        Language::AssemblyScript => crate::assemblyscript::install(home, progress).map(Toolchain::AssemblyScript),
        Language::Wasm => Ok(Toolchain::Wasm),
    }
}

/// Installs Debian's packages, where this is such a machine and we may.
pub(crate) fn with_apt(around: &Around, packages: &[&str], progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let apt = around.program("apt-get").ok_or("there is no apt-get either")?;
    let words = packages.join(" ");
    if !rustix::process::geteuid().is_root() {
        return Err(format!("Debian's packages need root: apt-get install {words}"));
    }
    progress(&format!("apt-get install {words}"));
    for arguments in [vec!["update", "-qq"], [vec!["install", "-y", "-qq", "--no-install-recommends"], packages.to_vec()].concat()] {
        let mut command = Command::new(&apt);
        command.args(arguments).args(WAIT_FOR_OTHERS).env("DEBIAN_FRONTEND", "noninteractive");
        run(command, APT_LIMIT, "apt-get")?;
    }
    Ok(())
}

/// Runs an installer's program; the last thing it said when it fails.
pub(crate) fn run(command: Command, limit: Duration, name: &str) -> Result<(), String> {
    let finished = child::run(command, limit, &mut |_| {}).map_err(|error| error.to_string())?;
    if finished.success {
        return Ok(());
    }
    let last = finished.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(&finished.status);
    Err(format!("{name}: {}", last.trim()))
}
