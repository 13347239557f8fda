//! The keys of shared code: Ed25519, one that signs and some that are trusted.
//!
//! Files are PEM, as other tools make and read them: PKCS#8 for the private
//! key, SubjectPublicKeyInfo for public ones. A file of public keys holds
//! several, so that a new key is trusted before it signs and an old one until
//! nothing of its is needed.

mod file;
mod pem;
mod public;
mod signing;

pub use file::{KeyFileError, NewKey, make_key_files};
pub use public::{KEYS_MAX, KeyId, PublicKey, PublicKeys};
pub use signing::SigningKey;

/// Why some text is no key of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not PEM, or ends in the middle.
    #[error("it is no PEM: {0}")]
    Pem(&'static str),
    /// It holds something else.
    #[error("it holds a block `{found}`; `{wanted}` is needed")]
    Kind {
        /// The label that is there.
        found: String,
        /// The label that is needed.
        wanted: &'static str,
    },
    /// A private key where public ones belong.
    #[error(
        "it holds a private key, which belongs to the signer alone; name the file of public keys, and make a new key pair if others could read this one"
    )]
    PrivateKey,
    /// Another algorithm, or bytes that are no key.
    #[error("key {0} of it is no Ed25519 key")]
    NotEd25519(usize),
    /// No block.
    #[error("it holds no key")]
    Empty,
    /// More than are looked through.
    #[error("it holds more than {KEYS_MAX} keys; remove those that sign nothing any more")]
    TooMany,
    /// No randomness for a new key.
    #[error("the system gives no random bytes for a key")]
    Random,
}
