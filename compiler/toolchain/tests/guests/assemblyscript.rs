//! AssemblyScript: the SDK behaves, builds repeat, and an author's mistakes and files are met.

use std::{path::Path, process::Command};

use extensions_toolchain::{BuildError, Direct, Home, Toolchain, assemblyscript::AssemblyScriptToolchain, sdk::SdkDir};
use extensions_types::Language;

use crate::support::{SomeoneElse, build, open_folder, root, sdk, toolchain, write};

const SDK: &str = "sdk/guest/assemblyscript";
const RULE: &str = r#"import { Json, Verdict, domainHook } from "ameide-extension";
import { LIMIT } from "./limits";

class Order {
  quantity: u32;
  constructor(json: Json) {
    this.quantity = json.get("quantity").asU32();
  }
}

export function evaluate(point: string, order: Order): Verdict {
  assert(point.length > 0, "a point has a name");
  return order.quantity > LIMIT ? new Verdict().error("TOO_MANY", "Too many.", "/quantity") : new Verdict().set("reviewed", true);
}

domainHook(evaluate);
"#;
const LIMITS: &str = "export const LIMIT: u32 = 100;\n";

struct Bench {
    dir: tempfile::TempDir,
    toolchain: Toolchain,
    sdk: SdkDir,
}

fn bench() -> Bench {
    let dir = open_folder();
    let sdk = sdk(&Home::at(dir.path().join("home")), SDK, &["ameide-extension"]);
    Bench { toolchain: toolchain(Language::AssemblyScript), sdk, dir }
}

#[test]
fn the_sdk_reads_and_writes_json_as_other_engines_do() {
    let bench = bench();
    let lab = bench.dir.path().join("lab");
    write(&lab, &[("assembly/index.ts", &std::fs::read_to_string(root().join(SDK).join("tests/lab/assembly/index.ts")).unwrap())]);
    let built = build(&bench.toolchain, &bench.sdk, &lab, &Direct).unwrap();
    assert_eq!(built.diagnostics, []);
    let Toolchain::AssemblyScript(toolchain) = &bench.toolchain else { panic!("{}", bench.toolchain) };
    let output = Command::new(&toolchain.node).arg(root().join(SDK).join("tests/check.mjs")).arg(&built.path).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.lines().count() > 10, "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_build_repeats_in_another_folder_and_as_another_user() {
    let bench = bench();
    let folders = [bench.dir.path().join("here/rule"), bench.dir.path().join("over there/another name")];
    let files = [("assembly/index.ts", RULE), ("assembly/limits.ts", LIMITS)];
    folders.iter().for_each(|folder| write(folder, &files));
    let one = build(&bench.toolchain, &bench.sdk, &folders[0], &Direct).unwrap();
    let other = build(&copy_of(&bench.toolchain, bench.dir.path()), &bench.sdk, &folders[1], &SomeoneElse).unwrap();
    assert_eq!(one.wasm, other.wasm);
    assert_eq!((one.flags, one.dependencies_sha256), (other.flags, other.dependencies_sha256));
    let text = String::from_utf8_lossy(&one.wasm).into_owned();
    assert!(!text.contains("/tmp") && !text.contains("rule"), "no path of this machine is in the module");
}

/// The same toolchain where another user may read it.
fn copy_of(toolchain: &Toolchain, folder: &Path) -> Toolchain {
    let Toolchain::AssemblyScript(toolchain) = toolchain else { panic!("{toolchain}") };
    let packages = toolchain.package.parent().unwrap();
    assert!(Command::new("cp").arg("-r").arg(packages).arg(folder.join("node_modules")).status().unwrap().success());
    let package = folder.join("node_modules").join(toolchain.package.file_name().unwrap());
    Toolchain::AssemblyScript(AssemblyScriptToolchain { package, ..toolchain.clone() })
}

#[test]
fn mistakes_are_told_with_file_and_line_and_leave_no_module() {
    let bench = bench();
    let folder = bench.dir.path().join("rule");
    write(&folder, &[("assembly/index.ts", RULE), ("assembly/limits.ts", LIMITS)]);
    build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap();
    write(&folder, &[("assembly/index.ts", &RULE.replace("order.quantity >", "order.quantit >"))]);
    let error = build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap_err();
    let BuildError::Compile { diagnostics } = error else { panic!("{error}") };
    let first = &diagnostics[0];
    assert_eq!((first.file.as_deref(), first.line), (Some("assembly/index.ts"), Some(13)), "{first:?}");
    assert!(first.is_error() && first.message.contains("quantit") && first.rendered.contains("~~~"), "{first:?}");
    assert!(!folder.with_extension("results").join("extension.wasm").exists());
    write(&folder, &[("assembly/index.ts", "domainHook(evaluate;\n")]);
    let BuildError::Compile { diagnostics } = build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap_err() else { panic!() };
    assert_eq!(diagnostics[0].line, Some(1));
}

#[test]
fn nothing_of_the_author_is_read_but_the_assembly_folder() {
    let bench = bench();
    let folder = bench.dir.path().join("rule");
    let effect = bench.dir.path().join("effect");
    let transform = format!("import {{ writeFileSync }} from 'node:fs'; writeFileSync({effect:?}, 'x'); export default class {{}}");
    let config = r#"{"options":{"transform":["./transform.mjs"],"runtime":"incremental","importMemory":true},"targets":{"release":{"debug":true}}}"#;
    write(&folder, &[("assembly/index.ts", RULE), ("assembly/limits.ts", LIMITS)]);
    let plain = build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap();
    write(&folder, &[("asconfig.json", config), ("transform.mjs", &transform), ("node_modules/helper/index.ts", LIMITS), ("limits.ts", LIMITS)]);
    write(&folder, &[("node_modules/ameide-extension/index.ts", "export const stolen = 1;"), ("package.json", r#"{"dependencies":{"helper":"1"}}"#)]);
    let built = build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap();
    assert_eq!(built.wasm, plain.wasm);
    let told: Vec<_> = built.diagnostics.iter().map(|one| (one.level.as_str(), one.file.as_deref().unwrap())).collect();
    assert_eq!(told, [("warning", "asconfig.json"), ("warning", "package.json")]);
    let elsewhere = ["helper", "../limits", "/etc/passwd", "../node_modules/helper/index", "./../../rule/limits"];
    let imports: String = elsewhere.iter().map(|from| format!("import \"{from}\";\n")).collect();
    write(&folder, &[("assembly/index.ts", &format!("{imports}{RULE}"))]);
    let BuildError::Compile { diagnostics } = build(&bench.toolchain, &bench.sdk, &folder, &Direct).unwrap_err() else { panic!() };
    let not_found = diagnostics.iter().filter(|one| one.message.contains("not found")).count();
    assert_eq!(not_found, elsewhere.len(), "{diagnostics:?}");
    assert!(!effect.exists(), "a transform of the author's ran");
}
