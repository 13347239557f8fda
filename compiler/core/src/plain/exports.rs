//! Narrows a module's exports to what its component needs: no other name
//! reaches the encoder, which gives some of them a meaning of its own.

use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

use super::contract::NEEDED;

/// `module` with the exports of the contract only; as it is where it cannot be read.
pub(super) fn narrowed(module: &[u8]) -> Vec<u8> {
    rewritten(module).unwrap_or_else(|| module.to_vec())
}

fn rewritten(module: &[u8]) -> Option<Vec<u8>> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        if let Payload::ExportSection(section) = payload {
            let mut exports = ExportSection::new();
            for export in section {
                let export = export.ok()?;
                if NEEDED.contains(&export.name) {
                    exports.export(export.name, kind(export.kind)?, export.index);
                }
            }
            out.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            out.section(&RawSection { id, data: module.get(range)? });
        }
    }
    Some(out.finish())
}

/// The contract has functions and a memory.
fn kind(kind: ExternalKind) -> Option<ExportKind> {
    match kind {
        ExternalKind::Func => Some(ExportKind::Func),
        ExternalKind::Memory => Some(ExportKind::Memory),
        _ => None,
    }
}
