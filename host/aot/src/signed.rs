//! Machine code that hosts share: compiled and signed once, checked by each.
//!
//! An object is the code followed by a trailer of fixed size: the engine that
//! it was compiled for, the component, what making an instance does, the
//! key's name, an Ed25519 signature over all of it and the code's
//! digest, and a mark. The trailer repeats what the object's name says, so that
//! one that lies under a wrong name is told from a damaged one; believed is
//! only what the signature covers. Pure: it reads and writes bytes.

use extensions_engine_config::CompatibilityHash;
use extensions_types::Sha256;

use crate::{
    Start, digest,
    keys::{KeyId, PublicKeys, SigningKey},
    start::{START_BYTES, claim},
};

/// Says what a signature is for, so that none made for something else counts here.
const DOMAIN: &[u8] = b"ameide extensions: precompiled code, 2\0";
/// Marks a whole object; bump it when the trailer changes.
const MAGIC: &[u8; 8] = b"extaots2";
const SIGNATURE_BYTES: usize = 64;
/// Engine, component, start, key, signature, mark.
const TRAILER_BYTES: usize = 32 + 32 + START_BYTES + 8 + SIGNATURE_BYTES + MAGIC.len();

/// What code is for: a host asks for exactly this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeFor {
    /// The engine that runs it.
    pub engine: CompatibilityHash,
    /// The component that it was compiled from.
    pub component: Sha256,
}

/// Why an object of shared code is not used. Whatever it is: whoever reads it compiles by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// Too short, or without the mark at its end.
    #[error("it is no whole object of signed code")]
    Cut,
    /// Signed for another engine: it lies under a wrong name.
    #[error("it is for another engine than its name says")]
    OtherEngine,
    /// Signed for another component: it lies under a wrong name.
    #[error("it is of another component than its name says")]
    OtherComponent,
    /// Signed by a key that is not trusted, or not any more.
    #[error("key {0} signed it, which is not among the public keys")]
    ForeignKey(KeyId),
    /// The signature does not hold: a byte has changed, or somebody tried.
    #[error("its signature does not hold")]
    Damaged,
}

impl Unusable {
    /// One word for counting.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::OtherEngine => "other_engine",
            Self::OtherComponent => "other_component",
            Self::ForeignKey(_) => "foreign_key",
            Self::Damaged => "damaged",
        }
    }
}

/// Code whose signature holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'b> {
    /// The machine code.
    pub code: &'b [u8],
    /// Its digest, which the signature covers.
    pub sha256: Sha256,
    /// What making an instance does.
    pub start: Start,
    /// Whose signature it is.
    pub key: KeyId,
}

/// Makes the object of some code.
#[must_use]
pub fn seal(key: &SigningKey, what: CodeFor, code: Vec<u8>, start: Start) -> Vec<u8> {
    let signature = key.sign(&message(what, digest(&code), start.to_bytes()));
    let mut object = code;
    object.reserve_exact(TRAILER_BYTES);
    object.extend_from_slice(what.engine.as_bytes());
    object.extend_from_slice(what.component.as_bytes());
    object.extend_from_slice(&start.to_bytes());
    object.extend_from_slice(key.id().as_bytes());
    object.extend_from_slice(&signature);
    object.extend_from_slice(MAGIC);
    object
}

/// Checks an object against what is asked for and the keys that count.
///
/// # Errors
/// Says what is wrong with it.
pub fn open<'b>(object: &'b [u8], what: CodeFor, keys: &PublicKeys) -> Result<Opened<'b>, Unusable> {
    let (code, trailer) = object.split_last_chunk::<TRAILER_BYTES>().ok_or(Unusable::Cut)?;
    let trailer = Trailer::of(trailer);
    if trailer.magic != MAGIC {
        return Err(Unusable::Cut);
    }
    if trailer.engine != what.engine.as_bytes() {
        return Err(Unusable::OtherEngine);
    }
    if trailer.component != what.component.as_bytes() {
        return Err(Unusable::OtherComponent);
    }
    let mut named = keys.named(trailer.key).peekable();
    if named.peek().is_none() {
        return Err(Unusable::ForeignKey(trailer.key));
    }
    let sha256 = digest(code);
    let message = message(what, sha256, trailer.start);
    // Two keys of one name would be a wonder; trying both costs nothing.
    if !named.any(|key| key.verifies(&message, trailer.signature)) {
        return Err(Unusable::Damaged);
    }
    Ok(Opened { code, sha256, start: Start::from_bytes(trailer.start), key: trailer.key })
}

/// The trailer's fields, in their order.
struct Trailer<'t> {
    engine: &'t [u8],
    component: &'t [u8],
    start: [u8; START_BYTES],
    key: KeyId,
    signature: &'t [u8],
    magic: &'t [u8],
}

impl<'t> Trailer<'t> {
    fn of(bytes: &'t [u8; TRAILER_BYTES]) -> Self {
        let (engine, rest) = bytes.split_at(32);
        let (component, rest) = rest.split_at(32);
        let (start, rest) = rest.split_first_chunk().expect("the trailer holds it");
        let (key, rest) = rest.split_at(8);
        let (signature, magic) = rest.split_at(SIGNATURE_BYTES);
        let key = KeyId::new(key.try_into().expect("eight bytes were split off"));
        Self { engine, component, start: *start, key, signature, magic }
    }
}

/// What is signed.
fn message(what: CodeFor, code: Sha256, start: [u8; START_BYTES]) -> Vec<u8> {
    [DOMAIN, &claim(what.engine.as_bytes(), what.component, code, start)].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use extensions_engine_config::{Bounds, Profile, compile_engine};
    use proptest::prelude::*;

    use super::*;
    use crate::edits::{edit, edited};

    const CODE: &[u8] = b"native code of some length, which nobody here runs";

    const START: Start = Start { runs_code: true, data_bytes: 70_000 };

    fn engine(bounds: Bounds) -> CompatibilityHash {
        CompatibilityHash::of(&compile_engine(Profile { bounds }).unwrap())
    }

    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
    static KEYS: LazyLock<PublicKeys> = LazyLock::new(|| KEY.public().into());
    static WHAT: LazyLock<CodeFor> = LazyLock::new(|| CodeFor { engine: engine(Bounds::Guards), component: digest(b"component") });
    static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| seal(&KEY, *WHAT, CODE.to_vec(), START));

    #[test]
    fn what_was_sealed_opens() {
        for start in [Start::default(), START] {
            for code in [CODE, b""] {
                let object = seal(&KEY, *WHAT, code.to_vec(), start);
                assert_eq!(open(&object, *WHAT, &KEYS), Ok(Opened { code, sha256: digest(code), start, key: KEY.id() }));
            }
        }
    }

    #[test]
    fn what_lies_under_a_wrong_name_is_named() {
        let other_engine = CodeFor { engine: engine(Bounds::Hardened), ..*WHAT };
        let other_component = CodeFor { component: digest(b"other"), ..*WHAT };
        assert_eq!(open(&OBJECT, other_engine, &KEYS), Err(Unusable::OtherEngine));
        assert_eq!(open(&OBJECT, other_component, &KEYS), Err(Unusable::OtherComponent));
    }

    #[test]
    fn a_name_that_was_changed_to_fit_is_damage() {
        let mut object = OBJECT.clone();
        let wanted = CodeFor { engine: engine(Bounds::Hardened), ..*WHAT };
        let at = object.len() - TRAILER_BYTES;
        object[at..at + 32].copy_from_slice(wanted.engine.as_bytes());
        assert_eq!(open(&object, wanted, &KEYS), Err(Unusable::Damaged));
        let wanted = CodeFor { component: digest(b"other"), ..*WHAT };
        let mut object = OBJECT.clone();
        object[at + 32..at + 64].copy_from_slice(wanted.component.as_bytes());
        assert_eq!(open(&object, wanted, &KEYS), Err(Unusable::Damaged));
    }

    #[test]
    fn keys_count_while_they_are_listed() {
        let (old, new) = (&*KEY, SigningKey::generate().unwrap());
        let both = PublicKeys::parse(&format!("{}{}", old.public().to_pem(), new.public().to_pem())).unwrap();
        let by_new = seal(&new, *WHAT, CODE.to_vec(), Start::default());
        assert_eq!(open(&by_new, *WHAT, &KEYS), Err(Unusable::ForeignKey(new.id())), "not yet");
        assert_eq!(open(&by_new, *WHAT, &both).map(|opened| opened.key), Ok(new.id()));
        assert_eq!(open(&OBJECT, *WHAT, &both).map(|opened| opened.key), Ok(old.id()));
        assert_eq!(open(&OBJECT, *WHAT, &new.public().into()), Err(Unusable::ForeignKey(old.id())), "not any more");
        assert_eq!(open(&OBJECT, *WHAT, &PublicKeys::default()), Err(Unusable::ForeignKey(old.id())));
    }

    #[test]
    fn a_foreign_signature_under_a_trusted_name_is_damage() {
        let foreign = SigningKey::generate().unwrap();
        let mut object = seal(&foreign, *WHAT, CODE.to_vec(), Start::default());
        let at = object.len() - TRAILER_BYTES + 64 + START_BYTES;
        object[at..at + 8].copy_from_slice(KEY.id().as_bytes());
        assert_eq!(open(&object, *WHAT, &KEYS), Err(Unusable::Damaged));
    }

    #[test]
    fn a_signature_over_the_same_bytes_for_something_else_does_not_count() {
        let undivided = message(*WHAT, digest(CODE), Start::default().to_bytes());
        let signature = KEY.sign(undivided.strip_prefix(DOMAIN).unwrap());
        let mut object = seal(&KEY, *WHAT, CODE.to_vec(), Start::default());
        let at = object.len() - MAGIC.len() - SIGNATURE_BYTES;
        object[at..at + SIGNATURE_BYTES].copy_from_slice(&signature);
        assert_eq!(open(&object, *WHAT, &KEYS), Err(Unusable::Damaged));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for bit in 0..OBJECT.len() * 8 {
            let mut object = OBJECT.clone();
            object[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&object, *WHAT, &KEYS).is_err(), "bit {bit} of {}", OBJECT.len() * 8);
        }
    }

    #[test]
    fn every_cut_is_refused() {
        for length in 0..OBJECT.len() {
            assert!(open(&OBJECT[..length], *WHAT, &KEYS).is_err(), "the first {length}");
            assert!(open(&OBJECT[OBJECT.len() - length..], *WHAT, &KEYS).is_err(), "the last {length}");
        }
    }

    proptest! {
        #[test]
        fn only_what_was_sealed_opens(edits in proptest::collection::vec(edit(), 1..6)) {
            let object = edits.into_iter().fold(OBJECT.clone(), edited);
            let opened = open(&object, *WHAT, &KEYS);
            prop_assert_eq!(opened.is_ok(), object == *OBJECT);
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), marked in any::<bool>()) {
            let bytes = if marked { [bytes.as_slice(), MAGIC].concat() } else { bytes };
            prop_assert!(open(&bytes, *WHAT, &KEYS).is_err());
        }
    }
}
