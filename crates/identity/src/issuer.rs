//! An issuer as configured: its keys, its reach, the grants of its services.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    str::from_utf8,
    sync::Arc,
};

use extensions_service::{FollowError, Followed};
use extensions_types::{CallLabel, Kind, TenantId};

use crate::{
    Algorithm, SettingsError, Tenants,
    keys::KeySet,
    settings::{GrantSettings, IssuerSettings},
};

const ISSUER_BYTES_MAX: usize = 512;

/// For whom a service may call, and which kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    tenants: Tenants,
    kinds: BTreeSet<Kind>,
}

impl Grant {
    /// Whether the service may call for `tenant`.
    #[must_use]
    pub fn covers_tenant(&self, tenant: &TenantId) -> bool {
        self.tenants.contain(tenant)
    }

    /// Whether the service may call extensions of `kind`.
    #[must_use]
    pub fn covers_kind(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// An issuer's public keys: as they were given, or as they lie in a file now.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Given(Arc<KeySet>),
    Followed(Followed<KeySet>),
}

impl Keys {
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

    pub(crate) fn current(&self) -> Arc<KeySet> {
        match self {
            Self::Given(keys) => Arc::clone(keys),
            Self::Followed(keys) => keys.current(),
        }
    }
}

/// One issuer, ready to judge its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) keys: Keys,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) tenants: Tenants,
    pub(crate) may_operate: bool,
    pub(crate) may_delegate: bool,
    pub(crate) may_compile: bool,
    pub(crate) grants: BTreeMap<CallLabel, Arc<Grant>>,
}

impl Issuer {
    pub(crate) fn new(settings: IssuerSettings) -> Result<Self, SettingsError> {
        if settings.issuer.is_empty() || settings.issuer.len() > ISSUER_BYTES_MAX {
            return Err(SettingsError::IssuerName { max: ISSUER_BYTES_MAX });
        }
        let keys = match (settings.jwks, settings.jwks_file) {
            (Some(jwks), None) => Keys::given(&settings.issuer, &jwks, &settings.algorithms)?,
            (None, Some(path)) => Keys::of_file(&settings.issuer, path, &settings.algorithms)?,
            (None, None) | (Some(_), Some(_)) => return Err(SettingsError::KeySource { issuer: settings.issuer }),
        };
        Ok(Self {
            name: settings.issuer.into(),
            keys,
            algorithms: settings.algorithms,
            tenants: settings.tenants,
            may_operate: settings.may_operate,
            may_delegate: settings.may_delegate,
            may_compile: settings.may_compile,
            grants: BTreeMap::new(),
        })
    }

    pub(crate) fn add_grant(&mut self, settings: GrantSettings) -> Result<(), SettingsError> {
        let problem = if !self.may_delegate {
            Some("the issuer may not issue invoke:delegate; set its may_delegate")
        } else if settings.kinds.is_empty() {
            Some("kinds is empty; list what the service may call")
        } else if !settings.tenants.within(&self.tenants) {
            Some("it names a tenant that the issuer may not name")
        } else if self.grants.contains_key(&settings.subject) {
            Some("given twice; merge the two")
        } else {
            None
        };
        if let Some(problem) = problem {
            let subject = settings.subject.to_string();
            return Err(SettingsError::Grant { issuer: settings.issuer, subject, problem });
        }
        // "all" means all that the issuer may name.
        let tenants = if settings.tenants == Tenants::All { self.tenants.clone() } else { settings.tenants };
        let grant = Grant { tenants, kinds: settings.kinds };
        self.grants.insert(settings.subject, Arc::new(grant));
        Ok(())
    }
}
