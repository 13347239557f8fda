//! Builds one Rust guest: cargo, without a network and without anything of the caller's settings.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::{Diagnostic, RustToolchain, TARGET, messages::Messages};
use crate::{
    Home,
    child::{self, ChildError},
    sdk::SdkDir,
};

/// A first build with its dependencies takes seconds; this one never ends.
const LIMIT: Duration = Duration::from_secs(600);
/// Twice what a component may have.
const MODULE_BYTES_MAX: u64 = 8 << 20;
/// What the child keeps of the caller's variables.
const KEPT: [&str; 6] = ["PATH", "HOME", "RUSTUP_HOME", "TMPDIR", "USER", "LANG"];
/// The compact layout: a small stack at the bottom, so that an overflow traps and the data behind it stays dense.
const LINK_FLAGS: [&str; 2] = ["-Clink-arg=-zstack-size=65536", "-Clink-arg=--stack-first"];

/// A module that came out of a build.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltModule {
    /// Where it lies.
    pub path: PathBuf,
    /// The core module, with the description of its world inside.
    pub wasm: Vec<u8>,
    /// How long the build took.
    pub seconds: f64,
    /// Warnings about the author's code.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why there is no module.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder holds no crate.
    #[error("{0} has no Cargo.toml; `ext new` makes an extension")]
    NoCrate(PathBuf),
    /// The author's code does not compile.
    #[error("the extension does not compile: {} error(s)", .diagnostics.iter().filter(|one| one.level == "error").count())]
    Compile {
        /// What the compiler says.
        diagnostics: Vec<Diagnostic>,
    },
    /// Cargo refused before compiling: a manifest or a dependency.
    #[error("cargo refuses the extension (a build has no network: only ameide-extension, serde, serde_json and what they need are there)\n{0}")]
    Cargo(String),
    /// The crate is no guest.
    #[error("the build gave {0} WebAssembly modules instead of one; Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`")]
    Modules(usize),
    /// The module is larger than any component may be.
    #[error("the module has {bytes} bytes, at most {MODULE_BYTES_MAX} are read; check the release profile: `lto = true`, `opt-level = \"s\"`")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Cargo itself could not run.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The build's folders or its result.
    #[error("{path}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Builds the extension in `folder`, keeping results in `target_dir`
/// ([`Home::target_dir`]) so that the next build takes about a second. A lock
/// file is respected where the author keeps one, and none is left behind:
/// the SDK's own sources decide the versions. `progress` hears each compiled crate.
///
/// # Errors
/// Carries the compiler's messages, or cargo's words.
pub fn build(
    home: &Home,
    toolchain: &RustToolchain,
    sdk: &SdkDir,
    folder: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<BuiltModule, BuildError> {
    let started = Instant::now();
    let folder = folder.canonicalize().map_err(|source| BuildError::Io { path: folder.to_owned(), source })?;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoCrate(folder));
    }
    let lock = LockFile::of(&folder);
    let mut messages = Messages::default();
    let finished = child::run(command(home, toolchain, sdk, &folder, target_dir), LIMIT, |line| {
        if let Some(name) = messages.take(line, &manifest) {
            progress(&name);
        }
    });
    lock.leave();
    let finished = finished?;
    if !finished.success {
        let compile = messages.diagnostics.iter().any(|one| one.level == "error");
        let diagnostics = messages.diagnostics;
        return Err(if compile { BuildError::Compile { diagnostics } } else { BuildError::Cargo(finished.stderr) });
    }
    let [path] = <[PathBuf; 1]>::try_from(messages.modules).map_err(|modules| BuildError::Modules(modules.len()))?;
    let wasm = read_module(&path)?;
    Ok(BuiltModule { path, wasm, seconds: started.elapsed().as_secs_f64(), diagnostics: messages.diagnostics })
}

fn command(home: &Home, toolchain: &RustToolchain, sdk: &SdkDir, folder: &Path, target_dir: &Path) -> Command {
    let mut command = Command::new(&toolchain.cargo);
    command.current_dir(folder).args(["build", "--offline", "--release", "--lib", "--target", TARGET, "--message-format=json"]);
    for setting in [
        "source.crates-io.replace-with=\"ameide-sdk\"".to_owned(),
        format!("source.ameide-sdk.directory={}", toml::Value::from(sdk.path.to_string_lossy().into_owned())),
    ] {
        command.arg("--config").arg(setting);
    }
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("CARGO_HOME", home.cargo_home()).env("CARGO_TARGET_DIR", target_dir).env("CARGO_BUILD_BUILD_DIR", home.shared_build_dir(&sdk.digest));
    command.env("RUSTC", &toolchain.rustc).env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, sdk)).env("CARGO_TERM_COLOR", "never");
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    command
}

/// The compiler's flags, divided as cargo wants them.
fn flags(toolchain: &RustToolchain, sdk: &SdkDir) -> OsString {
    let mut flags: Vec<OsString> = LINK_FLAGS.iter().map(Into::into).collect();
    // Panic messages travel: they must not tell where the author's machine keeps its files.
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(&sdk.path);
    remap.push("=/sdk");
    flags.push(remap);
    if let Some(sysroot) = &toolchain.sysroot {
        flags.extend([OsString::from("--sysroot"), sysroot.into()]);
    }
    flags.join(std::ffi::OsStr::new("\u{1f}"))
}

fn read_module(path: &Path) -> Result<Vec<u8>, BuildError> {
    let failed = |source| BuildError::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MODULE_BYTES_MAX {
        return Err(BuildError::TooLarge { bytes });
    }
    std::fs::read(path).map_err(failed)
}

/// The folder's lock file; removed again if the build made it.
struct LockFile(Option<PathBuf>);

impl LockFile {
    fn of(folder: &Path) -> Self {
        let path = folder.join("Cargo.lock");
        Self((!path.exists()).then_some(path))
    }

    fn leave(self) {
        if let Some(path) = self.0 {
            // Not there when cargo stopped early.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rust::Way;

    fn toolchain(cargo: PathBuf) -> RustToolchain {
        let sysroot = Some("/my sysroot".into());
        RustToolchain { rustc: "/r/rustc".into(), cargo, linker: Some("/r/ld".into()), sysroot, version: "rustc 1".into(), way: Way::Debian }
    }

    fn sdk() -> SdkDir {
        SdkDir { path: "/opt/a \"b\"/sdk".into(), digest: "ab".repeat(32) }
    }

    #[test]
    fn the_child_gets_our_settings_and_nothing_else() {
        let command = command(&Home::at("/e"), &toolchain("/r/cargo".into()), &sdk(), Path::new("/f"), Path::new("/t"));
        let arguments: Vec<_> = command.get_args().map(|one| one.to_string_lossy().into_owned()).collect();
        assert!(arguments.contains(&"--offline".to_owned()));
        assert!(arguments.iter().any(|one| one.starts_with("source.ameide-sdk.directory=") && one.contains("/sdk")), "{arguments:?}");
        let names: Vec<_> = command.get_envs().filter(|(_, value)| value.is_some()).map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        assert!(names.iter().all(|name| name.starts_with("CARGO_") || name.starts_with("RUSTC") || KEPT.contains(&name.as_str())), "{names:?}");
    }

    #[test]
    fn flags_with_spaces_stay_whole() {
        let flags = flags(&toolchain("/r/cargo".into()), &sdk());
        let flags: Vec<_> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(flags[3..], ["--sysroot", "/my sysroot"]);
        assert!(flags.contains(&"-Clink-arg=--stack-first"));
    }

    #[test]
    fn a_folder_without_a_crate_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let error = build(&Home::at(dir.path()), &toolchain("/r/cargo".into()), &sdk(), dir.path(), dir.path(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("ext new"));
    }
}
