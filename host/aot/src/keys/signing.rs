//! The private key: the signer's, and nobody else's.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::{KeyError, KeyId, PublicKey, pem};

const LABEL: &str = "PRIVATE KEY";

/// A private key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Self::of(Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?)
    }

    /// Reads a key from its PEM: PKCS#8, one block.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut blocks = pem::blocks(text)?;
        let block = blocks.pop().ok_or(KeyError::Empty)?;
        if !blocks.is_empty() {
            return Err(KeyError::Pem("one key signs, and here are several"));
        }
        if block.label != LABEL {
            return Err(KeyError::Kind { found: block.label, wanted: LABEL });
        }
        Self::of(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&block.bytes).map_err(|_| KeyError::NotEd25519(1))?)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::NotEd25519(1))?;
        Ok(Self { pair, public: PublicKey::new(public) })
    }

    /// What is trusted where its signatures count.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// The key as PEM, for its file alone.
    ///
    /// # Errors
    /// When the library cannot write it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::NotEd25519(1))?;
        Ok(pem::text(LABEL, der.as_ref()))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_it_was_written_and_is_never_shown() {
        let key = SigningKey::generate().unwrap();
        let text = key.to_pem().unwrap();
        let again = SigningKey::parse(&text).unwrap();
        assert_eq!(again.id(), key.id());
        assert!(again.public().verifies(b"x", &key.sign(b"x")) && !again.public().verifies(b"y", &key.sign(b"x")));
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.id()));
    }

    #[test]
    fn what_is_no_private_key_is_refused_by_name() {
        let key = SigningKey::generate().unwrap();
        assert!(matches!(SigningKey::parse(&key.public().to_pem()).unwrap_err(), KeyError::Kind { wanted: LABEL, .. }));
        assert_eq!(SigningKey::parse("").unwrap_err(), KeyError::Empty);
        assert!(SigningKey::parse(&key.to_pem().unwrap().repeat(2)).is_err(), "two keys");
        assert_eq!(SigningKey::parse(&pem::text(LABEL, &[1; 48])).unwrap_err(), KeyError::NotEd25519(1));
    }
}
