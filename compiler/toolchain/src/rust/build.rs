//! Builds one Rust guest: cargo, without a network and without anything of the caller's settings.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{RustToolchain, TARGET, messages::Messages, shared::Shared};
use crate::{
    BuildError, BuiltModule, Plan, Request,
    build::read_module,
    sdk::{SdkDir, hex},
};

/// A first build with its dependencies takes seconds; this one never ends.
const LIMIT: Duration = Duration::from_secs(600);
/// What the child keeps of the caller's variables.
const KEPT: [&str; 6] = ["PATH", "HOME", "RUSTUP_HOME", "TMPDIR", "USER", "LANG"];
/// The compact layout: a small stack at the bottom, so that an overflow traps and the data behind it stays dense.
const LINK_FLAGS: [&str; 2] = ["-Clink-arg=-zstack-size=65536", "-Clink-arg=--stack-first"];

/// What cargo has besides the author's code.
const HINT: &str = "a build has no network: only ameide-extension, serde, serde_json and what they need are there";
const CRATE_TYPE: &str = "Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`";
const PROFILE: &str = "check the release profile: `lto = true`, `opt-level = \"s\"`";

/// Builds the extension in the request's folder. A lock file is respected where
/// the author keeps one, and none is left behind: the SDK's own sources decide
/// the versions. `progress` hears each compiled crate.
///
/// # Errors
/// Carries the compiler's messages, or cargo's words.
pub fn build(toolchain: &RustToolchain, request: Request<'_>, progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
    let started = Instant::now();
    let folder = request.folder.canonicalize().map_err(|source| BuildError::Io { path: request.folder.to_owned(), source })?;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoSource { folder, file: "Cargo.toml" });
    }
    let plan = plan(toolchain, &request, &folder);
    for made in plan.layers.iter().chain([&plan.results]) {
        std::fs::create_dir_all(made).map_err(|source| BuildError::Io { path: made.clone(), source })?;
    }
    // Held until cargo has ended: another folder's build must not come between.
    let _shared = match request.runner.keeps_layers() {
        true => Some(Shared::enter(&plan.layers[0], request.sdk, &folder)?),
        false => None,
    };
    let lock = LockFile::of(&folder);
    let mut messages = Messages::default();
    let finished = request.runner.run(&plan, &mut |line| {
        if let Some(name) = messages.take(line, &manifest) {
            progress(&name);
        }
    });
    let dependencies_sha256 = lock.digest(request.sdk);
    lock.leave();
    let finished = finished?;
    if !finished.success {
        let diagnostics = messages.diagnostics;
        let compile = diagnostics.iter().any(|one| one.is_error());
        return Err(if compile {
            BuildError::Compile { diagnostics }
        } else {
            BuildError::Refused { tool: "cargo", hint: HINT, text: finished.stderr }
        });
    }
    let [path] = <[PathBuf; 1]>::try_from(messages.modules).map_err(|modules| BuildError::Modules { got: modules.len(), remedy: CRATE_TYPE })?;
    let wasm = read_module(&path, PROFILE)?;
    Ok(BuiltModule {
        path,
        wasm,
        seconds: started.elapsed().as_secs_f64(),
        diagnostics: messages.diagnostics,
        flags: LINK_FLAGS.map(str::to_owned).to_vec(),
        dependencies_sha256,
    })
}

fn plan(toolchain: &RustToolchain, request: &Request<'_>, folder: &Path) -> Plan {
    let arguments = ["build", "--offline", "--release", "--lib", "--target", TARGET, "--message-format=json"].map(OsString::from);
    let settings = [
        "source.crates-io.replace-with=\"ameide-sdk\"".to_owned(),
        format!("source.ameide-sdk.directory={}", toml::Value::from(request.sdk.path.to_string_lossy().into_owned())),
    ];
    let settings = settings.into_iter().flat_map(|setting| [OsString::from("--config"), setting.into()]);
    let shared = request.home.shared_build_dir(&request.sdk.digest);
    let mut environment: Vec<(OsString, OsString)> = KEPT.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
    let mut set = |name: &str, value: &OsStr| environment.push((name.into(), value.to_owned()));
    set("CARGO_HOME", request.home.cargo_home().as_ref());
    set("CARGO_TARGET_DIR", request.target_dir.as_ref());
    set("CARGO_BUILD_BUILD_DIR", shared.as_ref());
    set("RUSTC", toolchain.rustc.as_ref());
    set("RUSTC_WRAPPER", OsStr::new(""));
    set("RUSTC_WORKSPACE_WRAPPER", OsStr::new(""));
    set("CARGO_ENCODED_RUSTFLAGS", &flags(toolchain, request));
    set("CARGO_TERM_COLOR", OsStr::new("never"));
    if let Some(linker) = &toolchain.linker {
        set("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.as_ref());
    }
    Plan {
        program: toolchain.cargo.clone(),
        arguments: arguments.into_iter().chain(settings).collect(),
        environment,
        folder: folder.to_owned(),
        reads: reads(toolchain, request.sdk),
        layers: vec![shared, request.home.cargo_home()],
        results: request.target_dir.to_owned(),
        limit: LIMIT,
    }
}

/// Everything that a build reads besides the sources: the SDK, and where compiler, build tool and linker lie.
fn reads(toolchain: &RustToolchain, sdk: &SdkDir) -> Vec<PathBuf> {
    // A compiler in `X/bin` has its libraries in `X/lib`.
    let installed = |program: &Path| program.parent().and_then(Path::parent).map(Path::to_owned);
    let programs = [Some(&toolchain.rustc), Some(&toolchain.cargo), toolchain.linker.as_ref()];
    let installed = programs.into_iter().flatten().filter_map(|program| installed(program)).filter(|folder| !folder.starts_with("/usr"));
    let mut reads: Vec<PathBuf> = [Some(&sdk.path), toolchain.sysroot.as_ref()].into_iter().flatten().cloned().collect();
    for folder in installed {
        if !reads.contains(&folder) {
            reads.push(folder);
        }
    }
    reads
}

/// The compiler's flags, divided as cargo wants them. They are the same for every
/// extension: other flags would be other dependencies, compiled anew.
fn flags(toolchain: &RustToolchain, request: &Request<'_>) -> OsString {
    let mut flags: Vec<OsString> = LINK_FLAGS.iter().map(Into::into).collect();
    // Panic messages travel: they must not tell where a machine keeps its files, and the same
    // source gives the same bytes wherever they lie. The author's own files are named
    // relative to their folder anyway.
    let shared = request.home.shared_build_dir(&request.sdk.digest);
    for (path, name) in [(request.home.cargo_home().as_path(), "/cargo"), (shared.as_path(), "/build"), (request.sdk.path.as_path(), "/sdk")] {
        let mut remap = OsString::from("--remap-path-prefix=");
        remap.push(path);
        remap.push("=");
        remap.push(name);
        flags.push(remap);
    }
    if let Some(sysroot) = &toolchain.sysroot {
        flags.extend([OsString::from("--sysroot"), sysroot.into()]);
    }
    flags.join(std::ffi::OsStr::new("\u{1f}"))
}

/// The folder's lock file; removed again if the build made it.
struct LockFile {
    path: PathBuf,
    authors: bool,
}

impl LockFile {
    fn of(folder: &Path) -> Self {
        let path = folder.join("Cargo.lock");
        let authors = path.exists();
        Self { path, authors }
    }

    /// What pins the dependencies: the lock file, and the SDK that it chooses from.
    fn digest(&self, sdk: &SdkDir) -> String {
        let mut digest = Sha256::new();
        digest.update(&sdk.digest);
        // Without one cargo chose nothing: it stopped early, or no dependency is locked.
        digest.update(std::fs::read(&self.path).unwrap_or_default());
        hex(digest)
    }

    fn leave(self) {
        if !self.authors {
            // Not there when cargo stopped early.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direct, Home, rust::Way};

    fn toolchain(cargo: PathBuf) -> RustToolchain {
        let sysroot = Some("/my sysroot".into());
        RustToolchain { rustc: "/r/bin/rustc".into(), cargo, linker: Some("/r/bin/ld".into()), sysroot, version: "rustc 1".into(), way: Way::Debian }
    }

    fn sdk() -> SdkDir {
        SdkDir { path: "/opt/a \"b\"/sdk".into(), digest: "ab".repeat(32) }
    }

    #[test]
    fn the_child_gets_our_settings_and_nothing_else() {
        let (home, sdk) = (Home::at("/e"), sdk());
        let request = Request { home: &home, sdk: &sdk, folder: Path::new("/f"), target_dir: Path::new("/t"), runner: &Direct };
        let plan = plan(&toolchain("/r/bin/cargo".into()), &request, Path::new("/f"));
        let arguments: Vec<_> = plan.arguments.iter().map(|one| one.to_string_lossy().into_owned()).collect();
        assert!(arguments.contains(&"--offline".to_owned()));
        assert!(arguments.iter().any(|one| one.starts_with("source.ameide-sdk.directory=") && one.contains("/sdk")), "{arguments:?}");
        let names: Vec<_> = plan.environment.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        assert!(names.iter().all(|name| name.starts_with("CARGO_") || name.starts_with("RUSTC") || KEPT.contains(&name.as_str())), "{names:?}");
        assert_eq!(plan.reads, [sdk.path.clone(), "/my sysroot".into(), "/r".into()]);
    }

    #[test]
    fn flags_with_spaces_stay_whole() {
        let (home, sdk) = (Home::at("/e"), sdk());
        let request = Request { home: &home, sdk: &sdk, folder: Path::new("/f"), target_dir: Path::new("/t"), runner: &Direct };
        let flags = flags(&toolchain("/r/bin/cargo".into()), &request);
        let flags: Vec<_> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(flags[5..], ["--sysroot", "/my sysroot"]);
        assert!(
            !flags.iter().any(|flag| flag.contains("/f=") || flag.contains("/t=")),
            "an extension's own folders would make its dependencies its own"
        );
        assert!(flags.contains(&"-Clink-arg=--stack-first"));
    }

    #[test]
    fn a_folder_without_a_crate_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let (home, sdk) = (Home::at(dir.path()), sdk());
        let request = Request { home: &home, sdk: &sdk, folder: dir.path(), target_dir: dir.path(), runner: &Direct };
        let error = build(&toolchain("/r/bin/cargo".into()), request, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("ext new"));
    }
}
