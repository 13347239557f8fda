//! Looks for TinyGo and for the Go that it needs. Installs nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use extensions_types::Language;

use super::{CParts, TinyGoToolchain, Way, release};
use crate::{Home, Missing, around::Around, child::ask};

/// Finds a toolchain: the one named by `EXT_TINYGO`, the one on PATH, ours.
///
/// # Errors
/// Says what was looked at, and to run `ext toolchain install tinygo`.
pub fn find(home: &Home) -> Result<TinyGoToolchain, Missing> {
    find_in(home, &Around::of_process())
}

pub(super) fn find_in(home: &Home, around: &Around) -> Result<TinyGoToolchain, Missing> {
    let missing = |tried| Missing { language: Language::TinyGo, tried };
    if let Some(program) = around.named("EXT_TINYGO") {
        // What someone named is taken or refused, never replaced by another.
        return foreign(program, around, Way::Environment).map_err(|lack| missing(vec![format!("EXT_TINYGO: {lack}")]));
    }
    let on_path = around.program("tinygo").ok_or_else(|| "no tinygo on PATH".to_owned());
    let mut tried = Vec::new();
    for found in [on_path.and_then(|program| foreign(&program, around, Way::Path)), ours(home, around)] {
        match found {
            Ok(toolchain) => return Ok(toolchain),
            Err(lack) => tried.push(lack),
        }
    }
    Err(missing(tried))
}

/// One that someone else installed.
fn foreign(program: &Path, around: &Around, way: Way) -> Result<TinyGoToolchain, String> {
    let root = ask_tool(program, &["env", "TINYGOROOT"], around, None).ok_or_else(|| format!("{} does not run", program.display()))?;
    let root = PathBuf::from(root);
    let parts = if root.join("lib/wasi-libc/libc-top-half").is_dir() { CParts::Release } else { CParts::Debian };
    complete(program, root, parts, around, way)
}

fn ours(home: &Home, around: &Around) -> Result<TinyGoToolchain, String> {
    let dir = release::ours(home);
    let program = release::program_below(&dir);
    if !program.is_file() {
        return Err(format!("no TinyGo {} built below {}", release::VERSION, home.path().display()));
    }
    complete(&program, dir.join("root"), CParts::Debian, around, Way::Ours)
}

/// The rest that a build needs: Go, the C parts, the version.
fn complete(program: &Path, root: PathBuf, parts: CParts, around: &Around, way: Way) -> Result<TinyGoToolchain, String> {
    let go = go(around)?;
    let version = ask_tool(program, &["version"], around, Some(&root)).ok_or_else(|| format!("{} does not run", program.display()))?;
    let Some(own) = minor(&version, "version ").filter(|own| *own >= release::MINOR_MIN) else {
        return Err(format!("{} is `{version}`, not 0.{} or later", program.display(), release::MINOR_MIN));
    };
    // A later TinyGo says itself which Go it is made for.
    if own == release::MINOR_MIN {
        go.fits_ours()?;
    }
    if parts == CParts::Debian {
        libraries()?;
    }
    let wasm_opt = wasm_opt(&root, around).ok_or("no wasm-opt on PATH (of the package binaryen)")?;
    Ok(TinyGoToolchain { program: program.to_owned(), root, go: go.program, goroot: go.root, go_version: go.version, parts, wasm_opt, version, way })
}

fn libraries() -> Result<(), String> {
    let tools = [format!("{}/bin/wasm-ld", release::LLVM), format!("{}/bin/clang", release::LLVM)];
    let needed = tools.iter().map(String::as_str).chain(release::LIBRARIES);
    let lacking: Vec<_> = needed.filter(|path| !Path::new(path).is_file()).collect();
    if lacking.is_empty() { Ok(()) } else { Err(format!("Debian's LLVM 19 is not whole: no {}", lacking.join(", "))) }
}

fn wasm_opt(root: &Path, around: &Around) -> Option<PathBuf> {
    Some(root.join("bin/wasm-opt")).filter(|path| path.is_file()).or_else(|| around.program("wasm-opt"))
}

/// Go, as far as TinyGo asks for it.
#[derive(Debug)]
pub(super) struct Go {
    pub(super) program: PathBuf,
    pub(super) root: PathBuf,
    pub(super) version: String,
}

impl Go {
    /// Whether the release that is pinned here knows this Go's library.
    pub(super) fn fits_ours(&self) -> Result<(), String> {
        if minor(&self.version, "").is_some_and(|minor| release::GO_MINORS.contains(&minor)) {
            return Ok(());
        }
        Err(format!("{} is Go {}; install {}", self.program.display(), self.version, wanted()))
    }
}

pub(super) fn go(around: &Around) -> Result<Go, String> {
    let program = around.program("go").ok_or_else(|| format!("no go on PATH; install {}", wanted()))?;
    let answer = ask_tool(&program, &["env", "GOROOT", "GOVERSION"], around, None).ok_or_else(|| format!("{} does not run", program.display()))?;
    let mut lines = answer.lines();
    let (root, version) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default().trim_start_matches("go"));
    if minor(version, "").is_none_or(|minor| minor < *release::GO_MINORS.start()) {
        return Err(format!("{} is Go {version}; install {}", program.display(), wanted()));
    }
    // What a wrapper chose is taken itself.
    let real = Path::new(root).join("bin/go");
    let program = if real.is_file() { real } else { program };
    Ok(Go { program, root: root.into(), version: version.split(' ').next().unwrap_or_default().to_owned() })
}

/// Which Go to install, in words.
pub(super) fn wanted() -> String {
    format!("Go 1.{} to 1.{} from https://go.dev/dl", release::GO_MINORS.start(), release::GO_MINORS.end())
}

/// The second number of a version: 41 of `tinygo version 0.41.1 linux/amd64`.
fn minor(text: &str, before: &str) -> Option<u32> {
    let number = text.split_once(before).map_or(text, |(_, number)| number);
    number.split('.').nth(1)?.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
}

/// Asked from a place that no module governs, without downloading another Go.
fn ask_tool(program: &Path, arguments: &[&str], around: &Around, root: Option<&Path>) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("PATH", around.path());
    if let Some(root) = root {
        command.env("TINYGOROOT", root);
    }
    ask(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::program_of_a_test;

    fn script(path: &Path, body: &str) {
        program_of_a_test(path, &format!("#!/bin/sh\n{body}\n"));
    }

    /// A folder with programs that answer as a release of TinyGo and Go would.
    fn fake(dir: &Path, tinygo: &str, go: &str) -> Around {
        std::fs::create_dir_all(dir.join("root/lib/wasi-libc/libc-top-half")).unwrap();
        script(&dir.join("tinygo"), &format!("case $1 in env) echo {}/root ;; version) echo tinygo version {tinygo} x ;; esac", dir.display()));
        script(&dir.join("wasm-opt"), "");
        script(&dir.join("go"), &format!("echo /no/root; echo go{go}"));
        Around::of(dir, &[])
    }

    fn lack(home: &Path, around: &Around) -> String {
        find_in(&Home::at(home), around).unwrap_err().to_string()
    }

    #[test]
    fn the_one_on_path_is_taken_when_it_is_new_enough() {
        let dir = tempfile::tempdir().unwrap();
        let around = fake(dir.path(), "0.41.1", "1.26.8");
        let found = find_in(&Home::at(dir.path().join("home")), &around).unwrap();
        assert_eq!((found.way, found.parts, found.go_version.as_str()), (Way::Path, CParts::Release, "1.26.8"));
        let around = fake(dir.path(), "0.39.0", "1.26.8");
        assert!(lack(&dir.path().join("home"), &around).contains("not 0.41 or later"));
    }

    #[test]
    fn without_a_fitting_go_it_says_which_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let around = fake(dir.path(), "0.41.1", "1.19.4");
        let text = lack(&dir.path().join("home"), &around);
        assert!(text.contains("Go 1.19.4; install Go 1.23 to 1.26") && text.ends_with("run `ext toolchain install tinygo`"), "{text}");
        assert!(lack(&dir.path().join("home"), &fake(dir.path(), "0.41.1", "1.27.0")).contains("Go 1.27.0; install"));
        assert!(find_in(&Home::at(dir.path().join("home")), &fake(dir.path(), "0.42.0", "1.27.0")).is_ok(), "a later one knows its own");
        std::fs::remove_file(dir.path().join("go")).unwrap();
        assert!(lack(&dir.path().join("home"), &around).contains("no go on PATH; install Go"));
    }

    #[test]
    fn a_named_compiler_is_never_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "0.41.1", "1.26.8");
        let named = |path: &str| Around::of(dir.path(), &[("EXT_TINYGO", path.into())]);
        assert!(lack(dir.path(), &named("/no/such/tinygo")).contains("EXT_TINYGO: /no/such/tinygo does not run"));
        let program = dir.path().join("tinygo");
        let found = find_in(&Home::at(dir.path()), &named(program.to_str().unwrap())).unwrap();
        assert_eq!((found.way, found.program), (Way::Environment, program));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(minor("tinygo version 0.41.1 linux/amd64", "version "), Some(41));
        assert_eq!((minor("1.26rc1", ""), minor("1.26", ""), minor("devel", "")), (Some(26), Some(26), None));
    }
}
