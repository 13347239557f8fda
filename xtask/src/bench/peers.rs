//! Other systems beside which ours is measured: installed once, into the folder
//! of tools in the user's cache.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{child::Job, metadata::Metadata, say, servers, workspace::Workspace};

const WORKERD_VERSION: &str = "1.20261117.1";
/// The engine's own version: what is compared is what lies around it.
const WASMTIME_VERSION: &str = "48.0.8";
/// What `wasmtime serve` needs, and what makes it fast.
const WASMTIME_FEATURES: &str = "run,serve,cranelift,parallel-compilation,pooling-allocator,component-model-async";
/// How long its build takes on two cores with nothing else on them.
const WASMTIME_MINUTES: u32 = 8;
/// The rule for `wasmtime serve`.
const WASI_HTTP: &str = "benches/peers/wasi-http";
const WASI_HTTP_MODULE: &str = "wasm32-unknown-unknown/release/order_discount_wasi_http.wasm";

/// Their programs.
#[derive(Debug)]
pub(super) struct Peers {
    workerd: PathBuf,
    wasmtime: PathBuf,
    wasi_http: PathBuf,
}

/// Finds them; where they are not there, installs them if asked to, and says how to get them if not.
pub(super) fn find(workspace: &Workspace, install: bool) -> Result<Option<Peers>> {
    let folder = servers::tools_folder()?.join("peers");
    let (workerd, wasmtime) = (workerd(&folder), wasmtime(&folder));
    if install {
        install_workerd(&folder, &workerd)?;
        install_wasmtime(workspace, &folder, &wasmtime)?;
    }
    if !workerd.is_file() || !wasmtime.is_file() {
        say::talk("peers: workerd and `wasmtime serve` are not measured, since they are not installed; `cargo xtask bench --peers` does it once");
        return Ok(None);
    }
    let target = Metadata::load(workspace)?.target_directory.join("peers");
    let job = Job::cargo(&workspace.path(WASI_HTTP)).env("CARGO_TARGET_DIR", &target);
    job.args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown"]).run()?;
    Ok(Some(Peers { workerd, wasmtime, wasi_http: target.join(WASI_HTTP_MODULE) }))
}

impl Peers {
    /// Tells the bench where they are.
    pub(super) fn name(&self, bench: Job) -> Job {
        let Self { workerd, wasmtime, wasi_http } = self;
        bench.args(["--workerd"]).args([workerd]).args(["--wasmtime"]).args([wasmtime]).args(["--wasi-http"]).args([wasi_http])
    }
}

/// The program itself: the one in `bin` is a script that starts it.
fn workerd(folder: &Path) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
    folder.join(format!("workerd-{WORKERD_VERSION}/node_modules/@cloudflare/workerd-linux-{arch}/bin/workerd"))
}

fn wasmtime(folder: &Path) -> PathBuf {
    folder.join(format!("wasmtime-{WASMTIME_VERSION}/bin/wasmtime"))
}

fn install_workerd(folder: &Path, program: &Path) -> Result<()> {
    let work = |root: &Path| {
        say::talk(format!("workerd: fetching {WORKERD_VERSION} once with npm"));
        let package = format!("workerd@{WORKERD_VERSION}");
        // Its script only replaces the script in `bin`, which is not used.
        let job = Job::new("npm").args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).args([root]).args([&package]);
        job.without_data().run().context("workerd comes from npm: install Node.js 20 or newer")
    };
    once(folder, "workerd", WORKERD_VERSION, program, work)
}

fn install_wasmtime(workspace: &Workspace, folder: &Path, program: &Path) -> Result<()> {
    let work = |root: &Path| {
        say::talk(format!("wasmtime: building {WASMTIME_VERSION} once with cargo (about {WASMTIME_MINUTES} minutes)"));
        let job = Job::cargo(workspace.root()).env("CARGO_TARGET_DIR", root.join("target"));
        let job = job.args(["install", "wasmtime-cli", "--version", WASMTIME_VERSION, "--locked", "--no-default-features"]);
        job.args(["--features", WASMTIME_FEATURES, "--root"]).args([root]).run()?;
        fs::remove_dir_all(root.join("target")).context("what was built cannot be removed")
    };
    once(folder, "wasmtime", WASMTIME_VERSION, program, work)
}

/// Lets `work` fill a folder, which gets its name when it is whole.
fn once(folder: &Path, name: &str, version: &str, program: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if program.is_file() {
        say::talk(format!("{name}: {} (installed before)", program.display()));
        return Ok(());
    }
    let started = Instant::now();
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let work_folder = tempfile::Builder::new().prefix(".install-").tempdir_in(folder).context("no folder to install in can be made")?;
    work(work_folder.path()).with_context(|| format!("{name} cannot be installed"))?;
    fs::rename(work_folder.keep(), folder.join(format!("{name}-{version}"))).with_context(|| format!("{name} cannot be put in its place"))?;
    ensure!(program.is_file(), "{name} was installed, and {} is not there", program.display());
    say::talk(format!("{name}: {} (installed in {})", program.display(), say::duration(started.elapsed())));
    Ok(())
}
