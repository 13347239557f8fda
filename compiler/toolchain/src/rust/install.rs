//! Gets a toolchain for Rust guests: what is there, else rustup, else Debian's packages.

use std::{path::Path, process::Command, time::Duration};

use super::{
    RustToolchain, TARGET,
    find::{Surroundings, cargo_beside, find_in, identity},
    sysroot,
};
use crate::{
    Home, InstallError,
    install::{run, with_apt},
};

const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-19"];
/// Debian's sources of the standard library.
const SOURCES: &str = "/usr/lib/rustlib/src/rust";
/// Downloading one component.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Makes sure that there is a toolchain; quick when there is one. `progress` hears each step.
///
/// # Errors
/// Says why each way failed, and what to do by hand.
pub(crate) fn install(home: &Home, progress: &mut dyn FnMut(&str)) -> Result<RustToolchain, InstallError> {
    let around = Surroundings::of_process();
    let missing = match find_in(home, &around) {
        Ok(found) => {
            progress(&format!("rust: already there: {found}"));
            return Ok(found);
        }
        Err(missing) => missing,
    };
    if around.rustc().is_some() {
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
        let remedy = format!("install Rust from https://rustup.rs, then run `rustup target add {TARGET}`");
        return Err(InstallError::NoWay { tried, remedy });
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
        with_apt(&around.around, &PACKAGES, progress)?;
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
