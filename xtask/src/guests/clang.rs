//! Examples that bring a module of their own: a `build.sh` beside the manifest
//! makes it from C. No compiled binary is kept in git.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{child::Job, say, workspace::Workspace};

const SCRIPT: &str = "build.sh";
/// Debian's names; the scripts call the first two.
const PROGRAMS: [&str; 2] = ["clang-19", "wasm-ld-19"];
const PACKAGES: [&str; 2] = ["clang-19", "lld-19"];

/// Runs the script of each folder that has one; installs the compiler where it is missing.
pub(super) fn build_modules(workspace: &Workspace, folders: &[PathBuf]) -> Result<()> {
    let scripted: Vec<_> = folders.iter().filter(|folder| folder.join(SCRIPT).is_file()).collect();
    if scripted.is_empty() {
        return Ok(());
    }
    install(workspace)?;
    for folder in scripted {
        let job = Job::new("sh").args([SCRIPT]).dir(folder).without_data();
        job.run().with_context(|| format!("{SCRIPT} in {}", folder.display()))?;
    }
    Ok(())
}

fn install(workspace: &Workspace) -> Result<()> {
    if PROGRAMS.iter().all(|name| on_path(name)) {
        return Ok(());
    }
    let words = PACKAGES.join(" ");
    let advice = || format!("the C example needs {words}: `apt-get install {words}`");
    if !rustix::process::geteuid().is_root() || !on_path("apt-get") {
        bail!(advice());
    }
    say::talk(format!("apt-get install {words}"));
    let apt =
        |arguments: &[&str]| Job::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").dir(workspace.root()).without_data().run();
    apt(&["update", "-qq"]).with_context(advice)?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"][..], &PACKAGES].concat()).with_context(advice)
}

fn on_path(name: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).map(|folder| folder.join(name)).any(|path| Path::is_file(&path))
}
