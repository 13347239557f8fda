//! What is found of what was stored, with a real engine's code.

use std::{os::unix::fs::PermissionsExt, sync::LazyLock};

use extensions_engine_config::{Bounds, Profile, compile_engine};
use proptest::prelude::*;
use wasmtime::{Engine, component::Component};

use super::{place::KEY_FILE, *};
use crate::edits::{edit, edited};

struct Fixture {
    root: tempfile::TempDir,
    engine: Engine,
    digest: Sha256,
    code: Vec<u8>,
}

/// The smallest component there is: a preamble.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn fixture() -> Fixture {
    let engine = compile_engine(Profile::default()).unwrap();
    let code = engine.precompile_component(COMPONENT).unwrap();
    Fixture { root: tempfile::tempdir().unwrap(), engine, digest: crate::digest(COMPONENT), code }
}

impl Fixture {
    fn cache(&self) -> Cache {
        Cache::open(&self.root.path().join("aot"), CompatibilityHash::of(&self.engine)).unwrap()
    }

    fn load(&self, code: Code) -> Component {
        code.load(&self.engine).unwrap()
    }
}

#[test]
fn code_survives_a_restart() {
    let fixture = fixture();
    assert!(fixture.cache().get(fixture.digest).unwrap().is_none());
    fixture.load(fixture.cache().put(fixture.digest, &fixture.code, START).unwrap());
    let code = fixture.cache().get(fixture.digest).unwrap().unwrap();
    assert_eq!((code.runs_at_start(), code.data_bytes()), (true, 258));
    fixture.load(code);
}

#[test]
fn any_changed_truncated_or_foreign_file_is_refused_and_removed() {
    let fixture = fixture();
    let cache = fixture.cache();
    cache.put(fixture.digest, &fixture.code, Start::default()).unwrap();
    let path = cache.path(fixture.digest);
    let whole = fs::read(&path).unwrap();
    let other = crate::digest(b"another component");
    for change in [1, whole.len() / 2, whole.len() - 1, whole.len() - MAC_BYTES, whole.len() - TRAILER_BYTES] {
        for bytes in [
            {
                let mut bytes = whole.clone();
                bytes[change] ^= 1;
                bytes
            },
            whole[..change].to_vec(),
            fixture.code.clone(),
            Vec::new(),
        ] {
            fs::remove_file(&path).ok();
            fs::write(&path, &bytes).unwrap();
            assert!(cache.get(fixture.digest).unwrap().is_none());
            assert!(!path.exists(), "the bad file stays");
        }
    }
    fs::write(cache.path(other), &whole).unwrap();
    assert!(cache.get(other).unwrap().is_none(), "code of one component under another's name");
}

#[test]
fn code_of_another_key_or_engine_is_refused() {
    let fixture = fixture();
    let cache = fixture.cache();
    cache.put(fixture.digest, &fixture.code, Start::default()).unwrap();
    let hardened = compile_engine(Profile { bounds: Bounds::Hardened }).unwrap();
    let foreign = Cache::open(&fixture.root.path().join("aot"), CompatibilityHash::of(&hardened)).unwrap();
    fs::copy(cache.path(fixture.digest), foreign.path(fixture.digest)).unwrap();
    assert!(foreign.get(fixture.digest).unwrap().is_none(), "another engine's code");
    fs::write(fixture.root.path().join("aot").join(KEY_FILE), [7; 32]).unwrap();
    assert!(fixture.cache().get(fixture.digest).unwrap().is_none(), "another host's code");
}

#[test]
fn a_directory_open_to_others_is_refused() {
    let fixture = fixture();
    let root = fixture.root.path().join("aot");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
    let refused = Cache::open(&root, CompatibilityHash::of(&fixture.engine));
    assert!(matches!(refused, Err(CacheError::Shared(_))));
}

const START: Start = Start { runs_code: true, data_bytes: 258 };

/// A cache with one file, and that file's bytes.
static STORED: LazyLock<(Fixture, Cache, Vec<u8>)> = LazyLock::new(|| {
    let fixture = fixture();
    let cache = fixture.cache();
    cache.put(fixture.digest, b"native code of some length, which nobody here runs", START).unwrap();
    let whole = fs::read(cache.path(fixture.digest)).unwrap();
    (fixture, cache, whole)
});

/// Whether the host would map these bytes.
fn is_found(file: &[u8]) -> bool {
    let (fixture, cache, _) = &*STORED;
    let path = cache.path(fixture.digest);
    fs::remove_file(&path).ok();
    fs::write(&path, file).unwrap();
    cache.get(fixture.digest).unwrap().is_some()
}

proptest! {
    /// In one test, since its cases share the one file.
    #[test]
    fn only_what_was_stored_is_found(edits in prop::collection::vec(edit(), 1..6), bit in any::<prop::sample::Index>()) {
        let whole = &STORED.2;
        let changed = edits.into_iter().fold(whole.clone(), edited);
        prop_assert_eq!(is_found(&changed), changed == *whole);
        let mut flipped = whole.clone();
        let bit = bit.index(whole.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!is_found(&flipped), "bit {}", bit);
        prop_assert!(is_found(whole));
    }
}

#[test]
fn beyond_the_bound_what_nobody_used_for_longest_goes_first() {
    let fixture = fixture();
    let names: Vec<_> = (0..4_u8).map(|name| crate::digest(&[name])).collect();
    let cache = Cache { room: Room::new(3 << 10, 0), ..fixture.cache() };
    for (age, &name) in names.iter().enumerate() {
        cache.put(name, &[0; 1 << 10], Start::default()).unwrap();
        let used = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + age as u64);
        let times = fs::FileTimes::new().set_modified(used).set_accessed(used);
        File::open(cache.path(name)).unwrap().set_times(times).unwrap();
    }
    let found: Vec<_> = names.iter().map(|&name| cache.path(name).exists()).collect();
    assert_eq!(found, [false, false, true, true], "down to nine tenths, the newest stays");
}
