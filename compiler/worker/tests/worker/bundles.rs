//! Rust extensions, with build scripts and proc macros of their author.

use bytes::Bytes;
use extensions_compile_jobs::Bundle;

const MANIFEST: &str = "id = \"rule\"\nkind = \"process_hook\"\nlang = \"rust\"\n";
const CARGO: &str = r#"[package]
name = "rule"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib"]

[workspace]

[dependencies]
ameide-extension = "1"
serde = { version = "1", features = ["derive"] }
"#;
const PROFILE: &str = "\n[profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\n";
const LIB: &str = r#"
use ameide_extension::{HookError, process_hook};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Request {
    amount: Option<f64>,
}

#[derive(Serialize)]
struct Decision {
    large: bool,
}

#[process_hook]
fn run(_task: &str, request: Request) -> Result<Decision, HookError> {
    let Some(amount) = request.amount else { return Err(HookError::rejected("an amount is needed")) };
    assert!(amount > -1e9, "a panic's text holds a path: {amount}");
    Ok(Decision { large: amount > 1.0 })
}
"#;
const CASE: &str = r#"{"input": {"amount": 5}, "expect": {"output": {"large": true}}}"#;
const MACROS: &str = "[package]\nname = \"rule-macros\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\nproc-macro = true\npath = \"lib.rs\"\n";

/// Files of a bundle.
pub(crate) fn of(files: &[(&str, &str)]) -> Bundle {
    let mut bundle = Bundle::default();
    for (path, text) in files {
        bundle.insert(path, Bytes::copy_from_slice(text.as_bytes())).unwrap();
    }
    bundle
}

/// A rule without anything odd.
pub(crate) fn plain() -> Bundle {
    of(&[("extension.toml", MANIFEST), ("Cargo.toml", &format!("{CARGO}{PROFILE}")), ("src/lib.rs", LIB), ("tests/large.json", CASE)])
}

/// The rule with more in its source.
pub(crate) fn with_source(more: &str) -> Bundle {
    of(&[("extension.toml", MANIFEST), ("Cargo.toml", &format!("{CARGO}{PROFILE}")), ("src/lib.rs", &format!("{LIB}{more}"))])
}

/// The rule with a build script whose `main` does this.
pub(crate) fn with_build_script(body: &str) -> Bundle {
    named_with_build_script("rule", body)
}

/// The same, of a package that can be told from others in the list of processes.
pub(crate) fn named_with_build_script(package: &str, body: &str) -> Bundle {
    let script = format!("#![allow(unused)]\nuse std::{{env, fs, io::Write, net::*, path::*, process::*, time::*}};\nfn main() {{ {body} }}\n");
    of(&[
        ("extension.toml", MANIFEST),
        ("Cargo.toml", &format!("{CARGO}{PROFILE}").replace("\"rule\"", &format!("\"{package}\""))),
        ("src/lib.rs", LIB),
        ("build.rs", &script),
        ("tests/large.json", CASE),
    ])
}

/// The rule with a proc macro of its author that does this when it is expanded.
pub(crate) fn with_macro(body: &str) -> Bundle {
    let cargo = format!("{CARGO}rule-macros = {{ path = \"macros\" }}\n{PROFILE}");
    let library = format!(
        "#![allow(unused)]\nuse std::{{env, fs, io::Write, net::*, path::*, process::*, time::*}};\n\
         #[proc_macro]\npub fn touch(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ {body}; proc_macro::TokenStream::new() }}\n"
    );
    of(&[
        ("extension.toml", MANIFEST),
        ("Cargo.toml", &cargo),
        ("src/lib.rs", &format!("{LIB}\nrule_macros::touch!();\n")),
        ("macros/Cargo.toml", MACROS),
        ("macros/lib.rs", &library),
        ("tests/large.json", CASE),
    ])
}
