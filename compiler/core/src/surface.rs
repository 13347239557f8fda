//! The names at the surface of a component, or of the module that becomes one.

use extensions_types::Kind;
use wasmparser::{ComponentTypeRef, ExternalKind, Parser, Payload, TypeBounds};

use crate::worlds::Worlds;

/// Names in their order.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Surface {
    pub(crate) fn of_component(component: &[u8]) -> Self {
        let mut surface = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    // A type that equals another brings nothing into the sandbox; worlds name theirs this way.
                    let capable =
                        section.into_iter().map_while(Result::ok).filter(|import| !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))));
                    surface.imports.extend(capable.map(|import| import.name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    surface.exports.extend(section.into_iter().map_while(Result::ok).map(|export| export.name.name.to_owned()));
                }
                _ => {}
            }
        }
        surface
    }

    /// What a module that cannot be componentized would import and export:
    /// interfaces and functions keep their names on the way.
    pub(crate) fn of_module(module: &[u8]) -> Self {
        let mut surface = Self::default();
        for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
            match payload {
                Payload::ImportSection(section) => {
                    let names = section.into_imports().map_while(Result::ok).map(|import| import.module);
                    surface.imports.extend(names.filter(|name| name.contains(':')).map(ToOwned::to_owned));
                }
                Payload::ExportSection(section) => {
                    let functions = section.into_iter().map_while(Result::ok).filter(|export| export.kind == ExternalKind::Func);
                    surface.exports.extend(functions.map(|export| export.name.to_owned()).filter(|name| !is_machinery(name)));
                }
                _ => {}
            }
        }
        surface.imports.dedup();
        surface
    }

    pub(crate) fn has_export(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export == name)
    }

    /// The kind whose exports are all there.
    pub(crate) fn kind(&self, worlds: &Worlds) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|&kind| worlds.exports(kind).into_iter().all(|name| self.has_export(name)))
    }
}

/// Exports that serve the component model, not a world.
fn is_machinery(name: &str) -> bool {
    name.starts_with("cabi_") || name.starts_with('_')
}
