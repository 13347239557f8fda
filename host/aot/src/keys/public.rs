//! Public keys: whose signatures count.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::{KeyError, pem};
use crate::digest;

/// The label of a public key in PEM.
const LABEL: &str = "PUBLIC KEY";
/// Every Ed25519 SubjectPublicKeyInfo begins so (RFC 8410): the algorithm, then a bit string of 32 bytes.
const SPKI_BEGIN: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const KEY_BYTES: usize = 32;
/// A rotation needs two keys; a signer for each cluster a few more.
pub const KEYS_MAX: usize = 16;

/// Names a key: the first 8 bytes of its SHA-256, in hex. For finding a key and
/// for people; the signature is what counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    pub(crate) const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    pub(super) const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = *digest(&self.0).as_bytes();
        KeyId([a, b, c, d, e, f, g, h])
    }

    /// The key as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::text(LABEL, &[SPKI_BEGIN.as_slice(), &self.0].concat())
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// The keys whose signatures count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// Reads the keys of a file: one PEM block each, at most [`KEYS_MAX`].
    ///
    /// # Errors
    /// When one of them is no public Ed25519 key, or there is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text)?;
        if blocks.len() > KEYS_MAX {
            return Err(KeyError::TooMany);
        }
        let mut keys = Vec::new();
        for (at, block) in blocks.into_iter().enumerate() {
            if block.label.ends_with("PRIVATE KEY") {
                return Err(KeyError::PrivateKey);
            }
            if block.label != LABEL {
                return Err(KeyError::Kind { found: block.label, wanted: LABEL });
            }
            let key = block.bytes.strip_prefix(&SPKI_BEGIN).and_then(|key| key.try_into().ok());
            keys.push(PublicKey(key.ok_or(KeyError::NotEd25519(at + 1))?));
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// The keys' names, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(PublicKey::id)
    }

    pub(crate) fn named(&self, id: KeyId) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| key.id() == id)
    }
}

impl From<PublicKey> for PublicKeys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn a_file_holds_several_keys_and_comments() {
        let (old, new) = (SigningKey::generate().unwrap().public(), SigningKey::generate().unwrap().public());
        let text = format!("# since March\n{}\n# from June on\n{}", old.to_pem(), new.to_pem());
        let keys = PublicKeys::parse(&text).unwrap();
        assert_eq!(keys.ids().collect::<Vec<_>>(), [old.id(), new.id()]);
        assert_eq!(keys.named(new.id()).collect::<Vec<_>>(), [&new]);
    }

    #[test]
    fn what_is_no_public_key_is_refused_by_name() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(PublicKeys::parse("").unwrap_err(), KeyError::Empty);
        assert_eq!(PublicKeys::parse(&key.to_pem().unwrap()).unwrap_err(), KeyError::PrivateKey);
        assert_eq!(PublicKeys::parse(&pem::text(LABEL, &[7; 91])).unwrap_err(), KeyError::NotEd25519(1), "another algorithm");
        assert!(matches!(PublicKeys::parse(&pem::text("CERTIFICATE", &[7; 91])).unwrap_err(), KeyError::Kind { .. }));
        assert_eq!(PublicKeys::parse(&key.public().to_pem().repeat(KEYS_MAX + 1)).unwrap_err(), KeyError::TooMany);
    }

    #[test]
    fn a_key_made_by_other_tools_is_read() {
        // `openssl pkey -pubout` of RFC 8410's example (section 10.1).
        let text = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = PublicKeys::parse(text).unwrap();
        assert_eq!(public, SigningKey::parse(private).unwrap().public().into());
    }
}
