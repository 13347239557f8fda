//! Where a watch of a tenant goes on: for each extension the last event that
//! was brought. Opaque to whoever holds it; complete, so that no registry keeps
//! anything for a watch, and no clock is involved.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use extensions_artifact::digest;
use extensions_types::{ExtensionId, TenantId};

use crate::LedgerError;

/// Bytes of a cursor's text: some 100,000 extensions.
const CURSOR_BYTES_MAX: usize = 1 << 20;
/// The form below; another one would get another number.
const FORM: u8 = 1;

/// The last event brought of each extension, by a short hash of its id. Where
/// two share a hash the earlier place counts: at worst events come again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursor(BTreeMap<u32, u64>);

fn hash(text: &str) -> u32 {
    let digest = digest(text.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

impl Cursor {
    /// The cursor of these places.
    pub(super) fn of<'a>(places: impl IntoIterator<Item = (&'a ExtensionId, u64)>) -> Self {
        let mut map = BTreeMap::new();
        for (extension, seq) in places {
            map.entry(hash(extension.as_str())).and_modify(|place: &mut u64| *place = seq.min(*place)).or_insert(seq);
        }
        Self(map)
    }

    /// Where `extension` goes on; from its first event where it was not known.
    pub(super) fn place(&self, extension: &ExtensionId) -> u64 {
        self.0.get(&hash(extension.as_str())).copied().unwrap_or(0)
    }

    /// As text: form, tenant's hash, then hash and number of each, numbers in the fewest bytes.
    pub(super) fn encode(&self, tenant: &TenantId) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(hash(tenant.as_str()).to_be_bytes());
        for (hash, seq) in &self.0 {
            bytes.extend(hash.to_be_bytes());
            push(&mut bytes, *seq);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a text that was made for `tenant`.
    pub(super) fn decode(text: &str, tenant: &TenantId) -> Result<Self, LedgerError> {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(LedgerError::Cursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| LedgerError::Cursor)?;
        read(&bytes, tenant).ok_or(LedgerError::Cursor)
    }
}

fn read(bytes: &[u8], tenant: &TenantId) -> Option<Cursor> {
    let (&form, bytes) = bytes.split_first()?;
    let (own, mut bytes) = bytes.split_first_chunk::<4>()?;
    if form != FORM || *own != hash(tenant.as_str()).to_be_bytes() {
        return None;
    }
    let mut map = BTreeMap::new();
    while !bytes.is_empty() {
        let (hash, rest) = bytes.split_first_chunk::<4>()?;
        let (seq, rest) = pop(rest)?;
        map.insert(u32::from_be_bytes(*hash), seq);
        bytes = rest;
    }
    Some(Cursor(map))
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn pop(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        let shifted = bits.checked_shl(7 * u32::try_from(at).ok()?)?;
        if shifted >> (7 * at) != bits {
            return None;
        }
        number |= shifted;
        if byte < 0x80 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(places in proptest::collection::btree_map("[a-z]{1,9}", any::<u64>(), 0..40)) {
            let places: Vec<_> = places.into_iter().map(|(id, seq)| (ExtensionId::parse(&id).unwrap(), seq)).collect();
            let cursor = Cursor::of(places.iter().map(|(id, seq)| (id, *seq)));
            let text = cursor.encode(&tenant("acme"));
            let again = Cursor::decode(&text, &tenant("acme")).unwrap();
            for (id, seq) in &places {
                prop_assert!(again.place(id) <= *seq);
            }
            prop_assert_eq!(again, cursor);
            prop_assert!(Cursor::decode(&text, &tenant("other")).is_err());
        }

        #[test]
        fn other_texts_are_refused_not_guessed(text in "[A-Za-z0-9_-]{0,60}") {
            if let Ok(cursor) = Cursor::decode(&text, &tenant("acme")) {
                prop_assert!(Cursor::decode(&cursor.encode(&tenant("acme")), &tenant("acme")).is_ok());
            }
        }
    }

    #[test]
    fn an_unknown_extension_begins_with_its_first_event() {
        let known = ExtensionId::parse("known").unwrap();
        let cursor = Cursor::of([(&known, 7)]);
        assert_eq!(cursor.place(&known), 7);
        assert_eq!(cursor.place(&ExtensionId::parse("new").unwrap()), 0);
        assert!(Cursor::decode(&"A".repeat(CURSOR_BYTES_MAX + 1), &tenant("acme")).is_err());
    }
}
