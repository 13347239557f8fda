//! An issuer as configured: its keys, its reach, the grants of its services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use extensions_types::{CallLabel, Kind, TenantId};

use crate::{
    Algorithm, SettingsError, Tenants,
    keys::KeySet,
    settings::{GrantSettings, IssuerSettings},
};

const ISSUER_BYTES_MAX: usize = 512;

/// No JWKS file is larger; the document's own bound is stricter.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

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

/// One issuer, ready to judge its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) keys: Arc<KeySet>,
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
        let jwks = match (settings.jwks, settings.jwks_file) {
            (Some(jwks), None) => jwks,
            (None, Some(path)) => read(&path).map_err(|source| SettingsError::ReadKeys { issuer: settings.issuer.clone(), path, source })?,
            (None, None) | (Some(_), Some(_)) => return Err(SettingsError::KeySource { issuer: settings.issuer }),
        };
        let mut issuer = Self {
            name: settings.issuer.into(),
            keys: Arc::new(KeySet::none()),
            algorithms: settings.algorithms,
            tenants: settings.tenants,
            may_operate: settings.may_operate,
            may_delegate: settings.may_delegate,
            may_compile: settings.may_compile,
            grants: BTreeMap::new(),
        };
        issuer.replace_keys(&jwks)?;
        Ok(issuer)
    }

    pub(crate) fn replace_keys(&mut self, jwks: &str) -> Result<(), SettingsError> {
        let keys = KeySet::parse(jwks, &self.algorithms).map_err(|problem| SettingsError::Keys { issuer: self.name.to_string(), problem })?;
        self.keys = Arc::new(keys);
        Ok(())
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

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
