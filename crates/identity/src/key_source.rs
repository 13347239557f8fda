//! Where an issuer's public keys come from, and those in force now.

use std::{path::PathBuf, str::from_utf8, sync::Arc};

use extensions_service::{FollowError, Followed};

use crate::{Algorithm, SettingsError, keys::KeySet, remote::Remote, settings::IssuerSettings};

/// An issuer's public keys: as they were given, as they lie in a file now, or as
/// they were last fetched.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Given(Arc<KeySet>),
    Followed(Followed<KeySet>),
    Fetched(Arc<Remote>),
}

impl Keys {
    pub(crate) fn of(settings: &IssuerSettings) -> Result<Self, SettingsError> {
        match (&settings.jwks, &settings.jwks_file, &settings.jwks_url) {
            (Some(jwks), None, None) => Self::given(&settings.issuer, jwks, &settings.algorithms),
            (None, Some(path), None) => Self::of_file(&settings.issuer, path.clone(), &settings.algorithms),
            (None, None, Some(url)) => Ok(Self::Fetched(Arc::new(Remote::new(settings, url)?))),
            _ => Err(SettingsError::KeySource { issuer: settings.issuer.clone() }),
        }
    }

    fn given(issuer: &str, jwks: &str, algorithms: &[Algorithm]) -> Result<Self, SettingsError> {
        let keys = KeySet::parse(jwks, algorithms).map_err(|problem| SettingsError::Keys { issuer: issuer.to_owned(), problem })?;
        Ok(Self::Given(Arc::new(keys)))
    }

    /// A file that later holds something unusable changes nothing: the last good keys stay.
    fn of_file(issuer: &str, path: PathBuf, algorithms: &[Algorithm]) -> Result<Self, SettingsError> {
        let (issuer, allowed) = (issuer.to_owned(), algorithms.to_vec());
        let parse = move |bytes: &[u8]| KeySet::parse(from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?, &allowed);
        let opened = Followed::file(&path, parse);
        opened.map(Self::Followed).map_err(|error| match error {
            FollowError::Read { path, source } => SettingsError::ReadKeys { issuer, path, source },
            other => SettingsError::Keys { issuer, problem: other.with_causes() },
        })
    }

    /// None while they were never read.
    pub(crate) fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Given(keys) => Some(Arc::clone(keys)),
            Self::Followed(keys) => Some(keys.current()),
            Self::Fetched(remote) => remote.current(),
        }
    }

    /// Grows with each replacement: what was verified with older ones is dead.
    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Given(_) => 0,
            Self::Followed(keys) => keys.generation(),
            Self::Fetched(remote) => remote.generation(),
        }
    }

    pub(crate) const fn remote(&self) -> Option<&Arc<Remote>> {
        match self {
            Self::Fetched(remote) => Some(remote),
            Self::Given(_) | Self::Followed(_) => None,
        }
    }
}
