//! Random bytes and damaged guests: refused in peace.

use extensions_compiler_core::{Code, Expected, check};
use extensions_types::Kind;
use proptest::prelude::*;

use crate::kit::{EVALUATE, LOG, as_kind, codes, component, module};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_refused_in_peace(bytes in proptest::collection::vec(any::<u8>(), 0..400), header in 0_usize..3) {
        let headers: [&[u8]; 3] = [b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b""];
        let mut input = headers[header].to_vec();
        input.extend(bytes);
        let report = check(&input, Expected::default());
        prop_assert!(!codes(&report).contains(&Code::Internal));
    }

    #[test]
    fn damaged_guests_never_make_the_check_panic(
        whole in any::<bool>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let module = module("domain-hook", LOG, EVALUATE);
        let mut bytes = if whole { component(&module) } else { module };
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let report = check(&bytes, as_kind(Kind::DomainHook));
        prop_assert!(!codes(&report).contains(&Code::Internal), "{:?}", report.findings);
        prop_assert_eq!(report.is_servable(), report.findings.is_empty());
    }
}
