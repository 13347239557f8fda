//! The last segment of a path that changes something: `{id}:{verb}`.

use extensions_types::{ErrorCode, Refusal};

use crate::audit::harmless;

macro_rules! verbs {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant,)+
        }

        impl $name {
            /// Every verb, for the document that lists them.
            #[cfg(test)]
            pub(super) const ALL: &'static [&'static str] = &[$($word),+];

            /// The id and the verb of a segment.
            pub(super) fn split(segment: &str) -> Result<(&str, Self), Refusal> {
                let (id, word) = segment.rsplit_once(':').unwrap_or((segment, ""));
                match word {
                    $($word => Ok((id, Self::$variant)),)+
                    _ => Err(unknown(word, &[$($word),+])),
                }
            }
        }
    };
}

verbs!(
    /// What is done to an extension.
    ExtensionVerb {
        Rollback = "rollback",
        Pin = "pin",
        SetEnabled = "set-enabled",
        LowerTier = "lower-tier",
    }
);

verbs!(
    /// What is done to a version.
    VersionVerb {
        Compile = "compile",
        Submit = "submit",
        Decide = "decide",
        Promote = "promote",
        Retire = "retire",
        RequestWaiver = "request-waiver",
        GrantWaiver = "grant-waiver",
    }
);

verbs!(
    /// What is done to a tenant.
    TenantVerb {
        Erase = "erase",
    }
);

fn unknown(word: &str, known: &[&str]) -> Refusal {
    Refusal::new(
        ErrorCode::BadRequest,
        format!(
            "{:?} is no verb of this path; it ends in {}",
            harmless(word),
            known.iter().map(|word| format!(":{word}")).collect::<Vec<_>>().join(", ")
        ),
    )
}

/// The id in front of `:watch`; none where the segment is an id alone.
pub(super) fn watched(segment: &str) -> Option<&str> {
    segment.strip_suffix(":watch")
}
