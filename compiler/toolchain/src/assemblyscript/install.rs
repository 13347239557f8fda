//! Gets asc: what is there, else the pinned npm packages. Node.js itself is the user's to install.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    AssemblyScriptToolchain,
    find::{find_in, node, own_folder},
};
use crate::{Home, InstallError, around::Around, child};

/// The one package, in its exact version.
const MANIFEST: &str = include_str!("package.json");
/// It and what it needs, with digests: npm refuses anything else.
pub(super) const LOCK: &str = include_str!("package-lock.json");
/// Some 30 MB.
const LIMIT: Duration = Duration::from_secs(300);
/// Binaryen's own programs, most of its bytes, and links to them; asc uses the library beside them.
const NOT_NEEDED: [&str; 2] = ["node_modules/binaryen/bin", "node_modules/.bin"];
const REMEDY: &str = "install Node.js 20 or later with npm (https://nodejs.org), then run `ext toolchain install assemblyscript` again";

/// Makes sure that there is a toolchain; quick when there is one. `progress` hears each step.
///
/// # Errors
/// Says why each way failed, and what to do by hand.
pub(crate) fn install(home: &Home, progress: &mut dyn FnMut(&str)) -> Result<AssemblyScriptToolchain, InstallError> {
    let around = Around::of_process();
    let missing = match find_in(home, &around) {
        Ok(found) => {
            progress(&format!("assemblyscript: already there: {found}"));
            return Ok(found);
        }
        Err(missing) => missing,
    };
    if around.named("EXT_ASC").is_some() {
        return Err(missing.into());
    }
    with_npm(home, &around, progress).map_err(|reason| InstallError::NoWay { tried: vec![reason], remedy: REMEDY.to_owned() })?;
    let found = find_in(home, &around)?;
    progress(&format!("assemblyscript: ready: {found}"));
    Ok(found)
}

fn with_npm(home: &Home, around: &Around, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let node = node(around)?;
    let beside = node.program.with_file_name("npm");
    let npm = Some(beside).filter(|path| path.is_file()).or_else(|| around.program("npm")).ok_or("no npm beside node or on PATH")?;
    let folder = own_folder(home);
    let scratch = scratch(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let made = scratch.path().join("toolchain");
    write_pins(&made).map_err(|error| format!("{}: {error}", made.display()))?;
    progress("assemblyscript: npm ci (the pinned compiler, once)");
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]).current_dir(&made);
    let finished = child::run(command, LIMIT, &mut |_| {}).map_err(|error| error.to_string())?;
    if !finished.success {
        return Err(format!("npm ci: {}", complaint(&finished.stderr, &finished.status)));
    }
    keep(&made, &folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Beside the folder, so that it can be moved there as a whole.
fn scratch(folder: &Path) -> io::Result<tempfile::TempDir> {
    let parent = folder.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(".installing-").tempdir_in(parent)
}

fn write_pins(folder: &Path) -> io::Result<()> {
    std::fs::create_dir(folder)?;
    std::fs::write(folder.join("package.json"), MANIFEST)?;
    std::fs::write(folder.join("package-lock.json"), LOCK)
}

/// Moves what is complete to its place; a half-installed compiler is never seen.
fn keep(made: &Path, folder: &PathBuf) -> io::Result<()> {
    for folder in NOT_NEEDED.map(|one| made.join(one)).iter().filter(|one| one.is_dir()) {
        std::fs::remove_dir_all(folder)?;
    }
    match std::fs::rename(made, folder) {
        Err(_) if folder.is_dir() => Ok(()), // someone else was faster with the same packages
        result => result,
    }
}

/// npm says first what is wrong, and last where its log lies.
fn complaint(stderr: &str, status: &str) -> String {
    let said: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("complete log")).take(3).collect();
    if said.is_empty() { status.to_owned() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_by_digest_and_by_no_place() {
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.contains_key("node_modules/assemblyscript") && packages.len() > 3);
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")), "{name}");
            assert!(package.get("resolved").is_none(), "{name}: whichever registry npm is set to");
        }
        let manifest: serde_json::Value = serde_json::from_str(MANIFEST).unwrap();
        assert_eq!(manifest["dependencies"]["assemblyscript"], packages["node_modules/assemblyscript"]["version"]);
    }

    #[test]
    fn a_second_installer_leaves_the_first_ones_work() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/pinned");
        for text in ["first", "second"] {
            let scratch = scratch(&folder).unwrap();
            let made = scratch.path().join("toolchain");
            write_pins(&made).unwrap();
            std::fs::create_dir_all(made.join(NOT_NEEDED[0])).unwrap();
            std::fs::write(made.join("who"), text).unwrap();
            keep(&made, &folder).unwrap();
        }
        assert_eq!(std::fs::read_to_string(folder.join("who")).unwrap(), "first");
        assert!(!folder.join(NOT_NEEDED[0]).exists());
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 1, "no scratch is left");
    }

    #[test]
    fn what_npm_says_first_is_told() {
        let stderr =
            "npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed\n\nnpm error A complete log of this run can be found in: /x\n";
        assert_eq!(complaint(stderr, "exit 1"), "npm error code EINTEGRITY; npm error sha512-x integrity checksum failed");
        assert_eq!(complaint("", "signal 9"), "signal 9");
    }
}
