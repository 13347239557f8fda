//! A pushed archive, as it comes and as what it unpacks to: chance rarely
//! compresses. What is unpacked packs and unpacks again to the same files.
#![no_main]

use extensions_compile_jobs::Bundle;
use extensions_fuzz::contained;
use libfuzzer_sys::fuzz_target;

/// Fast; how small it gets does not matter.
const LEVEL: i32 = 1;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        judge(bytes);
        judge(&zstd::encode_all(bytes, LEVEL).expect("memory compresses"));
    });
});

fn judge(archive: &[u8]) {
    let Ok(bundle) = Bundle::unpack(archive) else { return };
    let names = |bundle: &Bundle| bundle.files().map(|(name, bytes)| (name.to_owned(), bytes.len())).collect::<Vec<_>>();
    assert!(names(&bundle).iter().all(|(name, _)| !name.starts_with('/') && !name.split('/').any(|part| part == "..")));
    let again = Bundle::unpack(&bundle.pack().expect("what was unpacked packs")).expect("what was packed unpacks");
    assert_eq!(names(&bundle), names(&again));
}
