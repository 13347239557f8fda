//! An issuer as configured: its keys, its reach, the grants of its services.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use extensions_tls::PeerName;
use extensions_types::{CallLabel, Kind, TenantId};

use crate::{
    Algorithm, SettingsError, Tenants,
    key_source::Keys,
    settings::{GrantSettings, IssuerSettings},
};

const ISSUER_BYTES_MAX: usize = 512;

/// For whom a service may call, and which kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    tenants: Tenants,
    kinds: BTreeSet<Kind>,
    pub(crate) client_names: Option<ClientNames>,
}

/// Names of client certificates, one of which a connection must prove.
pub(crate) type ClientNames = Arc<[PeerName]>;

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
    pub(crate) keys: Keys,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) tenants: Tenants,
    pub(crate) may_operate: bool,
    pub(crate) may_delegate: bool,
    pub(crate) may_compile: bool,
    pub(crate) client_names: Option<ClientNames>,
    pub(crate) grants: BTreeMap<CallLabel, Arc<Grant>>,
}

impl Issuer {
    pub(crate) fn new(settings: IssuerSettings) -> Result<Self, SettingsError> {
        if settings.issuer.is_empty() || settings.issuer.len() > ISSUER_BYTES_MAX {
            return Err(SettingsError::IssuerName { max: ISSUER_BYTES_MAX });
        }
        let keys = Keys::of(&settings)?;
        let client_names = client_names(settings.client_names, &settings.issuer)?;
        Ok(Self {
            name: settings.issuer.into(),
            keys,
            algorithms: settings.algorithms,
            tenants: settings.tenants,
            may_operate: settings.may_operate,
            may_delegate: settings.may_delegate,
            may_compile: settings.may_compile,
            client_names,
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
        let client_names = client_names(settings.client_names, settings.subject.as_str())?;
        let grant = Grant { tenants, kinds: settings.kinds, client_names };
        self.grants.insert(settings.subject, Arc::new(grant));
        Ok(())
    }
}

/// None: any connection will do. An empty list would mean that none does.
fn client_names(names: Option<Vec<PeerName>>, whose: &str) -> Result<Option<ClientNames>, SettingsError> {
    match names {
        Some(names) if names.is_empty() => Err(SettingsError::NoClientNames { whose: whose.to_owned() }),
        names => Ok(names.map(Into::into)),
    }
}
