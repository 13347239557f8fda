//! Looks for Node.js and asc. Installs nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use extensions_types::Language;
use serde::Deserialize;

use super::{AssemblyScriptToolchain, VERSIONS, Way, install::LOCK};
use crate::{Home, Missing, around::Around, child::ask, sdk::hex_digest};

/// What asc needs.
const NODE_MAJOR_MIN: u32 = 20;
/// What it says of itself.
const PACKAGE: &str = "assemblyscript";

/// Node.js, checked.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) program: PathBuf,
    version: String,
}

#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
}

/// Looks for a compiler: `EXT_ASC` and `EXT_NODE`, then PATH, then what `ext` installed.
///
/// # Errors
/// Says what was looked at.
pub fn find(home: &Home) -> Result<AssemblyScriptToolchain, Missing> {
    find_in(home, &Around::of_process())
}

pub(super) fn find_in(home: &Home, around: &Around) -> Result<AssemblyScriptToolchain, Missing> {
    let missing = |tried| Missing { language: Language::AssemblyScript, tried };
    let node = node(around).map_err(|reason| missing(vec![reason]))?;
    let found = |(package, version): (PathBuf, String), way| AssemblyScriptToolchain {
        version: format!("asc {version} (node {})", node.version),
        node: node.program.clone(),
        package,
        way,
    };
    if let Some(named) = around.named("EXT_ASC") {
        // What is named is never replaced by another.
        return package_of(named).map(|one| found(one, Way::Environment)).map_err(|reason| missing(vec![format!("EXT_ASC: {reason}")]));
    }
    let on_path = around.program("asc").ok_or_else(|| "no asc on PATH".to_owned()).and_then(|program| package_of(&program));
    let own = || package_of(&own_package(home));
    match on_path {
        Ok(one) => Ok(found(one, Way::Path)),
        Err(reason) => own().map(|one| found(one, Way::Ours)).map_err(|own| missing(vec![reason, own])),
    }
}

/// Where `ext` installs: a folder of its own for each lock file.
pub(super) fn own_folder(home: &Home) -> PathBuf {
    home.path().join("assemblyscript").join(&hex_digest(LOCK.as_bytes())[..16])
}

fn own_package(home: &Home) -> PathBuf {
    own_folder(home).join("node_modules").join(PACKAGE)
}

/// Node.js of a version that asc runs on.
pub(super) fn node(around: &Around) -> Result<Node, String> {
    let program = match around.named("EXT_NODE") {
        Some(named) => named.clone(),
        None => around.program("node").ok_or("no node on PATH: asc needs Node.js 20 or later")?,
    };
    let mut command = Command::new(&program);
    command.arg("--version").env_remove("NODE_OPTIONS");
    let version = ask(command).ok_or_else(|| format!("{} does not run", program.display()))?;
    let major = version.strip_prefix('v').and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        return Err(format!("{} is {version}, asc needs Node.js {NODE_MAJOR_MIN} or later", program.display()));
    }
    // A version manager's link leads to a program that needs no manager.
    Ok(Node { program: program.canonicalize().unwrap_or(program), version })
}

/// The package's folder from itself or from a program in it, with its version.
fn package_of(path: &Path) -> Result<(PathBuf, String), String> {
    let real = path.canonicalize().map_err(|_| format!("no {}", path.display()))?;
    let manifest = |folder: &Path| -> Option<Manifest> { serde_json::from_slice(&std::fs::read(folder.join("package.json")).ok()?).ok() };
    let package = real.ancestors().find_map(|folder| Some((folder, manifest(folder).filter(|one| one.name == PACKAGE)?)));
    let (folder, Manifest { version, .. }) = package.ok_or_else(|| format!("{} is no asc", path.display()))?;
    if !version.starts_with(VERSIONS) {
        return Err(format!("{} is asc {version}, the SDK is made for {VERSIONS}x", path.display()));
    }
    if !folder.join("dist/asc.js").is_file() {
        return Err(format!("{} lacks dist/asc.js", folder.display()));
    }
    Ok((folder.to_owned(), version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::program_of_a_test as program;

    fn node_of(dir: &Path, version: &str) {
        program(&dir.join("node"), &format!("#!/bin/sh\necho {version}\n"));
    }

    fn package_at(folder: &Path, version: &str) {
        program(&folder.join("bin/asc.js"), "");
        program(&folder.join("dist/asc.js"), "");
        std::fs::write(folder.join("package.json"), format!(r#"{{"name":"assemblyscript","version":"{version}"}}"#)).unwrap();
    }

    #[test]
    fn the_one_on_path_comes_before_ours_when_it_fits() {
        let dir = tempfile::tempdir().unwrap();
        let (home, around) = (Home::at(dir.path().join("home")), Around::of(dir.path(), &[]));
        node_of(dir.path(), "v20.1.0");
        package_at(&own_package(&home), "0.28.20");
        let found = find_in(&home, &around).unwrap();
        assert_eq!((found.way, found.version.as_str()), (Way::Ours, "asc 0.28.20 (node v20.1.0)"));
        let global = dir.path().join("lib/node_modules/assemblyscript");
        package_at(&global, "0.28.1");
        std::os::unix::fs::symlink(global.join("bin/asc.js"), dir.path().join("asc")).unwrap();
        let found = find_in(&home, &around).unwrap();
        assert_eq!((found.way, found.package.file_name()), (Way::Path, global.file_name()));
        package_at(&global, "0.27.36");
        assert_eq!(find_in(&home, &around).unwrap().way, Way::Ours, "another version of the language does not fit");
    }

    #[test]
    fn what_is_missing_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let (home, around) = (Home::at(dir.path().join("home")), Around::of(dir.path(), &[]));
        let missing = find_in(&home, &around).unwrap_err().to_string();
        assert!(missing.contains("no node on PATH") && missing.ends_with("run `ext toolchain install assemblyscript`"), "{missing}");
        node_of(dir.path(), "v18.20.0");
        assert!(find_in(&home, &around).unwrap_err().to_string().contains("v18.20.0, asc needs Node.js 20"));
        node_of(dir.path(), "v22.0.0");
        program(&dir.path().join("asc"), "another program of that name");
        let missing = find_in(&home, &around).unwrap_err();
        assert_eq!(missing.tried.len(), 2);
        assert!(missing.tried[0].ends_with("asc is no asc"), "{missing}");
    }

    #[test]
    fn a_named_compiler_is_never_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        node_of(dir.path(), "v20.1.0");
        package_at(&own_package(&home), "0.28.20");
        let named = |path: &Path| Around::of(dir.path(), &[("EXT_ASC", path.to_owned())]);
        assert!(find_in(&home, &named(Path::new("/no/such/asc"))).is_err());
        assert_eq!(find_in(&home, &named(&own_package(&home).join("bin/asc.js"))).unwrap().way, Way::Environment);
        let around = Around::of(dir.path(), &[("EXT_NODE", "/no/such/node".into())]);
        assert!(find_in(&home, &around).unwrap_err().to_string().contains("/no/such/node does not run"));
    }
}
