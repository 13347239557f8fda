//! Key documents of issuers: refused or usable, and whatever they hold, a token
//! of another key is not believed.
#![no_main]

use std::sync::OnceLock;

use extensions_fuzz::{contained, issuer, verifier_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    static TOKEN: OnceLock<String> = OnceLock::new();
    let token = TOKEN.get_or_init(|| issuer().1);
    contained(|| {
        if let Ok(verifier) = verifier_of(text) {
            assert!(verifier.verify(token, std::time::SystemTime::now()).is_err());
        }
    });
});
