//! Builds the target's standard library for a compiler whose packager left it out.

use std::{io, path::Path, process::Command, time::Duration};

use super::{
    TARGET,
    find::{has_std, libraries_below},
};
use crate::child;

/// About half a minute on two cores; sources of dependencies are downloaded once.
const LIMIT: Duration = Duration::from_secs(900);

const EMPTY_CRATE: &str = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
                           [profile.release]\npanic = \"abort\"\nopt-level = \"s\"\n";

/// Builds core, alloc and std into `sysroot`, which then is there as a whole or not at all.
pub(super) fn build(rustc: &Path, cargo: &Path, sysroot: &Path) -> Result<(), String> {
    if has_std(&libraries_below(sysroot)) {
        return Ok(());
    }
    let parent = sysroot.parent().ok_or("the sysroot has no parent folder")?;
    std::fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let scratch = tempfile::Builder::new().prefix(".sysroot-").tempdir_in(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    compile(rustc, cargo, scratch.path())?;
    move_into_place(scratch.path(), sysroot).map_err(|error| format!("{}: {error}", sysroot.display()))
}

fn compile(rustc: &Path, cargo: &Path, dir: &Path) -> Result<(), String> {
    let written = std::fs::write(dir.join("Cargo.toml"), EMPTY_CRATE).and_then(|()| std::fs::write(dir.join("lib.rs"), "#![no_std]\n"));
    written.map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut command = Command::new(cargo);
    command.current_dir(dir).args(["build", "--quiet", "-Zbuild-std=std,panic_abort", "--release", "--target", TARGET]);
    for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_BUILD_DIR"] {
        command.env_remove(name);
    }
    // Bitcode lets guests link the library with LTO. `-Zbuild-std` needs the bootstrap switch on a stable compiler.
    command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Cembed-bitcode=yes").env("CARGO_TARGET_DIR", dir.join("target"));
    let finished = child::run(command, LIMIT, &mut |_| {}).map_err(|error| error.to_string())?;
    if finished.success { Ok(()) } else { Err(finished.stderr) }
}

fn move_into_place(scratch: &Path, sysroot: &Path) -> io::Result<()> {
    let made = scratch.join("sysroot");
    let libraries = libraries_below(&made);
    std::fs::create_dir_all(&libraries)?;
    for entry in std::fs::read_dir(scratch.join("target").join(TARGET).join("release/deps"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty") {
            std::fs::rename(entry.path(), libraries.join(name))?;
        }
    }
    match std::fs::rename(&made, sysroot) {
        Err(_) if has_std(&libraries_below(sysroot)) => Ok(()), // someone else was faster
        result => result,
    }
}
