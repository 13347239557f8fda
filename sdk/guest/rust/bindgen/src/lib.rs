//! Generates the Rust guest SDK's bindings (`sdk/guest/rust/src/bindings/`) from `wit/`.
//!
//! Guests then need no bindings generator of their own, which keeps their
//! builds fast. Writes no file: `cargo xtask gen` does, and a test here says
//! when the checked-in files are stale.

use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{PackageId, Resolve};

/// The interfaces that every world shares; one module holds them for all.
const SHARED: [&str; 5] = ["types", "context", "logging", "trap-message", "host-calls"];
/// The worlds with exports, one module each.
const WORLDS: [&str; 3] = ["process-hook", "domain-hook", "agent-tool"];
const PACKAGE: &str = "ameide:extensions";

/// Why no bindings came out.
#[derive(Debug, thiserror::Error)]
pub enum BindgenError {
    /// The WIT package cannot be read.
    #[error("wit/ cannot be read: {0}")]
    Wit(String),
    /// The generator refused a world.
    #[error("no bindings for world {world}: {reason}")]
    Generate {
        /// The world's name.
        world: String,
        /// The generator's own words.
        reason: String,
    },
    /// The generator's output no longer has the form that is edited here.
    #[error("bindings for world {world}: the generator's output has changed its form; adapt this crate to it")]
    Form {
        /// The world's name.
        world: String,
    },
}

/// File names and texts of the bindings, `mod.rs` included.
///
/// # Errors
/// When `wit_dir` is not our package, or the generator's output changed its form.
pub fn generate(wit_dir: &Path) -> Result<Vec<(String, String)>, BindgenError> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit_dir).map_err(|error| BindgenError::Wit(format!("{error:#}")))?;
    let version = resolve.packages[package].name.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    let interfaces = SHARED.map(|name| format!("{PACKAGE}/{name}{version}"));

    let mut files = vec![("mod.rs".to_owned(), index())];
    files.push(("imports.rs".to_owned(), imports(&mut resolve, &interfaces)?));
    for world in WORLDS {
        let with = SHARED.iter().zip(&interfaces).map(|(name, interface)| (interface.clone(), WithOption::Path(shared_module(name))));
        files.push((format!("{}.rs", world.replace('-', "_")), one_world(&mut resolve, package, world, with.collect())?));
    }
    Ok(files)
}

/// The world of no exports that makes one module of all shared interfaces.
fn imports(resolve: &mut Resolve, interfaces: &[String; SHARED.len()]) -> Result<String, BindgenError> {
    let list: String = interfaces.iter().map(|interface| format!("    import {interface};\n")).collect();
    let text = format!("package ameide:guest;\nworld imports {{\n{list}}}\n");
    let package = resolve.push_str("imports.wit", &text).map_err(|error| BindgenError::Wit(format!("{error:#}")))?;
    one_world(resolve, package, "imports", Vec::new())
}

fn one_world(resolve: &mut Resolve, package: PackageId, world: &str, with: Vec<(String, WithOption)>) -> Result<String, BindgenError> {
    let failed = |reason: String| BindgenError::Generate { world: world.to_owned(), reason };
    let id = resolve.select_world(&[package], Some(world)).map_err(|error| failed(format!("{error:#}")))?;
    let options = Opts {
        format: true,
        runtime_path: Some("crate::runtime".to_owned()),
        generate_all: true,
        pub_export_macro: true,
        disable_custom_section_link_helpers: true,
        disable_run_ctors_once_workaround: true,
        with,
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(resolve, id, &mut files).map_err(|error| failed(format!("{error:#}")))?;
    let text = files.iter().next().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    without_own_section(&text).ok_or_else(|| BindgenError::Form { world: world.to_owned() })
}

/// Leaves out the section that describes the world without its exports.
///
/// Linked into a guest, it would claim the SDK's worlds for every guest. The
/// section with the exports stays: it is inside the macro that the guest expands.
fn without_own_section(text: &str) -> Option<String> {
    const START: &str = "#[rustfmt::skip]\n#[cfg(target_arch = \"wasm32\")]\n#[unsafe(\n    link_section";
    let start = text.find(START)?;
    let own = &text[start..];
    let end = own.find("\";\n")? + 3;
    let rest = &own[end..];
    if rest.contains("link_section") || !own[..end].contains("__WIT_BINDGEN_COMPONENT_TYPE") {
        return None;
    }
    let purpose = "//! Generated from wit/ by `cargo xtask gen`; holds no hand-written line.\n";
    Some(format!("{purpose}{}{rest}", &text[..start]))
}

fn shared_module(interface: &str) -> String {
    format!("crate::bindings::imports::ameide::extensions::{}", interface.replace('-', "_"))
}

fn index() -> String {
    let modules: String =
        ["agent-tool", "domain-hook", "imports", "process-hook"].iter().map(|name| format!("pub mod {};\n", name.replace('-', "_"))).collect();
    format!("//! Generated from wit/ by `cargo xtask gen`: one module per world, and `imports` for what they share.\n\n{modules}")
}
