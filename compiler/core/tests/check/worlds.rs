//! Modules and components against their worlds.

use extensions_compiler_core::{COMPACT_BYTES_MAX, Code, Expected, check, wit};
use extensions_types::Kind;

use crate::kit::{CALL, EVALUATE, LOG, RUN, TOOL, as_kind, codes, component, module, module_of};

#[test]
fn a_module_and_its_component_give_the_same_component() {
    for (kind, exports) in [(Kind::DomainHook, EVALUATE), (Kind::ProcessHook, RUN), (Kind::AgentTool, TOOL)] {
        let module = module(kind.world(), LOG, exports);
        let from_module = check(&module, as_kind(kind));
        assert_eq!(from_module.findings, []);
        let facts = from_module.facts.clone().unwrap();
        assert_eq!((facts.kind, facts.compact, facts.initial_memory_bytes), (Some(kind), true, 4 << 16));
        assert_eq!(facts.imports.last().map(String::as_str), Some("ameide:extensions/types@1.0.0"), "{:?}", facts.imports);
        let again = check(&component(&module), Expected::default());
        assert!(again.is_servable());
        assert_eq!((again.component, again.facts), (from_module.component, from_module.facts));
    }
}

#[test]
fn a_surface_is_shown_as_text() {
    let text = wit(&component(&module("domain-hook", LOG, EVALUATE))).unwrap();
    for part in ["export evaluate: func", "import ameide:extensions/logging@1.0.0;", "interface logging {"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!(wit(b"no component"), None);
}

#[test]
fn a_wrong_world_is_named_with_the_one_it_has() {
    let report = check(&module("process-hook", LOG, RUN), as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::WrongWorld]);
    assert!(report.findings[0].message.contains("implements world process-hook, but is declared as domain_hook"));
    assert!(report.component.is_none() && report.facts.is_some());
}

#[test]
fn each_unknown_import_is_named() {
    let imports = r#"(import "env" "a" (func)) (import "env" "b" (func)) (import "wasi_snapshot_preview1" "fd_write" (func))"#;
    let report = check(&module("domain-hook", imports, EVALUATE), as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::UnknownImport; 3]);
    assert!(report.findings[2].message.contains("wasi_snapshot_preview1.fd_write") && report.findings[2].remedy.contains("WASI"));
}

#[test]
fn imports_of_other_worlds_are_named_beside_what_is_missing() {
    let wit = "package ameide:extensions@2.0.0; interface logging { log: func(); } interface clock { now: func(); } world w { import logging; import clock; export go: func(); }";
    let imports = r#"(import "ameide:extensions/logging@2.0.0" "log" (func)) (import "ameide:extensions/clock@2.0.0" "now" (func))"#;
    let module = module_of(wit, "w", imports, r#"(func (export "go"))"#);
    let report = check(&module, as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::UnknownImport, Code::UnknownImport, Code::MissingExport]);
    assert!(report.findings[0].remedy.contains("serves ameide:extensions@1.0.0"));
    let anything = check(&module, Expected::default());
    assert!(anything.findings.iter().any(|finding| finding.message.starts_with("it exports go, which is none of the worlds")));
}

#[test]
fn host_calls_must_be_declared() {
    let module = module("domain-hook", CALL, EVALUATE);
    let report = check(&module, as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::HostCallsNotDeclared]);
    let declared = check(&module, Expected { kind: Some(Kind::DomainHook), host_calls: true, ..Expected::default() });
    assert!(declared.is_servable(), "{:?}", declared.findings);
}

#[test]
fn the_same_names_with_other_types_do_not_conform() {
    let wit = "package a:b; world w { export evaluate: func(point: string, entity: u32) -> string; }";
    let module = module_of(wit, "w", "", r#"(func (export "evaluate") (param i32 i32 i32) (result i32) unreachable)"#);
    let report = check(&module, as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::TypeMismatch], "{:?}", report.findings);
}

#[test]
fn a_module_that_does_not_fit_its_own_description_is_refused() {
    let report = check(&module("domain-hook", "", r#"(func (export "evaluate") (param i64))"#), as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::Componentize]);
    let bare = check(&wat::parse_str("(module)").unwrap(), Expected::default());
    assert_eq!(codes(&bare), [Code::NoMetadata]);
    assert_eq!(codes(&check(b"no wasm at all", Expected::default())), [Code::NotWasm]);
}

#[test]
fn features_that_hosts_lack_are_refused() {
    for text in ["(module (memory 1 1 shared))", "(module (memory i64 1))", "(module (tag))", "(module (func (param externref)))"] {
        assert_eq!(codes(&check(&wat::parse_str(text).unwrap(), Expected::default())), [Code::Invalid, Code::NoMetadata], "{text}");
    }
}

#[test]
fn a_roomy_guest_is_served_but_not_compact() {
    let exports = format!("(start $s) (func $s (drop (memory.grow (i32.const 1)))) {EVALUATE}");
    let bytes = module("domain-hook", "", &exports);
    let text = wat::parse_str(format!(r#"(component (core module (memory {}) ))"#, COMPACT_BYTES_MAX / 65_536 + 1)).unwrap();
    let facts = check(&bytes, as_kind(Kind::DomainHook)).facts.unwrap();
    assert_eq!((facts.start_functions, facts.may_grow_memory, facts.compact), (1, true, true));
    let roomy = check(&text, Expected::default()).facts.unwrap();
    assert!(!roomy.compact && roomy.not_compact[0].contains("448 KiB"), "{:?}", roomy.not_compact);
}

#[test]
fn a_module_that_cannot_become_a_component_is_told_everything() {
    let foreign = format!(r#"(import "env" "a" (func)) {CALL}"#);
    let bytes = module("domain-hook", &foreign, r#"(func (export "other"))"#);
    let report = check(&bytes, Expected { memory_mb: Some(0), ..as_kind(Kind::DomainHook) });
    assert_eq!(codes(&report), [Code::UnknownImport, Code::HostCallsNotDeclared, Code::MissingExport, Code::MemoryLimit]);
    let places: Vec<_> = report.findings.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["import env.a", "import ameide:extensions/host-calls@1.0.0", "export evaluate", ""]);
}

#[test]
fn policy_speaks_beside_the_world() {
    let report = check(&module("process-hook", CALL, RUN), Expected { memory_mb: Some(0), ..as_kind(Kind::DomainHook) });
    assert_eq!(codes(&report), [Code::HostCallsNotDeclared, Code::WrongWorld, Code::MemoryLimit]);
}

#[test]
fn sections_sum_up_to_the_component() {
    let facts = check(&module("domain-hook", LOG, EVALUATE), as_kind(Kind::DomainHook)).facts.unwrap();
    assert_eq!(facts.sections.iter().map(|section| section.bytes).sum::<u64>(), facts.size as u64);
    assert_eq!(facts.sections.iter().map(|section| section.name).collect::<Vec<_>>(), ["code", "data", "types", "names", "custom", "other"]);
}
