//! Gets TinyGo: what is there, else built from its Go module with Debian's LLVM.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    TinyGoToolchain,
    find::{find_in, go, wanted},
    release,
};
use crate::{
    Home, InstallError,
    around::Around,
    child,
    install::{run, with_apt},
};

/// Modules of some 20 MB, and the compiler's own packages: under a minute on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1_200);
/// The module that names TinyGo, and the digests of all that it needs.
const GO_MOD: &str = include_str!("install/go.mod.txt");
const GO_SUM: &str = include_str!("install/go.sum.txt");
const TOOLS_GO: &str = "//go:build tools\n\npackage tools\n\nimport _ \"github.com/tinygo-org/tinygo\"\n";
/// What of the module's sources a build of a guest reads.
const ROOT_PARTS: [&str; 4] = ["lib", "src", "targets", "LICENSE"];

/// Makes sure that there is a toolchain; quick when there is one. `progress` hears each step.
///
/// # Errors
/// Says why each way failed, and what to do by hand.
pub(crate) fn install(home: &Home, progress: &mut dyn FnMut(&str)) -> Result<TinyGoToolchain, InstallError> {
    let around = Around::of_process();
    let missing = match find_in(home, &around) {
        Ok(found) => {
            progress(&format!("tinygo: already there: {found}"));
            return Ok(found);
        }
        Err(missing) => missing,
    };
    if around.named("EXT_TINYGO").is_some() {
        return Err(missing.into());
    }
    if let Err(reason) = from_module(home, &around, progress) {
        let mut tried = missing.tried;
        tried.push(reason);
        let remedy =
            format!("install {}, then TinyGo {} or later from https://tinygo.org/getting-started/install, on PATH", wanted(), release::VERSION);
        return Err(InstallError::NoWay { tried, remedy });
    }
    let found = find_in(home, &around)?;
    progress(&format!("tinygo: ready: {found}"));
    Ok(found)
}

fn from_module(home: &Home, around: &Around, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let go = go(around)?;
    go.fits_ours()?;
    progress(&format!("tinygo: Go {} ({})", go.version, go.program.display()));
    if !packages_there(around) {
        with_apt(around, &release::PACKAGES, progress)?;
    }
    if !packages_there(around) {
        return Err(format!("the packages {} do not hold LLVM 19 with its libraries for wasm and wasm-opt", release::PACKAGES.join(" ")));
    }
    let place = release::ours(home);
    if release::program_below(&place).is_file() {
        return Ok(());
    }
    progress(&format!("tinygo: building {} {} (once, under a minute)", release::MODULE, release::VERSION));
    build(&go.program, &place)
}

fn packages_there(around: &Around) -> bool {
    let below = |path: &str| Path::new(release::LLVM).join(path).exists();
    below("include/llvm/IR/IRBuilder.h")
        && below("include/clang-c/Index.h")
        && below("bin/clang")
        && below("bin/wasm-ld")
        && around.program("wasm-opt").is_some()
        && release::LIBRARIES.iter().all(|path| Path::new(path).is_file())
}

/// Builds beside the place first, then renames: a half-built one is never seen.
fn build(go: &Path, place: &Path) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    let parent = place.parent().ok_or("the toolchain's place has no parent folder")?;
    std::fs::create_dir_all(parent).map_err(failed(parent))?;
    let scratch = tempfile::Builder::new().prefix(".installing-").tempdir_in(parent).map_err(failed(parent))?;
    let work = scratch.path().join("work");
    let made = scratch.path().join("tinygo");
    for dir in [&work, &made.join("bin"), &made.join("root")] {
        std::fs::create_dir_all(dir).map_err(failed(dir))?;
    }
    for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM), ("tools.go", TOOLS_GO)] {
        std::fs::write(work.join(name), text).map_err(failed(&work))?;
    }
    let mut command = in_module(go, &work);
    command.args(["build", "-tags", "llvm19", "-trimpath", "-o"]).arg(release::program_below(&made)).arg(release::MODULE);
    run(command, BUILD_LIMIT, "go build")?;
    let sources = sources(go, &work)?;
    for part in ROOT_PARTS {
        copy(&sources.join(part), &made.join("root").join(part)).map_err(failed(&sources))?;
    }
    // The module leaves out a submodule here; Go's own package takes its place.
    let net = made.join("root/src/net");
    std::fs::create_dir_all(&net).map_err(failed(&net))?;
    match std::fs::rename(&made, place) {
        Err(_) if release::program_below(place).is_file() => Ok(()), // someone else was faster
        result => result.map_err(failed(place)),
    }
}

/// Where the module's sources were unpacked.
fn sources(go: &Path, work: &Path) -> Result<PathBuf, String> {
    let mut command = in_module(go, work);
    command.args(["list", "-m", "-f", "{{.Dir}}", release::MODULE]);
    let dir = child::ask(command).ok_or("`go list` does not say where the module's sources are")?;
    Ok(PathBuf::from(dir))
}

/// Go with its user's own proxy and caches, held to the versions that are pinned here.
fn in_module(go: &Path, work: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .current_dir(work)
        .env("GOFLAGS", "-mod=readonly -buildvcs=false")
        .env("GOWORK", "off")
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "1");
    command
}

/// A file or a folder with all that it holds, writable by its owner: Go's module cache is not.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        if !from.is_dir() {
            std::fs::write(&to, std::fs::read(&from)?)?;
            continue;
        }
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(&from)? {
            let entry = entry?;
            waiting.push((entry.path(), to.join(entry.file_name())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_module_is_the_release() {
        assert!(GO_MOD.contains(&format!("{} v{}", release::MODULE, release::VERSION)));
        assert!(GO_SUM.contains(&format!("{} v{} h1:", release::MODULE, release::VERSION)));
    }

    #[test]
    fn a_build_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("tinygo/1");
        let error = build(Path::new("/bin/false"), &place).unwrap_err();
        assert!(error.contains("go build"), "{error}");
        assert_eq!(std::fs::read_dir(place.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn folders_are_copied_whole_and_writable() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c.go"), "package c").unwrap();
        copy(&dir.path().join("a"), &dir.path().join("z")).unwrap();
        assert_eq!(std::fs::read(dir.path().join("z/b/c.go")).unwrap(), b"package c");
    }
}
