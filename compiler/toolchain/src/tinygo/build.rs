//! Builds one TinyGo guest: without a network and without anything of the caller's settings.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use extensions_types::{GarbageCollector, MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest};
use sha2::{Digest as _, Sha256};

use super::{
    TinyGoToolchain,
    messages::{diagnostics, memory_needed},
    release, target,
};
use crate::{
    BuildError, BuiltModule, Finished, Plan, Request,
    build::read_module,
    sdk::{SdkDir, hex},
};

/// A first build with the library takes half a minute; this one never ends.
const LIMIT: Duration = Duration::from_secs(600);
/// Files that pin dependencies; more bytes than any has.
const PIN_BYTES_MAX: u64 = 4 << 20;

/// The SDK's own name.
const SDK_MODULE: &str = "ameide.dev/extension";
const HINT: &str = "a build has no network: only Go's library and ameide.dev/extension are there";
const SIZE: &str = "leave out large packages: fmt and net/http bring much along";

/// Builds the extension in the request's folder, whose sources are left alone: the SDK is found
/// through a workspace file of ours. `progress` hears that the compiler runs.
///
/// # Errors
/// Carries the compiler's messages, or its words.
pub fn build(toolchain: &TinyGoToolchain, request: Request<'_>, progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
    let started = Instant::now();
    let folder = request.folder.canonicalize().map_err(failed(request.folder))?;
    if !folder.join("go.mod").is_file() {
        return Err(BuildError::NoSource { folder, file: "go.mod" });
    }
    let gc = collector(&folder);
    progress("tinygo");
    let mut memory_bytes = target::MEMORY_BYTES;
    let mut finished = run(toolchain, &request, &folder, gc, memory_bytes)?;
    if let Some(needed) = memory_needed(&finished.stderr) {
        progress("tinygo, with more memory for static data");
        memory_bytes = target::memory_for(needed);
        finished = run(toolchain, &request, &folder, gc, memory_bytes)?;
    }
    if !finished.success {
        let diagnostics = diagnostics(&finished.stderr);
        return Err(if diagnostics.is_empty() {
            BuildError::Refused { tool: "tinygo", hint: HINT, text: finished.stderr }
        } else {
            BuildError::Compile { diagnostics }
        });
    }
    let module = module_below(request.target_dir);
    let wasm = read_module(&module, SIZE)?;
    let seconds = started.elapsed().as_secs_f64();
    let dependencies_sha256 = dependencies(&folder, request.sdk);
    Ok(BuiltModule { path: module, wasm, seconds, diagnostics: Vec::new(), flags: flags(gc, memory_bytes), dependencies_sha256 })
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    move |source| BuildError::Io { path, source }
}

/// Runs the compiler; what it writes takes the place of an earlier module.
fn run(toolchain: &TinyGoToolchain, request: &Request<'_>, folder: &Path, gc: GarbageCollector, memory_bytes: u64) -> Result<Finished, BuildError> {
    let files = Files::write(toolchain, request, folder, (gc, memory_bytes)).map_err(failed(request.target_dir))?;
    let plan = plan(toolchain, request, folder, &files);
    for made in plan.layers.iter().chain([&plan.results]) {
        std::fs::create_dir_all(made).map_err(failed(made))?;
    }
    // One that is left from before is no result of this build.
    let module = module_below(request.target_dir);
    match std::fs::remove_file(&module) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&module)(error)),
        _ => {}
    }
    Ok(request.runner.run(&plan, &mut |_| {})?)
}

fn module_below(results: &Path) -> PathBuf {
    results.join("module.wasm")
}

/// What the author chose; a manifest that cannot be read is refused elsewhere.
fn collector(folder: &Path) -> GarbageCollector {
    let text = read_bounded(&folder.join(MANIFEST_FILE), MANIFEST_BYTES_MAX as u64);
    let manifest = text.and_then(|text| Manifest::parse(&String::from_utf8(text).ok()?).ok());
    manifest.and_then(|manifest| manifest.build.gc).unwrap_or(GarbageCollector::Leaking)
}

/// The flags that decide what comes out, those of the target file too.
fn flags(gc: GarbageCollector, memory_bytes: u64) -> Vec<String> {
    let fixed = [target::OPTIMIZE, "-no-debug", "-scheduler=none", "-panic=trap"].map(str::to_owned);
    let layout = [format!("-zstack-size={}", target::STACK_BYTES), format!("--initial-memory={memory_bytes}")];
    fixed.into_iter().chain([format!("-gc={}", target::collector(gc))]).chain(layout).collect()
}

/// What pins the dependencies: go.mod, go.sum, the list of vendored packages, and the SDK.
fn dependencies(folder: &Path, sdk: &SdkDir) -> String {
    let mut digest = Sha256::new();
    digest.update(&sdk.digest);
    for name in ["go.mod", "go.sum", "vendor/modules.txt"] {
        let bytes = read_bounded(&folder.join(name), PIN_BYTES_MAX).unwrap_or_default();
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    }
    hex(digest)
}

/// A regular file of bounded size; a link of a foreign folder leads nowhere.
fn read_bounded(path: &Path, max: u64) -> Option<Vec<u8>> {
    let about = std::fs::symlink_metadata(path).ok()?;
    (about.is_file() && about.len() <= max).then(|| std::fs::read(path).ok())?
}

/// Files of ours that a build reads.
#[derive(Debug)]
struct Files {
    target: PathBuf,
    /// Names the author's module and the SDK, so that go.mod needs no path.
    workspace: PathBuf,
}

impl Files {
    fn write(toolchain: &TinyGoToolchain, request: &Request<'_>, folder: &Path, (gc, memory_bytes): (GarbageCollector, u64)) -> io::Result<Self> {
        let target = target::file(request.home, toolchain.parts, gc, memory_bytes)?;
        let sdk = request.sdk.path.canonicalize()?;
        // Whichever version go.mod names: there is one, this.
        let text = format!("go {}\n\nuse {}\n\nreplace {SDK_MODULE} => {}\n", toolchain.go_version, quoted(folder), quoted(&sdk));
        // Beside the results, not among them: the compiler may not change what it is told.
        let mut name = request.target_dir.file_name().unwrap_or_default().to_owned();
        name.push(".work");
        let workspace = request.target_dir.with_file_name(name);
        if let Some(parent) = workspace.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&workspace, text)?;
        Ok(Self { target, workspace })
    }
}

/// A path as go.work takes it.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""))
}

fn plan(toolchain: &TinyGoToolchain, request: &Request<'_>, folder: &Path, files: &Files) -> Plan {
    let cache = release::cache(request.home, &format!("{} {} {}", toolchain.version, toolchain.go_version, toolchain.root.display()));
    let mut arguments: Vec<OsString> = ["build", target::OPTIMIZE, "-no-debug", "-panic=trap", "-target"].map(OsString::from).into();
    arguments.extend([files.target.clone().into(), "-o".into(), module_below(request.target_dir).into(), ".".into()]);
    let reads = [&toolchain.program, &toolchain.root, &toolchain.goroot, &toolchain.wasm_opt, &request.sdk.path, &files.target, &files.workspace];
    Plan {
        program: toolchain.program.clone(),
        arguments,
        environment: environment(toolchain, &cache, &files.workspace),
        folder: folder.to_owned(),
        reads: reads.into_iter().cloned().collect(),
        layers: vec![cache],
        results: request.target_dir.to_owned(),
        limit: LIMIT,
    }
}

/// The whole environment of the compiler and of the Go that it asks.
fn environment(toolchain: &TinyGoToolchain, cache: &Path, workspace: &Path) -> Vec<(OsString, OsString)> {
    let llvm = Path::new(release::LLVM).join("bin");
    let go = toolchain.go.parent().unwrap_or(Path::new("/")).to_owned();
    let path = std::env::join_paths([llvm, go, "/usr/bin".into(), "/bin".into()]).unwrap_or_default();
    let below = |name: &str| cache.join(name).into_os_string();
    let fixed = |text: &str| OsString::from(text);
    let mut environment: Vec<(OsString, OsString)> = [
        ("PATH", path),
        ("TINYGOROOT", toolchain.root.clone().into_os_string()),
        ("HOME", below("home")),
        // TinyGo's own cache is the folder `tinygo` in here.
        ("XDG_CACHE_HOME", below("compiled")),
        ("GOCACHE", below("go-build")),
        ("GOPATH", below("gopath")),
        ("GOMODCACHE", below("gopath/pkg/mod")),
        ("GOWORK", workspace.as_os_str().to_owned()),
        ("WASMOPT", toolchain.wasm_opt.clone().into_os_string()),
        ("GOENV", fixed("off")),
        ("GOFLAGS", fixed("-buildvcs=false -trimpath")),
        ("GOPROXY", fixed("off")),
        ("GOSUMDB", fixed("off")),
        ("GOVCS", fixed("*:off")),
        ("GOTELEMETRY", fixed("off")),
        ("GOTOOLCHAIN", fixed("local")),
        ("LANG", fixed("C.UTF-8")),
    ]
    .map(|(name, value)| (OsString::from(name), value))
    .into();
    environment.extend(std::env::var_os("TMPDIR").map(|scratch| ("TMPDIR".into(), scratch)));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Direct, Home,
        tinygo::{CParts, Way},
    };

    fn toolchain() -> TinyGoToolchain {
        TinyGoToolchain {
            program: "/t/bin/tinygo".into(),
            root: "/t/root".into(),
            go: "/go/bin/go".into(),
            goroot: "/go".into(),
            go_version: "1.26.8".into(),
            parts: CParts::Debian,
            wasm_opt: "/usr/bin/wasm-opt".into(),
            version: "tinygo version 0.41.1".into(),
            way: Way::Ours,
        }
    }

    #[test]
    fn the_child_gets_our_settings_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (home, sdk) = (Home::at(dir.path()), SdkDir { path: dir.path().to_owned(), digest: "ab".repeat(32) });
        let target_dir = dir.path().join("builds/x");
        let request = Request { home: &home, sdk: &sdk, folder: dir.path(), target_dir: &target_dir, runner: &Direct };
        let files = Files::write(&toolchain(), &request, dir.path(), (GarbageCollector::Leaking, target::MEMORY_BYTES)).unwrap();
        let plan = plan(&toolchain(), &request, dir.path(), &files);
        let value = |name: &str| plan.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_string_lossy().into_owned());
        assert_eq!(
            (value("GOPROXY").as_deref(), value("GOTOOLCHAIN").as_deref(), value("GOENV").as_deref()),
            (Some("off"), Some("local"), Some("off"))
        );
        let layer = plan.layers[0].to_string_lossy().into_owned();
        for name in ["HOME", "XDG_CACHE_HOME", "GOCACHE", "GOPATH", "GOMODCACHE"] {
            assert!(value(name).unwrap().starts_with(&layer), "{name} is in the layer");
        }
        assert!(plan.reads.contains(&files.workspace) && plan.reads.contains(&files.target) && plan.reads.contains(&sdk.path));
        let workspace = std::fs::read_to_string(&files.workspace).unwrap();
        assert!(
            workspace.starts_with("go 1.26.8\n") && workspace.contains(&format!("\"{}\"", dir.path().canonicalize().unwrap().display())),
            "{workspace}"
        );
    }

    #[test]
    fn the_author_chooses_the_collector_and_a_link_chooses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(collector(dir.path()), GarbageCollector::Leaking);
        let text = "id = \"x\"\nkind = \"domain_hook\"\nlang = \"tinygo\"\n[build]\ngc = \"conservative\"\n";
        std::fs::write(dir.path().join("elsewhere.toml"), text).unwrap();
        std::os::unix::fs::symlink("elsewhere.toml", dir.path().join(MANIFEST_FILE)).unwrap();
        assert_eq!(collector(dir.path()), GarbageCollector::Leaking);
        std::fs::remove_file(dir.path().join(MANIFEST_FILE)).unwrap();
        std::fs::write(dir.path().join(MANIFEST_FILE), text).unwrap();
        assert_eq!(collector(dir.path()), GarbageCollector::Conservative);
    }

    #[test]
    fn dependencies_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let sdk = SdkDir { path: dir.path().to_owned(), digest: "ab".repeat(32) };
        let none = dependencies(dir.path(), &sdk);
        std::fs::write(dir.path().join("go.sum"), "x").unwrap();
        let some = dependencies(dir.path(), &sdk);
        assert!(none != some && none.len() == 64, "{none} {some}");
    }

    #[test]
    fn a_folder_without_a_module_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let (home, sdk) = (Home::at(dir.path()), SdkDir { path: dir.path().to_owned(), digest: "ab".repeat(32) });
        let request = Request { home: &home, sdk: &sdk, folder: dir.path(), target_dir: dir.path(), runner: &Direct };
        let error = build(&toolchain(), request, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("ext new"));
    }
}
