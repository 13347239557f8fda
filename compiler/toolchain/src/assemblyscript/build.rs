//! Builds one AssemblyScript guest: asc under our driver, with our flags and nothing of the author's settings.

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{AssemblyScriptToolchain, install::LOCK, messages::Messages};
use crate::{
    BuildError, BuiltModule, Diagnostic, Finished, Plan, Request,
    build::read_module,
    sdk::{SdkDir, hex},
};

/// A build takes seconds; this one never ends.
const LIMIT: Duration = Duration::from_secs(120);
const SOURCE: &str = "assembly/index.ts";
const MODULE: &str = "extension.wasm";
/// Our program around asc.
const DRIVER: &str = include_str!("driver.mjs");
/// Node's own: the optimizer is WebAssembly that runs for about a second, too short for a
/// second tier of its code to pay; and a heap that no honest source fills.
const NODE_FLAGS: [&str; 4] = ["--liftoff-only", "--max-old-space-size=1024", "--input-type=module", "--eval"];
/// Fast code, an allocator that never frees, 128 KiB of memory to begin with, and no import
/// that the platform does not offer.
const FLAGS: [&str; 10] = [
    "-O3",
    "--runtime",
    "stub",
    "--initialMemory",
    "2",
    "--use",
    "abort=~lib/ameide-extension/abort/abort",
    "--use",
    "trace=~lib/ameide-extension/abort/trace",
    "--noColors",
];
const HINT: &str = "only assembly/, AssemblyScript's own library and ameide-extension are there";
const TOO_LARGE: &str = "move large tables out of the source";

/// Builds the extension in the request's folder. Only `assembly/` is read. `progress` hears each file of it.
///
/// # Errors
/// Carries the compiler's messages, or its words.
pub fn build(toolchain: &AssemblyScriptToolchain, request: Request<'_>, progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
    let started = Instant::now();
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { path, source }
    };
    let folder = request.folder.canonicalize().map_err(io(request.folder))?;
    if !folder.join(SOURCE).is_file() {
        return Err(BuildError::NoSource { folder, file: SOURCE });
    }
    std::fs::create_dir_all(request.target_dir).map_err(io(request.target_dir))?;
    let module = request.target_dir.join(MODULE);
    // What an earlier build left is never taken for this one's.
    match std::fs::remove_file(&module) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&module)(error)),
        _ => {}
    }
    let mut messages = Messages::default();
    ignored(&folder).into_iter().for_each(|one| messages.add(one));
    let plan = plan(toolchain, &request, &folder, &module);
    let finished = request.runner.run(&plan, &mut |line| {
        if let Some(part) = messages.take(line) {
            progress(&part);
        }
    })?;
    if !finished.success {
        return Err(refusal(toolchain, messages, finished));
    }
    let wasm = read_module(&module, TOO_LARGE)?;
    Ok(BuiltModule {
        path: module,
        wasm,
        seconds: started.elapsed().as_secs_f64(),
        diagnostics: messages.diagnostics,
        flags: FLAGS.map(str::to_owned).to_vec(),
        dependencies_sha256: dependencies(request.sdk),
    })
}

fn plan(toolchain: &AssemblyScriptToolchain, request: &Request<'_>, folder: &Path, module: &Path) -> Plan {
    let compiler = toolchain.package.join("dist/asc.js");
    let ours = NODE_FLAGS.iter().chain(&[DRIVER, "--"]).map(OsString::from);
    let paths = [compiler.into_os_string(), request.sdk.path.clone().into(), module.into()];
    // What the compiler needs lies beside its package.
    let packages = toolchain.package.parent().unwrap_or(&toolchain.package).to_owned();
    Plan {
        program: toolchain.node.clone(),
        arguments: ours.chain(paths).chain(FLAGS.iter().map(OsString::from)).collect(),
        environment: vec![("LANG".into(), "C.UTF-8".into())],
        folder: folder.to_owned(),
        reads: vec![packages, request.sdk.path.clone(), toolchain.node.clone()],
        layers: Vec::new(),
        results: request.target_dir.to_owned(),
        limit: LIMIT,
    }
}

/// Why there is no module.
fn refusal(toolchain: &AssemblyScriptToolchain, messages: Messages, finished: Finished) -> BuildError {
    if messages.has_errors() {
        return BuildError::Compile { diagnostics: messages.diagnostics };
    }
    if finished.stderr.contains("ERR_MODULE_NOT_FOUND") || finished.stderr.contains("bad option") {
        let source = std::io::Error::other(format!("asc does not start: {}", finished.stderr.trim()));
        return BuildError::Io { path: toolchain.package.clone(), source };
    }
    let text = if finished.stderr.trim().is_empty() { finished.status } else { finished.stderr };
    BuildError::Refused { tool: "asc", hint: HINT, text }
}

/// Files that asc itself would heed: the author should know that they change nothing here.
fn ignored(folder: &Path) -> Vec<Diagnostic> {
    let warning = |file: &str, message: &str| Diagnostic {
        level: "warning".to_owned(),
        message: message.to_owned(),
        file: Some(file.to_owned()),
        line: None,
        rendered: format!("warning: {file}: {message}"),
    };
    let mut told = Vec::new();
    if folder.join("asconfig.json").is_file() {
        told.push(warning("asconfig.json", "not read: the build has flags of its own, and no transforms"));
    }
    let manifest = std::fs::read(folder.join("package.json")).ok();
    let manifest: Option<serde_json::Value> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if manifest.is_some_and(|one| one["dependencies"].as_object().is_some_and(|dependencies| !dependencies.is_empty())) {
        told.push(warning("package.json", "its dependencies are not there in a build: only ameide-extension and AssemblyScript's own library are"));
    }
    told
}

/// What pins the dependencies: the compiler's lock file, our driver, and the SDK.
fn dependencies(sdk: &SdkDir) -> String {
    let mut digest = Sha256::new();
    for part in [LOCK, DRIVER, &sdk.digest] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    hex(digest)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{Direct, Home, assemblyscript::Way};

    fn toolchain() -> AssemblyScriptToolchain {
        let package = PathBuf::from("/h/node_modules/assemblyscript");
        AssemblyScriptToolchain { node: "/n/bin/node".into(), package, version: "asc 0.28.20 (node v20)".into(), way: Way::Ours }
    }

    fn sdk() -> SdkDir {
        SdkDir { path: "/opt/a \"b\"/sdk".into(), digest: "ab".repeat(32) }
    }

    #[test]
    fn the_child_gets_our_flags_and_an_environment_of_its_own() {
        let (home, sdk) = (Home::at("/e"), sdk());
        let request = Request { home: &home, sdk: &sdk, folder: Path::new("/f"), target_dir: Path::new("/t"), runner: &Direct };
        let plan = plan(&toolchain(), &request, Path::new("/f"), Path::new("/t/extension.wasm"));
        assert_eq!(plan.environment, [("LANG".into(), "C.UTF-8".into())]);
        assert_eq!(plan.reads, [PathBuf::from("/h/node_modules"), sdk.path.clone(), "/n/bin/node".into()]);
        assert_eq!((plan.results, plan.layers.len()), (PathBuf::from("/t"), 0));
        assert!(plan.arguments.contains(&OsString::from("/opt/a \"b\"/sdk")) && plan.arguments.contains(&OsString::from("stub")));
    }

    #[test]
    fn what_the_build_does_not_heed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ignored(dir.path()), []);
        std::fs::write(dir.path().join("asconfig.json"), "{}").unwrap();
        std::fs::write(dir.path().join("package.json"), r#"{"devDependencies":{"assemblyscript":"0.28.20"}}"#).unwrap();
        assert_eq!(ignored(dir.path()).len(), 1);
        std::fs::write(dir.path().join("package.json"), r#"{"dependencies":{"json-as":"1"}}"#).unwrap();
        assert!(ignored(dir.path())[1].message.contains("ameide-extension"));
    }

    #[test]
    fn a_compiler_that_does_not_start_is_not_the_authors_fault() {
        let ended = |stderr: &str| Finished { success: false, status: "exit 1".into(), stderr: stderr.into() };
        assert!(!refusal(&toolchain(), Messages::default(), ended("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'binaryen'")).is_authors());
        let error = refusal(&toolchain(), Messages::default(), ended(""));
        assert!(error.is_authors() && error.to_string().ends_with("exit 1"), "{error}");
    }

    #[test]
    fn the_dependencies_digest_follows_the_sdk() {
        let other = SdkDir { digest: "cd".repeat(32), ..sdk() };
        assert_ne!(dependencies(&sdk()), dependencies(&other));
        assert_eq!(dependencies(&sdk()).len(), 64);
    }

    #[test]
    fn a_folder_without_a_source_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let (home, sdk) = (Home::at(dir.path()), sdk());
        let request = Request { home: &home, sdk: &sdk, folder: dir.path(), target_dir: dir.path(), runner: &Direct };
        let error = build(&toolchain(), request, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("assembly/index.ts") && error.contains("ext new"), "{error}");
    }
}
