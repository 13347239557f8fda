//! TinyGo: the SDK behaves, builds repeat, and an author's mistakes are met.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use extensions_toolchain::{
    BuildError, BuiltModule, ChildError, Direct, Finished, Home, Plan, Runner, Toolchain, sdk::SdkDir, tinygo::TinyGoToolchain,
};
use extensions_types::Language;

use crate::support::{SomeoneElse, build, open_folder, root, sdk, toolchain, write};

const SDK: &str = "sdk/guest/go";
/// What compiler/guest-sdks packs.
const PARTS: [&str; 10] = ["go.mod", "extension.go", "verdict.go", "agenttool", "domainhook", "host", "internal", "json", "log", "processhook"];
const GO_MOD: &str = "module extensions.local/rule\n\ngo 1.23\n\nrequire ameide.dev/extension v1.0.0\n";
const RULE: &str = r#"package main

import (
	"ameide.dev/extension"
	"ameide.dev/extension/processhook"
	"extensions.local/rule/limits"
)

type Request struct {
	Amount float64 `json:"amount"`
}

func init() { processhook.Handle(run) }

func run(ctx extension.Context, request Request) (map[string]any, error) {
	return map[string]any{"large": request.Amount > limits.Large, "task": ctx.Point()}, nil
}

func main() {}
"#;
const LIMITS: &str = "package limits\n\nconst Large = 1000\n";
const FILES: [(&str, &str); 3] = [("go.mod", GO_MOD), ("main.go", RULE), ("limits/limits.go", LIMITS)];
/// The description of another world than the one that its package names is refused by the core.
const MANIFEST: &str = "id = \"rule\"\nkind = \"process_hook\"\nlang = \"tinygo\"\n";

struct Bench {
    dir: PathBuf,
    toolchain: Toolchain,
    sdk: SdkDir,
}

impl Bench {
    /// One for all tests: what a build compiled of Go's library is there for the next.
    fn get() -> &'static Self {
        static BENCH: OnceLock<Bench> = OnceLock::new();
        BENCH.get_or_init(Self::new)
    }

    fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tinygo");
        let sdk = sdk(&Home::at(dir.join("home")), SDK, &PARTS);
        Self { toolchain: toolchain(Language::TinyGo), sdk, dir }
    }

    fn tinygo(&self) -> &TinyGoToolchain {
        let Toolchain::TinyGo(toolchain) = &self.toolchain else { panic!("{}", self.toolchain) };
        toolchain
    }

    fn folder(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.dir.join(name);
        write(&folder, files);
        folder
    }

    fn build(&self, folder: &Path) -> Result<BuiltModule, BuildError> {
        build(&self.toolchain, &self.sdk, folder, &Direct)
    }
}

fn holds(built: &BuiltModule, text: &str) -> bool {
    built.wasm.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_sdk_and_the_examples_pass_their_own_tests() {
    let bench = Bench::get();
    let examples = ["order-discount-go", "lead-routing-go", "vat-go"].map(|name| root().join("guest-examples").join(name));
    let modules = [root().join(SDK)].into_iter().chain(examples).map(|path| path.canonicalize().unwrap());
    let modules: Vec<_> = modules.collect();
    let uses: String = modules.iter().map(|path| format!("use \"{}\"\n", path.display())).collect();
    let workspace = bench.dir.join("go.work");
    std::fs::write(&workspace, format!("go {}\n{uses}", bench.tinygo().go_version)).unwrap();
    for module in modules {
        let mut command = Command::new(&bench.tinygo().go);
        command.args(["test", "./..."]).current_dir(&module).env("GOWORK", &workspace).env("GOFLAGS", "").env("GOPROXY", "off");
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}: {}{}",
            module.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_sdk_lays_out_memory_as_the_worlds_say() {
    let bench = Bench::get();
    let lab = root().join(SDK).join("testdata/lab");
    let read = |name: &str| std::fs::read_to_string(lab.join(name)).unwrap();
    let built = bench.build(&bench.folder("rules/lab", &[("go.mod", &read("go.mod")), ("main.go", &read("main.go"))])).unwrap();
    let Toolchain::AssemblyScript(javascript) = toolchain(Language::AssemblyScript) else { panic!("no Node.js") };
    let output = Command::new(&javascript.node).arg(root().join(SDK).join("testdata/check.mjs")).arg(&built.path).output().unwrap();
    assert!(output.status.success() && output.stdout.ends_with(b"behaved\n"), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_build_repeats_in_another_folder_and_as_another_user() {
    let bench = Bench::get();
    let one = bench.build(&bench.folder("rules/here", &FILES)).unwrap();
    let elsewhere = open_folder();
    let folder = elsewhere.path().join("over there/another name");
    write(&folder, &FILES);
    let same_sdk = sdk(&Home::at(elsewhere.path().join("home")), SDK, &PARTS);
    let other = build(&copy_of(bench.tinygo(), elsewhere.path()), &same_sdk, &folder, &InOpenLayers).unwrap();
    assert!(one.wasm == other.wasm, "{} and {} bytes", one.path.display(), other.path.display());
    assert_eq!((&one.flags, &one.dependencies_sha256), (&other.flags, &other.dependencies_sha256));
    for path in ["/tmp", "/usr", &*bench.dir.to_string_lossy(), &*bench.tinygo().root.to_string_lossy()] {
        assert!(!holds(&one, path), "{path} is in the module");
    }
    assert!(holds(&one, "cabi_realloc") && holds(&one, "run"));
    assert!(!holds(&one, "host-calls") && !holds(&one, "describe"), "what a rule does not use is not there");
    assert!(one.wasm.len() < 130_000, "{} bytes", one.wasm.len());
    assert!(one.flags.contains(&"-gc=leaking".to_owned()));
}

/// Another user, who may add to the layers: a sandbox gives every job private ones.
#[derive(Debug)]
struct InOpenLayers;

impl Runner for InOpenLayers {
    fn run(&self, plan: &Plan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
        for layer in &plan.layers {
            std::fs::set_permissions(layer, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        SomeoneElse.run(plan, on_line)
    }

    fn keeps_layers(&self) -> bool {
        true
    }
}

/// The same toolchain elsewhere, where another user may read it.
fn copy_of(toolchain: &TinyGoToolchain, folder: &Path) -> Toolchain {
    let copy = |from: &Path, to: &Path| assert!(Command::new("cp").args(["-r", "-L"]).arg(from).arg(to).status().unwrap().success());
    let (program, root) = (folder.join("tinygo"), folder.join("tinygo's root"));
    copy(&toolchain.program, &program);
    copy(&toolchain.root, &root);
    Toolchain::TinyGo(TinyGoToolchain { program, root, ..toolchain.clone() })
}

#[test]
fn the_author_chooses_the_collector() {
    let bench = Bench::get();
    let manifest = format!("{MANIFEST}[build]\ngc = \"conservative\"\n");
    let files = [&FILES[..], &[("extension.toml", manifest.as_str())]].concat();
    let collected = bench.build(&bench.folder("rules/collected", &files)).unwrap();
    let leaking = bench.build(&bench.folder("rules/leaking", &FILES)).unwrap();
    assert!(collected.flags.contains(&"-gc=conservative".to_owned()));
    assert!(collected.wasm.len() > leaking.wasm.len(), "a collector is more code: {} and {}", collected.wasm.len(), leaking.wasm.len());
}

#[test]
fn mistakes_are_told_with_file_and_line_and_leave_no_module() {
    let bench = Bench::get();
    let folder = bench.folder("rules/mistakes", &FILES);
    let built = bench.build(&folder).unwrap();
    let mistakes = [
        ("main.go", RULE.replace("request.Amount >", "request.Amont >"), Some(("main.go", 16)), "Amont"),
        ("main.go", RULE.replace("func main", "func main(("), Some(("main.go", 19)), "expected"),
        ("limits/limits.go", "package limits\n\nimport \"os\"\n\nconst Large = 1\n".into(), Some(("limits/limits.go", 3)), "imported and not used"),
        ("main.go", RULE.replace("extensions.local/rule/limits", "example.com/limits"), Some(("main.go", 6)), "example.com/limits"),
    ];
    for (file, text, place, words) in mistakes {
        write(&folder, &FILES);
        write(&folder, &[(file, &text)]);
        let BuildError::Compile { diagnostics } = bench.build(&folder).unwrap_err() else { panic!("{words}") };
        let told = diagnostics.iter().find(|one| one.message.contains(words)).unwrap_or_else(|| panic!("{words}: {diagnostics:?}"));
        assert_eq!(told.file.as_deref().zip(told.line), place, "{told:?}");
        assert!(!built.path.exists(), "the module of an earlier build is no result");
    }
}

#[test]
fn a_file_of_the_machine_cannot_be_embedded() {
    let bench = Bench::get();
    let text = RULE.replace("package main\n", "package main\n\nimport _ \"embed\"\n\n//go:embed ../../../../../../etc/passwd\nvar secret string\n");
    let folder = bench.folder("rules/embedding", &[&FILES[..], &[("main.go", text.as_str())]].concat());
    assert!(bench.build(&folder).unwrap_err().is_authors());
}
