//! Short texts that lie in the value itself: ids and labels are made, copied and
//! dropped with every call, and seldom longer than a UUID. What calls do with
//! them is small and asked for from other crates: hence inline.

use std::{fmt, hash, sync::Arc};

/// Bytes that need no allocation: a UUID has 36, and 40 with the rest of the
/// value are less than what an allocation of its own takes.
const INLINE_MAX: usize = 38;

/// A text that does not change.
#[derive(Clone)]
pub(crate) enum Text {
    Inline {
        len: u8,
        bytes: [u8; INLINE_MAX],
    },
    /// Longer ones are shared by their copies.
    Shared(Arc<str>),
}

impl Text {
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Shared(text) => text.as_bytes(),
        }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            // They come from a text, whole.
            Self::Inline { .. } => str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Shared(text) => text,
        }
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Shared(text.into()),
        }
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// As texts are ordered: by their bytes.
impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl hash::Hash for Text {
    #[inline]
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        // Two texts in a row are not one.
        state.write_u8(0xff);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A text of any length is what it was made of, wherever it lies.
        #[test]
        fn texts_keep_their_bytes_and_order(one in "[a-cé]{0,45}", other in "[a-cé]{0,45}") {
            let (a, b) = (Text::from(one.as_str()), Text::from(other.as_str()));
            prop_assert_eq!(a.as_str(), &one);
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(a == b, one == other);
            let hasher = std::hash::RandomState::new();
            prop_assert_eq!(hasher.hash_one(&a), hasher.hash_one(a.clone()));
        }
    }

    #[test]
    fn a_uuid_needs_no_allocation() {
        let inline = |len: usize| matches!(Text::from("x".repeat(len).as_str()), Text::Inline { .. });
        assert!(inline(36) && inline(INLINE_MAX) && !inline(INLINE_MAX + 1));
        assert_eq!(size_of::<Text>(), 40);
        assert_eq!(size_of::<Option<Text>>(), 40);
    }
}
