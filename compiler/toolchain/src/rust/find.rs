//! Looks for a compiler that has the guest target. Installs nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use extensions_types::Language;

use super::{RustToolchain, TARGET, Way};
use crate::{Home, Missing, around::Around, child::ask};

/// Debian's compiler; `ext` builds the target's standard library for it.
pub(super) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Debian installs the linker under its version's name.
const LINKERS: [&str; 5] = ["wasm-ld-19", "wasm-ld", "wasm-ld-22", "wasm-ld-21", "wasm-ld-20"];

/// What the process is told, and where Debian's compiler would be.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub(super) around: Around,
    pub(super) debian_rustc: PathBuf,
}

impl Surroundings {
    pub(super) fn of_process() -> Self {
        Self { around: Around::of_process(), debian_rustc: DEBIAN_RUSTC.into() }
    }

    pub(super) fn rustc(&self) -> Option<&PathBuf> {
        self.around.named("EXT_RUSTC")
    }

    pub(super) fn sysroot(&self) -> Option<&PathBuf> {
        self.around.named("EXT_RUST_SYSROOT")
    }

    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        self.around.program(name)
    }

    pub(super) fn linker(&self) -> Option<PathBuf> {
        LINKERS.iter().find_map(|name| self.program(name))
    }
}

/// Finds a toolchain: the one named by `EXT_RUSTC` and `EXT_RUST_SYSROOT`, the
/// one on PATH, Debian's.
///
/// # Errors
/// Says what was looked at, and to run `ext toolchain install rust`.
pub fn find(home: &Home) -> Result<RustToolchain, Missing> {
    find_in(home, &Surroundings::of_process())
}

pub(super) fn find_in(home: &Home, around: &Surroundings) -> Result<RustToolchain, Missing> {
    if let Some(rustc) = around.rustc() {
        // What someone named is taken or refused, never replaced by another.
        return named(rustc, around).map_err(|lack| Missing { language: Language::Rust, tried: vec![lack] });
    }
    let mut tried = Vec::new();
    for way in [on_path(around), debian(home, around)] {
        match way {
            Ok(toolchain) => return Ok(toolchain),
            Err(lack) => tried.push(lack),
        }
    }
    Err(Missing { language: Language::Rust, tried })
}

fn named(rustc: &Path, around: &Surroundings) -> Result<RustToolchain, String> {
    let version = version(rustc).ok_or_else(|| format!("EXT_RUSTC={} does not run", rustc.display()))?;
    let libraries = match around.sysroot() {
        Some(sysroot) => libraries_below(sysroot),
        None => own_libraries(rustc).ok_or_else(|| format!("EXT_RUSTC={} does not know {TARGET}", rustc.display()))?,
    };
    if !has_std(&libraries) {
        return Err(format!("{} holds no standard library; set EXT_RUST_SYSROOT", libraries.display()));
    }
    let cargo = cargo_beside(rustc, around).ok_or("there is no cargo on PATH")?;
    let linker = around.sysroot().and_then(|_| around.linker());
    Ok(RustToolchain { rustc: rustc.to_owned(), cargo, linker, sysroot: around.sysroot().cloned(), version, way: Way::Environment })
}

fn on_path(around: &Surroundings) -> Result<RustToolchain, String> {
    let rustc = around.program("rustc").ok_or("no rustc on PATH")?;
    let libraries = own_libraries(&rustc).filter(|libraries| has_std(libraries));
    libraries.ok_or_else(|| format!("{} lacks the target", rustc.display()))?;
    // A proxy would choose anew in each folder; what it chose here is taken itself.
    let real = ask_rustc(&rustc, &["--print", "sysroot"]).map(|sysroot| Path::new(&sysroot).join("bin/rustc")).filter(|path| path.is_file());
    let rustc = real.unwrap_or(rustc);
    let version = version(&rustc).ok_or_else(|| format!("{} does not run", rustc.display()))?;
    let cargo = cargo_beside(&rustc, around).ok_or("there is no cargo on PATH")?;
    Ok(RustToolchain { rustc, cargo, linker: None, sysroot: None, version, way: Way::Path })
}

fn debian(home: &Home, around: &Surroundings) -> Result<RustToolchain, String> {
    let rustc = around.debian_rustc.clone();
    if !rustc.is_file() {
        return Err(format!("no {}", rustc.display()));
    }
    let identity = identity(&rustc).ok_or_else(|| format!("{} does not run", rustc.display()))?;
    let linker = around.linker().ok_or("no wasm-ld on PATH")?;
    let sysroot = home.sysroot(&identity);
    if !has_std(&libraries_below(&sysroot)) {
        return Err(format!("no standard library built for {}", rustc.display()));
    }
    let cargo = cargo_beside(&rustc, around).ok_or("there is no cargo on PATH")?;
    let version = identity.lines().next().unwrap_or_default().to_owned();
    Ok(RustToolchain { rustc, cargo, linker: Some(linker), sysroot: Some(sysroot), version, way: Way::Debian })
}

/// The compiler's own cargo, else the one on PATH: the program itself, for a
/// proxy would look for its settings where a build sees none.
pub(super) fn cargo_beside(rustc: &Path, around: &Surroundings) -> Option<PathBuf> {
    let file = |path: PathBuf| Some(path).filter(|path| path.is_file());
    let behind_proxy = || file(Path::new(&ask_rustc(&around.program("rustc")?, &["--print", "sysroot"])?).join("bin/cargo"));
    file(rustc.with_file_name("cargo")).or_else(|| behind_proxy().filter(|_| around.program("cargo").is_some())).or_else(|| around.program("cargo"))
}

/// Everything the compiler says about itself; a library fits only the compiler that built it.
pub(super) fn identity(rustc: &Path) -> Option<String> {
    ask_rustc(rustc, &["-vV"])
}

fn version(rustc: &Path) -> Option<String> {
    ask_rustc(rustc, &["-V"])
}

fn own_libraries(rustc: &Path) -> Option<PathBuf> {
    ask_rustc(rustc, &["--print", "target-libdir", "--target", TARGET]).map(PathBuf::from)
}

/// Asked from a place that no project's toolchain file governs: the answer must
/// not depend on where `ext` is called.
fn ask_rustc(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(rustc);
    command.args(arguments).current_dir("/").env_remove("RUSTUP_TOOLCHAIN");
    ask(command)
}

pub(super) fn libraries_below(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

pub(super) fn has_std(libraries: &Path) -> bool {
    let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
    std::fs::read_dir(libraries).is_ok_and(|entries| entries.flatten().any(|entry| is_std(&entry.file_name().to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::program_of_a_test;

    /// A folder with programs that answer as a compiler would.
    fn fake(dir: &Path, target: bool) {
        let libraries = libraries_below(dir);
        std::fs::create_dir_all(&libraries).unwrap();
        if target {
            std::fs::write(libraries.join("libstd-1.rlib"), "").unwrap();
        }
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in -V) echo rustc 1.0 ;; -vV) echo rustc 1.0; echo host: x ;; *libdir*) echo {} ;; *sysroot*) echo {} ;; esac\n",
            libraries.display(),
            dir.display()
        );
        for name in ["rustc", "cargo", "wasm-ld"] {
            program_of_a_test(&dir.join(name), &script);
        }
    }

    #[test]
    fn the_compiler_on_path_is_taken_when_it_has_the_target() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), true);
        let around = Surroundings { around: Around::of(dir.path(), &[]), ..Surroundings::default() };
        let found = find_in(&Home::at(dir.path().join("home")), &around).unwrap();
        assert_eq!((found.way, found.linker, found.version.as_str()), (Way::Path, None, "rustc 1.0"));
    }

    #[test]
    fn debian_needs_the_library_that_fits_its_compiler() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), false);
        let home = Home::at(dir.path().join("home"));
        let around = Surroundings { around: Around::of(dir.path(), &[]), debian_rustc: dir.path().join("rustc") };
        let missing = find_in(&home, &around).unwrap_err();
        assert!(missing.to_string().ends_with("run `ext toolchain install rust`"), "{missing}");
        assert!(missing.tried[1].contains("no standard library built"), "{missing}");
        let libraries = libraries_below(&home.sysroot("rustc 1.0\nhost: x"));
        std::fs::create_dir_all(&libraries).unwrap();
        std::fs::write(libraries.join("libstd-2.rlib"), "").unwrap();
        let found = find_in(&home, &around).unwrap();
        assert_eq!((found.way, found.linker), (Way::Debian, Some(dir.path().join("wasm-ld"))));
    }

    #[test]
    fn a_named_compiler_is_never_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), true);
        let named = |named: &[_]| Surroundings { around: Around::of(dir.path(), named), ..Surroundings::default() };
        let around = named(&[("EXT_RUSTC", "/no/such/rustc".into())]);
        let missing = find_in(&Home::at(dir.path()), &around).unwrap_err();
        assert_eq!(missing.tried, ["EXT_RUSTC=/no/such/rustc does not run"]);
        let around = named(&[("EXT_RUSTC", dir.path().join("rustc")), ("EXT_RUST_SYSROOT", dir.path().to_owned())]);
        assert_eq!(find_in(&Home::at(dir.path()), &around).unwrap().way, Way::Environment);
    }
}
