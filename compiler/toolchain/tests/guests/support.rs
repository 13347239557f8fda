//! Folders, SDKs and runners for builds.

use std::{
    ffi::OsString,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use extensions_toolchain::{
    BuildError, BuiltModule, ChildError, Direct, Finished, Home, Plan, Request, Runner, Toolchain,
    sdk::{Sdk, SdkDir, pack_plain, unpack},
};
use extensions_types::Language;

/// Nobody's user id.
const NOBODY: u32 = 65534;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The toolchain as `ext` finds it.
pub(crate) fn toolchain(language: Language) -> Toolchain {
    Toolchain::find(&Home::from_env().unwrap(), language).unwrap_or_else(|missing| panic!("{missing}"))
}

/// A folder for SDKs and builds that other users may look into.
pub(crate) fn open_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// A checkout's SDK, packed and unpacked as programs do it.
pub(crate) fn sdk(home: &Home, folder: &str, parts: &[&str]) -> SdkDir {
    std::fs::create_dir_all(home.path()).unwrap();
    let archive = home.path().join("sdk.tar.zst");
    let packed = pack_plain(&root().join(folder), parts, &archive).unwrap();
    let archive = std::fs::read(archive).unwrap().leak();
    unpack(home, Sdk { archive, digest: packed.digest.leak() }).unwrap()
}

/// Writes a guest's files.
pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Builds what lies in `folder`; results go beside it.
pub(crate) fn build(toolchain: &Toolchain, sdk: &SdkDir, folder: &Path, runner: &dyn Runner) -> Result<BuiltModule, BuildError> {
    let home = Home::at(folder.join("../home"));
    let target_dir = folder.with_extension("results");
    std::fs::create_dir_all(&target_dir).unwrap();
    std::fs::set_permissions(&target_dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    toolchain.build(Request { home: &home, sdk, folder, target_dir: &target_dir, runner }, &mut |_| {})
}

/// Another user where we may become one, with another umask and time zone.
#[derive(Debug)]
pub(crate) struct SomeoneElse;

impl Runner for SomeoneElse {
    fn run(&self, plan: &Plan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
        if !rustix::process::geteuid().is_root() {
            return Direct.run(plan, on_line);
        }
        let start = |source| ChildError::Start { program: plan.program.display().to_string(), source };
        let mut command = Command::new(&plan.program);
        command.args(&plan.arguments).current_dir(&plan.folder).env_clear();
        command.envs(plan.environment.iter().map(|(name, value)| (name, value))).env("TZ", OsString::from("Asia/Tokyo"));
        let output = command.uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).output().map_err(start)?;
        String::from_utf8_lossy(&output.stdout).lines().for_each(on_line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Finished { success: output.status.success(), status: output.status.to_string(), stderr })
    }

    fn keeps_layers(&self) -> bool {
        true
    }
}
