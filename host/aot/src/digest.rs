//! SHA-256, the name of a component.

use extensions_types::Sha256;

/// The SHA-256 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Sha256 {
    finished(&aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// What a finished hasher says, as a word.
pub(crate) fn finished(digest: &aws_lc_rs::digest::Digest) -> Sha256 {
    Sha256::new(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_has_the_digest_that_everybody_knows() {
        assert_eq!(super::digest(b"").to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
