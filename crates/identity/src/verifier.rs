//! Verifies tokens against the configured issuers and remembers the result.
//!
//! A token that was verified once costs a hash and a look-up until its entry
//! ends; failures are not remembered.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use crate::{Audience, IdentitySettings, Principal, SettingsError, VerifyError, issuer::Issuer, judge::judge, keys::Key, token::Token};

/// How long a verified token is believed without looking at it again: bounds
/// what a changed grant or a rotated key can miss.
pub const CACHE_LIFE: Duration = Duration::from_secs(60);

type TokenHash = [u8; 32];

/// Verifies tokens for one audience.
pub struct Verifier {
    audience: Audience,
    key_files: Vec<(String, PathBuf)>,
    issuers: RwLock<Arc<Issuers>>,
    /// Of the issuers in force; an entry of an older one is dead.
    generation: AtomicU64,
    cache: Cache<TokenHash, Verified>,
}

struct Issuers {
    generation: u64,
    by_name: BTreeMap<String, Issuer>,
}

#[derive(Clone)]
struct Verified {
    principal: Arc<Principal>,
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
        let key_files = settings.issuers.iter().filter_map(|issuer| Some((issuer.issuer.clone(), issuer.jwks_file.clone()?))).collect();
        let (audience, cached_tokens) = (settings.audience, settings.cached_tokens);
        let by_name = issuers(settings)?;
        Ok(Self {
            audience,
            key_files,
            issuers: RwLock::new(Arc::new(Issuers { generation: 0, by_name })),
            generation: AtomicU64::new(0),
            cache: Cache::new(cached_tokens.max(1)),
        })
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
        if let Some(known) = self.cache.get(&hash)
            && known.generation == self.generation.load(Ordering::Acquire)
            && (known.from..known.until).contains(&now)
        {
            return Ok(known.principal);
        }
        let issuers = Arc::clone(&self.issuers.read().unwrap_or_else(PoisonError::into_inner));
        let principal = Arc::new(check(token, &issuers, self.audience, now)?);
        let until = principal.expires().min(now + CACHE_LIFE);
        let entry = Verified { principal: Arc::clone(&principal), generation: issuers.generation, from: now, until };
        self.cache.insert(hash, entry);
        Ok(principal)
    }

    /// Puts new keys of an issuer in force at once: tokens of keys that are
    /// gone are refused from now on, remembered ones too.
    ///
    /// # Errors
    /// When the issuer or the document is not usable; the old keys stay.
    pub fn replace_keys(&self, issuer: &str, jwks: &str) -> Result<(), SettingsError> {
        let mut in_force = self.issuers.write().unwrap_or_else(PoisonError::into_inner);
        let mut by_name = in_force.by_name.clone();
        let changed = by_name.get_mut(issuer).ok_or_else(|| SettingsError::UnknownIssuer { issuer: issuer.to_owned() })?;
        changed.replace_keys(jwks)?;
        let generation = in_force.generation + 1;
        *in_force = Arc::new(Issuers { generation, by_name });
        self.generation.store(generation, Ordering::Release);
        self.cache.clear();
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.cache.len()
    }

    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.cache.clear();
    }

    /// The issuers that have their keys in a file, for whoever watches files.
    pub fn key_files(&self) -> impl Iterator<Item = (&str, &std::path::Path)> {
        self.key_files.iter().map(|(issuer, path)| (issuer.as_str(), path.as_path()))
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

fn check(token: &str, issuers: &Issuers, audience: Audience, now: SystemTime) -> Result<Principal, VerifyError> {
    let token = Token::parse(token)?;
    let name = token.claims.iss.as_deref().ok_or(VerifyError::Claim { claim: "iss" })?;
    let issuer = issuers.by_name.get(name).ok_or(VerifyError::UnknownIssuer)?;
    let key = key_of(&token, issuer)?;
    if !key.signed(token.message, token.signature) {
        return Err(VerifyError::Signature);
    }
    judge(&token.claims, issuer, audience, now)
}

/// The key decides the algorithm; the header must agree.
fn key_of<'i>(token: &Token<'_>, issuer: &'i Issuer) -> Result<&'i Key, VerifyError> {
    if !issuer.algorithms.iter().any(|allowed| allowed.as_str() == token.header.alg) {
        return Err(VerifyError::Algorithm);
    }
    let key = token.header.kid.as_deref().and_then(|kid| issuer.keys.get(kid)).ok_or(VerifyError::UnknownKey)?;
    if key.algorithm.as_str() == token.header.alg { Ok(key) } else { Err(VerifyError::Algorithm) }
}
