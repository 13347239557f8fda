//! What is wrapped, what it looks like from outside, and what is refused.

use extensions_types::Kind;
use proptest::prelude::*;

use crate::{Code, Expected, Report, check, wit};

const ALLOC: &str = r#"(func (export "alloc") (param i32) (result i32) (i32.const 1024))"#;
const DEALLOC: &str = r#"(func (export "dealloc") (param i32 i32))"#;
const RUN: &str = r#"(func (export "run") (param i32 i32) (result i64) (i64.const 0))"#;
const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const LOG: &str = r#"(import "env" "host_log" (func (param i32 i32 i32)))"#;
const CONTEXT: &str = r#"(import "env" "host_context" (func (result i64)))"#;
const CALL: &str = r#"(import "env" "host_call" (func (param i32 i32) (result i64)))"#;

fn checked(fields: &[&str], host_calls: bool) -> Report {
    let bytes = wat::parse_str(format!("(module {})", fields.concat())).unwrap();
    check(&bytes, Expected { kind: Some(Kind::DomainHook), host_calls, ..Expected::default() })
}

fn component(imports: &[&str]) -> Vec<u8> {
    let report = checked(&[&imports.concat(), MEMORY, ALLOC, DEALLOC, RUN], true);
    assert_eq!(report.findings, []);
    report.component.unwrap()
}

/// Codes with their places.
fn refused(fields: &[&str]) -> Vec<(Code, String)> {
    let report = checked(fields, true);
    assert!(report.component.is_none());
    report.findings.into_iter().map(|finding| (finding.code, finding.place)).collect()
}

#[test]
fn the_surface_is_that_of_world_plain() {
    let surface = wit(&component(&[LOG, CONTEXT, CALL])).unwrap();
    let world = &surface[surface.find("world").unwrap()..];
    let expected = "world root {
  import ameide:extensions/plain-context@1.0.0;
  import ameide:extensions/logging@1.0.0;
  import ameide:extensions/plain-host-calls@1.0.0;

  export run: func(input: list<u8>) -> list<u8>;
}
";
    assert!(world.starts_with(expected), "{world}");
}

#[test]
fn what_is_not_used_is_not_imported() {
    for (imports, interface) in [(LOG, "logging"), (CONTEXT, "plain-context"), (CALL, "plain-host-calls")] {
        let surface = wit(&component(&[imports])).unwrap();
        let lines: Vec<_> = surface.lines().filter(|line| line.starts_with("  import ")).collect();
        assert_eq!(lines, [format!("  import ameide:extensions/{interface}@1.0.0;")]);
    }
    assert!(!wit(&component(&[])).unwrap().contains("import "));
}

#[test]
fn every_kind_is_served_and_only_declared_host_calls_are_let_in() {
    let bytes = wat::parse_str(format!("(module {CALL} {MEMORY} {ALLOC} {DEALLOC} {RUN})")).unwrap();
    for kind in Kind::ALL.iter().copied().map(Some).chain([None]) {
        let report = check(&bytes, Expected { kind, host_calls: true, ..Expected::default() });
        assert!(report.is_servable(), "{kind:?}: {:?}", report.findings);
        let again = check(&report.component.clone().unwrap(), Expected { kind, host_calls: true, ..Expected::default() });
        assert_eq!((again.component, again.facts), (report.component, report.facts), "a wrapped module is what it is");
    }
    let undeclared = checked(&[CALL, MEMORY, ALLOC, DEALLOC, RUN], false);
    assert_eq!(undeclared.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::HostCallsNotDeclared]);
}

#[test]
fn the_adapter_brings_code_and_nothing_else() {
    let component = component(&[LOG, CONTEXT, CALL]);
    let (mut modules, mut memories, mut globals, mut starts, mut data) = (0, 0, 0, 0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => modules += 1,
            wasmparser::Payload::MemorySection(section) => memories += section.count(),
            wasmparser::Payload::GlobalSection(section) => globals += section.count(),
            wasmparser::Payload::DataSection(section) => data += section.count(),
            wasmparser::Payload::StartSection { .. } => starts += 1,
            _ => {}
        }
    }
    // The guest, the adapter, and the encoder's shim with its fixup.
    assert_eq!((modules, memories, globals, starts, data), (4, 1, 0, 0, 0));
    assert!(component.len() < 4_096, "{} bytes around an empty guest", component.len());
}

#[test]
fn everything_that_is_missing_or_of_another_type_is_named() {
    let missing = |name: &str| (Code::MissingExport, format!("export {name}"));
    assert_eq!(refused(&[MEMORY, ALLOC, RUN]), [missing("dealloc")]);
    assert_eq!(refused(&[ALLOC, DEALLOC, RUN]), [missing("memory")]);
    assert_eq!(refused(&[ALLOC, RUN]), [missing("memory"), missing("dealloc")]);
    let wrong = [
        MEMORY,
        r#"(func (export "alloc") (param i64) (result i32) (i32.const 0))"#,
        r#"(func (export "dealloc") (param i32))"#,
        r#"(global (export "run") i32 (i32.const 0))"#,
        r#"(func (export "_initialize") (result i32) (i32.const 0))"#,
    ];
    let places = ["alloc", "dealloc", "run", "_initialize"].map(|name| (Code::TypeMismatch, format!("export {name}")));
    assert_eq!(refused(&wrong), places);
    let words = checked(&wrong, false).findings[0].to_string();
    assert!(words.contains("`alloc` is (i64) -> i32; the plain ABI asks for (i32) -> i32"), "{words}");
}

#[test]
fn every_unknown_import_is_named_with_its_remedy() {
    let imports = r#"(import "env" "host_log" (func (param i32)))
        (import "env" "abort" (func (param i32 i32 i32 i32)))
        (import "env" "host_context" (global i64))
        (import "env" "seed" (func (result f64)))
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    let report = checked(&[imports, MEMORY, ALLOC, DEALLOC, RUN], true);
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.code, finding.place.as_str())).collect();
    for expected in [
        (Code::UnknownImport, "import wasi_snapshot_preview1.fd_write"),
        (Code::TypeMismatch, "import env.host_log"),
        (Code::UnknownImport, "import env.abort"),
        (Code::TypeMismatch, "import env.host_context"),
        (Code::UnknownImport, "import env.seed"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert_eq!(found.len(), 5);
    let own_memory = checked(&[r#"(import "env" "memory" (memory 1)) (export "memory" (memory 0))"#, ALLOC, DEALLOC, RUN], true);
    assert!(own_memory.findings[0].remedy.contains("--import-memory"));
}

/// Names that an encoder knows have no meaning in a plain module.
#[test]
fn other_exports_reach_nobody() {
    let odd = r#"(func (export "cabi_realloc") (result i64) (i64.const 0)) (func (export "cabi_post_run") (param f64))
        (func (export "canonical_abi_realloc")) (table (export "t") 1 funcref) (func (export "cm32p2|a:b/c|d"))"#;
    let report = checked(&[odd, MEMORY, ALLOC, DEALLOC, RUN], false);
    assert_eq!(report.findings, []);
    let started = checked(&[r#"(func (export "_initialize"))"#, MEMORY, ALLOC, DEALLOC, RUN], false);
    assert_eq!(started.facts.unwrap().start_functions, 1, "a reactor's own start is kept");
}

const NAMES: [&str; 10] =
    ["memory", "alloc", "dealloc", "run", "_initialize", "cabi_realloc", "cabi_post_run", "host_log", "cm32p2_memory", "[resource-drop]x"];
const TYPES: [&str; 7] = [
    "",
    "(param i32) (result i32)",
    "(param i32 i32)",
    "(param i32 i32) (result i64)",
    "(result i64)",
    "(param i32 i32 i32)",
    "(param f64) (result i32 i32)",
];

fn import() -> impl Strategy<Value = String> {
    let module = prop::sample::select(vec!["env", "__main_module__", "ameide:extensions/logging@1.0.0", "", "$root"]);
    let name = prop::sample::select(vec!["host_log", "host_context", "host_call", "memory", "alloc", "log", "run"]);
    let kind = prop_oneof![
        prop::sample::select(TYPES.to_vec()).prop_map(|ty| format!("(func {ty})")),
        Just("(memory 1)".to_owned()),
        Just("(global i32)".to_owned()),
        Just("(table 1 funcref)".to_owned()),
    ];
    (module, name, kind).prop_map(|(module, name, kind)| format!("(import \"{module}\" \"{name}\" {kind})"))
}

fn export() -> impl Strategy<Value = String> {
    let function = (prop::sample::select(NAMES.to_vec()), prop::sample::select(TYPES.to_vec()))
        .prop_map(|(name, ty)| format!("(func (export \"{name}\") {ty} unreachable)"));
    let other = prop::sample::select(NAMES.to_vec()).prop_map(|name| format!("(global (export \"{name}\") i32 (i32.const 0))"));
    prop_oneof![4 => function, 1 => other]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn modules_that_look_plain_never_make_the_check_panic(
        imports in prop::collection::vec(import(), 0..4),
        whole in prop::collection::vec(any::<bool>(), 4),
        exports in prop::collection::vec(export(), 0..4),
    ) {
        let contract = [MEMORY, ALLOC, DEALLOC, RUN].iter().zip(whole).filter(|(_, there)| *there).map(|(field, _)| *field);
        let text = format!("(module {} {} {})", imports.concat(), contract.collect::<String>(), exports.concat());
        let Ok(bytes) = wat::parse_str(&text) else { return Ok(()) };
        let report = check(&bytes, Expected { kind: Some(Kind::ProcessHook), host_calls: true, ..Expected::default() });
        prop_assert!(report.findings.iter().all(|finding| finding.code != Code::Internal), "{text}: {:?}", report.findings);
        prop_assert_eq!(report.is_servable(), report.findings.is_empty());
    }
}
