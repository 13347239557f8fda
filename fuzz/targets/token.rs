//! Tokens: as they come, and with their parts encoded so that chance reaches
//! what is inside. None of them is signed, so none is believed.
#![no_main]

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use extensions_fuzz::{contained, issuer};
use extensions_identity::{Verifier, bearer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    let verifier = VERIFIER.get_or_init(|| issuer().0);
    // A fixed time: what is found is found again.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    contained(|| {
        if let Ok(Some(token)) = bearer([bytes].into_iter()) {
            assert!(verifier.verify(token, now).is_err());
        }
        let parts: Vec<_> = bytes.splitn(3, |byte| *byte == b'\n').map(|part| BASE64.encode(part)).collect();
        assert!(verifier.verify(&parts.join("."), now).is_err(), "{}", parts.join("."));
    });
});
