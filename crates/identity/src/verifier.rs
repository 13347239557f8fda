//! Verifies tokens against the configured issuers and remembers the result.
//!
//! A token that was verified once costs a hash and a look-up until its entry
//! ends, and only a comparison where it comes over the same connection again;
//! failures are not remembered.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use extensions_tls::PeerNames;
use prometheus_client::registry::Registry;

use crate::{
    Audience, Channel, IdentitySettings, Principal, SettingsError, VerifyError,
    issuer::Issuer,
    judge::judge,
    key_source::Keys,
    keys::{Key, KeySet},
    memory::{Memory, Remembered, TokenHash, hash},
    remote::{Asking, Remote},
    status::{KeySource, KeySources},
    token::Token,
};

/// Verifies tokens for one audience.
pub struct Verifier {
    audience: Audience,
    issuers: Vec<Issuer>,
    memory: Memory,
    /// Fetches keys, where any are to be fetched.
    _asking: Option<Asking>,
}

impl IdentitySettings {
    /// Reads and checks everything that they name, but fetches nothing.
    /// `sees_certificates`: the service's listener asks its clients for them.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn check(&self, sees_certificates: bool) -> Result<(), SettingsError> {
        let issuers = issuers(self.clone())?;
        let mut grants = issuers.iter().flat_map(|issuer| issuer.grants.values());
        let names_clients = issuers.iter().any(|issuer| issuer.client_names.is_some()) || grants.any(|grant| grant.client_names.is_some());
        if names_clients && !sees_certificates { Err(SettingsError::NoCertificates) } else { Ok(()) }
    }
}

impl Verifier {
    /// Reads and checks everything that `settings` name, and begins to fetch the
    /// keys of issuers with a `jwks_url`: until they are there, their tokens are
    /// refused as UNAVAILABLE, and those of other issuers are accepted.
    ///
    /// # Errors
    /// Says what is wrong with the settings.
    pub fn new(settings: IdentitySettings) -> Result<Self, SettingsError> {
        let (audience, memory) = (settings.audience, Memory::new(settings.cached_tokens));
        let issuers = issuers(settings)?;
        let remotes = remotes(&issuers);
        let asking = (!remotes.is_empty()).then(|| Asking::begin(remotes)).transpose().map_err(SettingsError::Fetching)?;
        Ok(Self { audience, issuers, memory, _asking: asking })
    }

    /// Who stands behind `token`, wherever it comes from: a token that is bound
    /// to client certificates counts nowhere here.
    ///
    /// # Errors
    /// Says, in public words, why the token is not accepted.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Principal>, VerifyError> {
        let principal = self.known_or(token, now, || Ok(()))?.principal;
        principal.check_connection(&PeerNames::default())?;
        Ok(principal)
    }

    /// Who stands behind `token`, which came over `channel`.
    ///
    /// # Errors
    /// As [`Self::verify`]; and when the channel brings too many unseen tokens.
    pub fn verify_on(&self, channel: &Channel, token: &str, now: SystemTime) -> Result<Arc<Principal>, VerifyError> {
        let came_before = channel.recent().get(token).filter(|found| self.holds(found, now));
        let principal = match came_before {
            Some(found) => found.principal,
            None => {
                let may_verify = || if channel.may_verify(Instant::now()) { Ok(()) } else { Err(VerifyError::TooManyUnseen) };
                let found = self.known_or(token, now, may_verify)?;
                channel.recent().keep(token, &found);
                found.principal
            }
        };
        principal.check_connection(channel.names())?;
        Ok(principal)
    }

    /// As [`Self::verify_on`], now; where the key is not known, and its issuer is
    /// being asked for its keys, it waits for these half a second at most.
    ///
    /// # Errors
    /// As [`Self::verify_on`].
    pub async fn verify_soon(&self, channel: &Channel, token: &str) -> Result<Arc<Principal>, VerifyError> {
        match self.verify_on(channel, token, SystemTime::now()) {
            // Boxed: callers' futures stay small for the tokens that are known.
            Err(VerifyError::UnknownKey | VerifyError::KeysUnread) => Box::pin(self.verify_again(channel, token)).await,
            verified => verified,
        }
    }

    pub(crate) async fn verify_again(&self, channel: &Channel, token: &str) -> Result<Arc<Principal>, VerifyError> {
        let remote = Token::parse(token).ok().and_then(|token| self.issuer_of(&token).ok()?.1.keys.remote().cloned());
        if let Some(remote) = remote {
            remote.looked().await;
        }
        self.verify_on(channel, token, SystemTime::now())
    }

    fn known_or(&self, token: &str, now: SystemTime, may_verify: impl FnOnce() -> Result<(), VerifyError>) -> Result<Remembered, VerifyError> {
        if token.len() > crate::TOKEN_BYTES_MAX {
            return Err(VerifyError::TooLong);
        }
        let hash = hash(token);
        if let Some(known) = self.memory.get(&hash) {
            if self.holds(&known, now) {
                return Ok(known);
            }
            self.memory.forget(&hash);
        }
        may_verify()?;
        self.check(token, hash, now)
    }

    /// Whether what was found is still believed: neither its time nor its keys are over.
    fn holds(&self, found: &Remembered, now: SystemTime) -> bool {
        let generation = self.issuers.get(found.issuer).map(|issuer| issuer.keys.generation());
        generation == Some(found.generation) && found.holds_at(now)
    }

    fn check(&self, token: &str, hash: TokenHash, now: SystemTime) -> Result<Remembered, VerifyError> {
        let token = Token::parse(token)?;
        let (place, issuer) = self.issuer_of(&token)?;
        // Before the keys are read: what is verified while they change is looked at again.
        let generation = issuer.keys.generation();
        if !issuer.algorithms.iter().any(|allowed| allowed.as_str() == token.header.alg) {
            return Err(VerifyError::Algorithm);
        }
        let keys = issuer.keys.current().ok_or(VerifyError::KeysUnread)?;
        let key = key_of(&token, &issuer.keys, &keys)?;
        if !key.signed(token.message, token.signature) {
            return Err(VerifyError::Signature);
        }
        let principal = Arc::new(judge(&token.claims, issuer, self.audience, now)?);
        let remembered = Remembered::new(principal, place, generation, now);
        self.memory.keep(hash, remembered.clone());
        Ok(remembered)
    }

    /// The issuer that a token names, and its place.
    fn issuer_of(&self, token: &Token<'_>) -> Result<(usize, &Issuer), VerifyError> {
        let name = token.claims.iss.as_deref().ok_or(VerifyError::Claim { claim: "iss" })?;
        let place = self.issuers.binary_search_by(|issuer| (*issuer.name).cmp(name)).map_err(|_| VerifyError::UnknownIssuer)?;
        Ok((place, &self.issuers[place]))
    }

    /// Issuers whose keys are fetched, by name.
    #[must_use]
    pub fn key_sources(&self) -> Vec<KeySource> {
        remotes(&self.issuers).iter().map(|remote| remote.status()).collect()
    }

    /// Shows them in `registry`.
    pub fn show(&self, registry: &mut Registry) {
        let remotes = remotes(&self.issuers);
        if !remotes.is_empty() {
            registry.register_collector(Box::new(KeySources(remotes)));
        }
    }

    /// Looks at the key files now instead of at the next round; reads them.
    pub fn look_at_key_files(&self) {
        for issuer in &self.issuers {
            if let Keys::Followed(keys) = &issuer.keys {
                keys.look();
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("audience", &self.audience).finish_non_exhaustive()
    }
}

fn remotes(issuers: &[Issuer]) -> Vec<Arc<Remote>> {
    issuers.iter().filter_map(|issuer| issuer.keys.remote().cloned()).collect()
}

/// The key decides the algorithm; the header must agree. An unknown one may be new.
fn key_of<'k>(token: &Token<'_>, source: &Keys, keys: &'k KeySet) -> Result<&'k Key, VerifyError> {
    let kid = token.header.kid.as_deref().ok_or(VerifyError::UnknownKey)?;
    let Some(key) = keys.get(kid) else {
        if let Some(remote) = source.remote() {
            remote.ask();
        }
        return Err(VerifyError::UnknownKey);
    };
    if key.algorithm.as_str() == token.header.alg { Ok(key) } else { Err(VerifyError::Algorithm) }
}

/// By name.
fn issuers(settings: IdentitySettings) -> Result<Vec<Issuer>, SettingsError> {
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
    Ok(by_name.into_values().collect())
}

/// Those whose keys are fetched.
#[cfg(test)]
pub(crate) fn remotes_of(verifier: &Verifier) -> Vec<Arc<Remote>> {
    remotes(&verifier.issuers)
}
