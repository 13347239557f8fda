//! Identifiers with their grammar. A value of these types is always valid.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given where an id is needed.
    #[error("{what} is empty")]
    Empty {
        /// The word for the id, as people know it.
        what: &'static str,
    },
    /// Longer than its storage key or log line allows.
    #[error("{what} has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// The word for the id.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// A byte outside the grammar.
    #[error("{what} must be {grammar}")]
    Grammar {
        /// The word for the id.
        what: &'static str,
        /// The grammar in words.
        grammar: &'static str,
    },
}

const SLUG: &str = "lowercase letters, digits and inner hyphens: [a-z0-9]([a-z0-9-]*[a-z0-9])?";

fn check_slug(text: &str, what: &'static str, max: usize) -> Result<(), IdError> {
    check_length(text, what, max)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = plain(bytes[0]) && plain(bytes[bytes.len() - 1]);
    if ends && bytes.iter().all(|&byte| plain(byte) || byte == b'-') { Ok(()) } else { Err(IdError::Grammar { what, grammar: SLUG }) }
}

fn check_length(text: &str, what: &'static str, max: usize) -> Result<(), IdError> {
    match text.len() {
        0 => Err(IdError::Empty { what }),
        bytes if bytes > max => Err(IdError::TooLong { what, bytes, max }),
        _ => Ok(()),
    }
}

/// A text newtype: parsed once, then compared, hashed, shown and (de)serialised as its text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Text);

        impl $name {
            /// Checks `text` against the grammar; it is never normalised.
            ///
            /// # Errors
            /// Says which part of the grammar is broken.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The id's text.
            #[must_use]
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    };
}

text_id!(
    /// A tenant: `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most 43 bytes, so that it
    /// fits a Kubernetes name beside a suffix.
    TenantId,
    |text| check_slug(text, "tenant id", 43)
);

text_id!(
    /// An extension within its tenant: the same grammar, at most 63 bytes.
    ExtensionId,
    |text| check_slug(text, "extension id", 63)
);

text_id!(
    /// A name that a caller brings along: organisation, user, session, caller,
    /// hook point or correlation id. 1 to 128 visible ASCII bytes, so that it
    /// can stand in a header, a log line and a metric as it is.
    CallLabel,
    |text| {
        check_length(text, "label", 128)?;
        // Every byte is looked at: that goes by words, and labels are valid as a rule.
        if text.bytes().fold(true, |graphic, byte| graphic & byte.is_ascii_graphic()) {
            Ok(())
        } else {
            Err(IdError::Grammar { what: "label", grammar: "visible ASCII without spaces" })
        }
    }
);

text_id!(
    /// A platform API method as definitions declare it: `service.method`,
    /// letters, digits, `_` and inner dots; the last dot divides. At most 128 bytes.
    HostCallName,
    |text| {
        check_length(text, "host call", 128)?;
        let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if text.contains('.') && text.split('.').all(word) {
            Ok(())
        } else {
            Err(IdError::Grammar { what: "host call", grammar: "`service.method` of letters, digits and `_`" })
        }
    }
);

impl HostCallName {
    /// The name of `method` of `service`.
    ///
    /// # Errors
    /// When the two do not form a `service.method`, or the method holds a dot.
    pub fn of(service: &str, method: &str) -> Result<Self, IdError> {
        if method.contains('.') {
            return Err(IdError::Grammar { what: "host call", grammar: "a method without dots" });
        }
        Self::parse(&format!("{service}.{method}"))
    }
}

/// The number of an immutable build of an extension, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(NonZeroU64);

impl Version {
    /// The first version of every extension.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Version `number`; none for 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The version's number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        const WRONG: IdError = IdError::Grammar { what: "version", grammar: "a whole number from 1, without sign or leading zeros" };
        // Decimal without sign or leading zeros: one version has one text.
        if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WRONG);
        }
        text.parse().map(Self).map_err(|_| WRONG)
    }
}

/// Which version a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionSelector {
    /// Whatever the environment serves: pins first, then the entry.
    Latest,
    /// This one, if the entry lists it.
    Exact(Version),
}

impl FromStr for VersionSelector {
    type Err = IdError;
    /// Reads `latest`, the empty text (the same) or a version number.
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "" | "latest" => Ok(Self::Latest),
            number => number.parse().map(Self::Exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The grammar of ids, written a second time as a reader would check it.
    fn slug_by_hand(text: &str, max: usize) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=max).contains(&text.len()) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
    }

    proptest! {
        #[test]
        fn ids_accept_exactly_their_grammar(text in "[a-zA-Z0-9-./_ é]{0,70}") {
            prop_assert_eq!(TenantId::parse(&text).is_ok(), slug_by_hand(&text, 43));
            prop_assert_eq!(ExtensionId::parse(&text).is_ok(), slug_by_hand(&text, 63));
        }

        #[test]
        fn valid_ids_are_accepted_and_keep_their_text(text in "[a-z0-9]([a-z0-9-]{0,41}[a-z0-9])?") {
            let id = TenantId::parse(&text).unwrap();
            prop_assert_eq!(id.as_str(), &text);
        }

        #[test]
        fn an_id_can_never_leave_its_path_segment(text in any::<String>()) {
            if let Ok(id) = ExtensionId::parse(&text) {
                prop_assert!(!id.as_str().contains(['/', '.', '_', '\\', '%', '\0']));
            }
        }

        #[test]
        fn versions_have_one_text(number in 1u64..) {
            let version = Version::new(number).unwrap();
            prop_assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
            for other in [format!("0{number}"), format!("+{number}")] {
                prop_assert!(other.parse::<Version>().is_err());
            }
        }

        #[test]
        fn labels_fit_a_header(text in any::<String>()) {
            if let Ok(label) = CallLabel::parse(&text) {
                prop_assert!(label.as_str().len() <= 128 && label.as_str().bytes().all(|b| (0x21..0x7f).contains(&b)));
            }
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(TenantId::parse(&"a".repeat(43)).is_ok());
        assert!(TenantId::parse(&"a".repeat(44)).is_err());
        assert!(ExtensionId::parse(&"a".repeat(63)).is_ok());
        assert!(ExtensionId::parse(&"a".repeat(64)).is_err());
        assert!(CallLabel::parse(&"a".repeat(128)).is_ok());
        assert!(CallLabel::parse(&"a".repeat(129)).is_err());
    }

    #[test]
    fn selectors_read_latest_numbers_and_nothing_else() {
        assert_eq!("".parse(), Ok(VersionSelector::Latest));
        assert_eq!("latest".parse(), Ok(VersionSelector::Latest));
        assert_eq!("7".parse(), Ok(VersionSelector::Exact(Version::new(7).unwrap())));
        for wrong in ["0", "07", "-1", "v1", "1.0", " 1", "18446744073709551616", "Latest"] {
            assert!(wrong.parse::<VersionSelector>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn host_calls_are_service_and_method() {
        assert!(HostCallName::parse("orders.get_order").is_ok());
        assert!(HostCallName::of("billing.v1", "get").is_ok());
        for (service, method) in [("orders", "a.b"), ("", "get"), ("orders", ""), ("or ders", "get")] {
            assert!(HostCallName::of(service, method).is_err(), "{service} {method}");
        }
    }
}
