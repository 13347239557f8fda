//! Why a token or a configuration is refused.
//!
//! Every text is public: it names rules and claims, never keys, tenants or
//! what an issuer is allowed.

use std::{io, path::PathBuf, time::Duration};

use extensions_types::ErrorCode;

/// Some hundred unseen tokens more, or another look for keys.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No bearer token where one is needed, several, or another scheme.
    #[error("send exactly one header `authorization: Bearer <token>`")]
    Header,
    /// Longer than any token of ours.
    #[error("the token is longer than {} bytes", crate::TOKEN_BYTES_MAX)]
    TooLong,
    /// Not three base64url parts, or not JSON of the expected types.
    #[error("the token is not a signed JWT; send `Authorization: Bearer <token>`")]
    Malformed,
    /// `none`, an algorithm that the issuer is not configured for, or not the key's.
    #[error("the token's algorithm is not accepted for its issuer and key")]
    Algorithm,
    /// No issuer of that name is configured.
    #[error("the token's issuer is not known here")]
    UnknownIssuer,
    /// The issuer has no key of that id, or the token names none.
    #[error("the token's key (`kid`) is not known for its issuer; it may have been rotated: get a new token")]
    UnknownKey,
    /// The issuer's keys could not be fetched yet.
    #[error("the keys of the token's issuer could not be read yet; try again")]
    KeysUnread,
    /// More tokens than a connection may bring that were not seen before.
    #[error("too many tokens on this connection that were not seen before; use a token again, or try again")]
    TooManyUnseen,
    /// The signature does not match.
    #[error("the token's signature is not valid")]
    Signature,
    /// A claim is missing or outside its grammar or bounds.
    #[error("the token's claim `{claim}` is missing or not valid")]
    Claim {
        /// The claim's name.
        claim: &'static str,
    },
    /// `exp` has passed.
    #[error("the token has expired; get a new one")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `aud` names another service.
    #[error("the token is meant for another service (`aud`)")]
    Audience,
    /// The token counts over other connections alone.
    #[error("this token counts only over TLS with a client certificate of a name that is configured for it (client_names)")]
    Certificate,
    /// No tenant, and neither delegating, operating the platform nor compiling.
    #[error("the token names no tenant (`tenant_id`)")]
    Tenantless,
    /// The issuer may not speak for that tenant.
    #[error("the token's issuer may not name this tenant")]
    TenantNotOfIssuer,
    /// The issuer may not issue platform, delegating or compiling scopes.
    #[error("the token's issuer may not issue this scope")]
    ScopeNotOfIssuer,
}

impl VerifyError {
    /// The code that it travels under: a token that cannot be believed is
    /// UNAUTHENTICATED, one that is genuine but claims too much or too little
    /// is PERMISSION_DENIED.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Tenantless | Self::TenantNotOfIssuer | Self::ScopeNotOfIssuer => ErrorCode::PermissionDenied,
            Self::Header
            | Self::TooLong
            | Self::Malformed
            | Self::Algorithm
            | Self::UnknownIssuer
            | Self::UnknownKey
            | Self::Signature
            | Self::Claim { .. }
            | Self::Expired
            | Self::NotYetValid
            | Self::Audience
            | Self::Certificate => ErrorCode::Unauthenticated,
            Self::KeysUnread => ErrorCode::Unavailable,
            Self::TooManyUnseen => ErrorCode::Overloaded,
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        if matches!(self, Self::KeysUnread | Self::TooManyUnseen) { Some(RETRY_AFTER) } else { None }
    }
}

/// What is wrong with the identity settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could ever be authenticated.
    #[error("identity.issuers is empty; configure at least one issuer")]
    NoIssuer,
    /// Two issuers of one name.
    #[error("identity: issuer `{issuer}` is configured twice; merge the two")]
    DuplicateIssuer {
        /// The issuer.
        issuer: String,
    },
    /// The issuer of `ext dev` elsewhere.
    #[error("identity: issuer `{issuer}` is a development issuer; remove it, or set allow_development where only developers can connect")]
    DevelopmentIssuer {
        /// The issuer.
        issuer: String,
    },
    /// A name that no token could carry.
    #[error("identity: issuer names have 1 to {max} bytes")]
    IssuerName {
        /// The longest name.
        max: usize,
    },
    /// A file of keys cannot be read.
    #[error("identity: cannot read {} of issuer `{issuer}`", path.display())]
    ReadKeys {
        /// The issuer.
        issuer: String,
        /// Its jwks_file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No place of keys, or several.
    #[error("identity: issuer `{issuer}` needs one of jwks_url, jwks_file and jwks")]
    KeySource {
        /// The issuer.
        issuer: String,
    },
    /// An address of keys that cannot be used.
    #[error("identity: issuer `{issuer}`: {problem}")]
    KeyUrl {
        /// The issuer.
        issuer: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// No thread to fetch keys with.
    #[error("identity: cannot start fetching keys")]
    Fetching(#[source] io::Error),
    /// Certificates are asked for where none is ever seen.
    #[error("identity: client_names need listen.tls.client_ca_file; without it nobody can use these tokens")]
    NoCertificates,
    /// A list of names that nobody could have.
    #[error("identity: client_names of `{whose}` is empty; list names of client certificates, or leave it out")]
    NoClientNames {
        /// The issuer, or the service of a grant.
        whose: String,
    },
    /// Keys that cannot be used.
    #[error("identity: keys of issuer `{issuer}`: {problem}")]
    Keys {
        /// The issuer.
        issuer: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// New keys for an issuer that is not configured.
    #[error("identity: issuer `{issuer}` is not configured")]
    UnknownIssuer {
        /// The issuer.
        issuer: String,
    },
    /// A grant that could never apply or says nothing.
    #[error("identity: grant of `{subject}` at `{issuer}`: {problem}")]
    Grant {
        /// The issuer that it names.
        issuer: String,
        /// The service that it names.
        subject: String,
        /// What is wrong.
        problem: &'static str,
    },
}
