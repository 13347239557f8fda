//! Gets a toolchain for Rust guests: what is there, else rustup, else Debian's packages.
//!
//! The only code that installs anything; a build never does.

use std::{path::Path, process::Command, time::Duration};

use super::{
    RustToolchain, TARGET,
    find::{Missing, Surroundings, cargo_beside, find_in, identity},
    sysroot,
};
use crate::{Home, child};

const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-19"];
/// Debian's sources of the standard library.
const SOURCES: &str = "/usr/lib/rustlib/src/rust";
/// Downloading one component.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);
/// Package lists and about 100 MB of packages.
const APT_LIMIT: Duration = Duration::from_secs(900);

/// Why there is no toolchain now.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Each way failed; why.
    #[error("no way worked: {}; install Rust from https://rustup.rs, then run `rustup target add {TARGET}`", tried.join("; "))]
    NoWay {
        /// One reason for each way.
        tried: Vec<String>,
    },
    /// Installed, and still not found.
    #[error(transparent)]
    Missing(#[from] Missing),
}

/// Makes sure that there is a toolchain; quick when there is one. `progress` hears each step.
///
/// # Errors
/// Says why each way failed, and what to do by hand.
pub fn install(home: &Home, progress: &mut dyn FnMut(&str)) -> Result<RustToolchain, InstallError> {
    let around = Surroundings::of_process();
    let missing = match find_in(home, &around) {
        Ok(found) => {
            progress(&format!("rust: already there: {found}"));
            return Ok(found);
        }
        Err(missing) => missing,
    };
    if around.rustc.is_some() {
        return Err(missing.into());
    }
    let mut tried = Vec::new();
    match with_rustup(&around, progress) {
        Ok(()) => match find_in(home, &around) {
            Ok(found) => return Ok(taken(found, progress)),
            Err(missing) => tried.push(missing.to_string()),
        },
        Err(reason) => tried.push(reason),
    }
    if let Err(reason) = with_debian(home, &around, progress) {
        tried.push(reason);
        return Err(InstallError::NoWay { tried });
    }
    Ok(taken(find_in(home, &around)?, progress))
}

fn taken(found: RustToolchain, progress: &mut dyn FnMut(&str)) -> RustToolchain {
    progress(&format!("rust: ready: {found}"));
    found
}

fn with_rustup(around: &Surroundings, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let rustup = around.program("rustup").ok_or("rustup is not on PATH")?;
    progress(&format!("rust: rustup target add {TARGET}"));
    let mut command = Command::new(rustup);
    // As in `find`: for the user's own toolchain, whatever folder this is called in.
    command.args(["target", "add", TARGET]).current_dir("/").env_remove("RUSTUP_TOOLCHAIN");
    run(command, RUSTUP_LIMIT, "rustup")
}

fn with_debian(home: &Home, around: &Surroundings, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let present = || around.debian_rustc.is_file() && around.linker().is_some() && Path::new(SOURCES).is_dir();
    if !present() {
        apt(around, progress)?;
    }
    if !present() {
        return Err(format!("the packages {} do not hold a compiler, its sources and a linker", PACKAGES.join(" ")));
    }
    let rustc = &around.debian_rustc;
    let identity = identity(rustc).ok_or_else(|| format!("{} does not run", rustc.display()))?;
    let cargo = cargo_beside(rustc, around).ok_or("there is no cargo on PATH")?;
    progress("rust: building the standard library for wasm32 (once, about half a minute)");
    sysroot::build(rustc, &cargo, &home.sysroot(&identity))
}

fn apt(around: &Surroundings, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let apt = around.program("apt-get").ok_or("there is no apt-get either")?;
    let words = PACKAGES.join(" ");
    if !rustix::process::geteuid().is_root() {
        return Err(format!("Debian's packages need root: apt-get install {words}"));
    }
    progress(&format!("rust: apt-get install {words}"));
    for arguments in [vec!["update", "-qq"], [vec!["install", "-y", "-qq", "--no-install-recommends"], PACKAGES.to_vec()].concat()] {
        let mut command = Command::new(&apt);
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run(command, APT_LIMIT, "apt-get")?;
    }
    Ok(())
}

fn run(command: Command, limit: Duration, name: &str) -> Result<(), String> {
    let finished = child::run(command, limit, |_| {}).map_err(|error| error.to_string())?;
    if finished.success {
        return Ok(());
    }
    let last = finished.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(&finished.status);
    Err(format!("{name}: {}", last.trim()))
}
