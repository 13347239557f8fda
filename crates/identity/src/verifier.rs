//! Verifies tokens against the configured issuers and remembers the result.
//!
//! A token that was verified once costs a hash and a look-up until its entry
//! ends; failures are not remembered.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
use extensions_service::Followed;
use quick_cache::sync::Cache;

use crate::{
    Audience, IdentitySettings, Principal, SettingsError, VerifyError,
    issuer::{Issuer, Keys},
    judge::judge,
    keys::{Key, KeySet},
    token::Token,
};

/// How long a verified token is believed without looking at it again: bounds
/// what a changed grant can miss. Rotated keys end it at once.
pub const CACHE_LIFE: Duration = Duration::from_secs(60);

type TokenHash = [u8; 32];

/// Verifies tokens for one audience.
pub struct Verifier {
    audience: Audience,
    issuers: BTreeMap<String, Issuer>,
    /// Those of them that may change.
    key_files: Vec<Followed<KeySet>>,
    cache: Cache<TokenHash, Verified>,
}

#[derive(Clone)]
struct Verified {
    principal: Arc<Principal>,
    /// Of the keys that it was verified with.
    generation: u64,
    from: SystemTime,
    until: SystemTime,
}

impl Verifier {
    /// Reads and checks everything that `settings` name.
    ///
    /// # Errors
    /// Says what is wrong with the settings.
    pub fn new(settings: IdentitySettings) -> Result<Self, SettingsError> {
        let (audience, cached_tokens) = (settings.audience, settings.cached_tokens);
        let issuers = issuers(settings)?;
        let followed = |issuer: &Issuer| match &issuer.keys {
            Keys::Given(_) => None,
            Keys::Followed(keys) => Some(keys.clone()),
        };
        let key_files = issuers.values().filter_map(followed).collect();
        Ok(Self { audience, issuers, key_files, cache: Cache::new(cached_tokens.max(1)) })
    }

    /// Who stands behind `token`.
    ///
    /// # Errors
    /// Says, in public words, why the token is not accepted.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Principal>, VerifyError> {
        if token.len() > crate::TOKEN_BYTES_MAX {
            return Err(VerifyError::TooLong);
        }
        let hash = hash(token);
        // Before the keys are read: what is verified while they change is looked at again.
        let generation = self.generation();
        if let Some(known) = self.cache.get(&hash)
            && known.generation == generation
            && (known.from..known.until).contains(&now)
        {
            return Ok(known.principal);
        }
        let principal = Arc::new(check(token, &self.issuers, self.audience, now)?);
        let until = principal.expires().min(now + CACHE_LIFE);
        let entry = Verified { principal: Arc::clone(&principal), generation, from: now, until };
        self.cache.insert(hash, entry);
        Ok(principal)
    }

    /// Grows with each replacement of a key file: an entry of an older one is dead.
    fn generation(&self) -> u64 {
        self.key_files.iter().map(Followed::generation).sum()
    }

    /// Looks at the key files now instead of at the next round; reads them.
    pub fn look_at_key_files(&self) {
        for keys in &self.key_files {
            keys.look();
        }
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.cache.len()
    }

    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.cache.clear();
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("audience", &self.audience).finish_non_exhaustive()
    }
}

fn issuers(settings: IdentitySettings) -> Result<BTreeMap<String, Issuer>, SettingsError> {
    let mut by_name = BTreeMap::new();
    for issuer in settings.issuers {
        if issuer.development && !settings.allow_development {
            return Err(SettingsError::DevelopmentIssuer { issuer: issuer.issuer });
        }
        match by_name.entry(issuer.issuer.clone()) {
            Entry::Vacant(place) => place.insert(Issuer::new(issuer)?),
            Entry::Occupied(_) => return Err(SettingsError::DuplicateIssuer { issuer: issuer.issuer }),
        };
    }
    if by_name.is_empty() {
        return Err(SettingsError::NoIssuer);
    }
    for grant in settings.grants {
        let issuer = by_name.get_mut(&grant.issuer).ok_or_else(|| SettingsError::UnknownIssuer { issuer: grant.issuer.clone() })?;
        issuer.add_grant(grant)?;
    }
    Ok(by_name)
}

fn hash(token: &str) -> TokenHash {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn check(token: &str, issuers: &BTreeMap<String, Issuer>, audience: Audience, now: SystemTime) -> Result<Principal, VerifyError> {
    let token = Token::parse(token)?;
    let name = token.claims.iss.as_deref().ok_or(VerifyError::Claim { claim: "iss" })?;
    let issuer = issuers.get(name).ok_or(VerifyError::UnknownIssuer)?;
    let keys = issuer.keys.current();
    let key = key_of(&token, issuer, &keys)?;
    if !key.signed(token.message, token.signature) {
        return Err(VerifyError::Signature);
    }
    judge(&token.claims, issuer, audience, now)
}

/// The key decides the algorithm; the header must agree.
fn key_of<'k>(token: &Token<'_>, issuer: &Issuer, keys: &'k KeySet) -> Result<&'k Key, VerifyError> {
    if !issuer.algorithms.iter().any(|allowed| allowed.as_str() == token.header.alg) {
        return Err(VerifyError::Algorithm);
    }
    let key = token.header.kid.as_deref().and_then(|kid| keys.get(kid)).ok_or(VerifyError::UnknownKey)?;
    if key.algorithm.as_str() == token.header.alg { Ok(key) } else { Err(VerifyError::Algorithm) }
}
