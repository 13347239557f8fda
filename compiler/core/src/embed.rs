//! Writes the description of its world into a core module whose compiler cannot: TinyGo's.

use extensions_types::Kind;
use wit_component::{StringEncoding, embed_component_metadata};

use crate::{Form, guard::guarded, inspect, worlds::Worlds};

/// `module` with the description of the kind's world, so that [`check`](crate::check()) can make
/// a component of it. Bytes that are no bare core module come back as they are: whatever is
/// wrong with them, the check says it.
#[must_use]
pub fn embed_world(module: Vec<u8>, kind: Kind) -> Vec<u8> {
    if inspect(&module) != Form::Module {
        return module;
    }
    let worlds = Worlds::get();
    let embedded = guarded(|| {
        let mut bytes = module.clone();
        embed_component_metadata(&mut bytes, &worlds.resolve, worlds.world(kind), StringEncoding::UTF8).is_ok().then_some(bytes)
    });
    embedded.flatten().unwrap_or(module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expected, check};

    const RUN: &str = r#"(module (memory (export "memory") 1) (func (export "run") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#;

    #[test]
    fn a_bare_module_becomes_a_component_that_imports_nothing() {
        let module = wat::parse_str(RUN).unwrap();
        let report = check(&embed_world(module, Kind::ProcessHook), Expected { kind: Some(Kind::ProcessHook), ..Expected::default() });
        assert!(report.component.is_some(), "{report:?}");
        let imports = report.facts.map(|facts| facts.imports).unwrap_or_default();
        assert!(imports.iter().all(|import| import.contains("/types@")), "{imports:?}");
    }

    #[test]
    fn what_is_no_bare_module_stays_as_it_is() {
        for bytes in [b"".to_vec(), b"\0asm".to_vec(), wat::parse_str("(component)").unwrap()] {
            assert_eq!(embed_world(bytes.clone(), Kind::DomainHook), bytes);
        }
    }
}
