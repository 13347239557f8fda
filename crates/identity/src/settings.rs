//! The `[identity]` section of a service's configuration.
//!
//! Everything is checked when a [`Verifier`](crate::Verifier) is made of it,
//! before a port is bound.

use std::{collections::BTreeSet, path::PathBuf};

use extensions_tls::PeerName;
use extensions_types::{CallLabel, Kind, TenantId};
use serde::{Deserialize, Serialize};

use crate::{Algorithm, Audience};

/// Whose tokens are accepted, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySettings {
    /// The service that tokens must be meant for.
    #[serde(default = "runtime")]
    pub audience: Audience,
    /// Whether issuers marked `development` are accepted: `ext dev` only.
    #[serde(default)]
    pub allow_development: bool,
    /// How many verified tokens are remembered, of 1 KiB on average.
    #[serde(default = "cached_tokens")]
    pub cached_tokens: usize,
    /// Who may issue tokens.
    #[serde(default)]
    pub issuers: Vec<IssuerSettings>,
    /// Which services may call for which tenants.
    #[serde(default)]
    pub grants: Vec<GrantSettings>,
}

/// One issuer: its keys and what its tokens may claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// Where its public keys are fetched, again and again; or one of the next two.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// A JWKS file with its public keys.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The JWKS document itself.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Authorities of the server of `jwks_url`, a PEM file. None: those of the machine.
    #[serde(default)]
    pub jwks_ca_file: Option<PathBuf>,
    /// How often `jwks_url` is looked at, in seconds: a key that is withdrawn
    /// there is believed for at most so long.
    #[serde(default = "jwks_refresh_s")]
    pub jwks_refresh_s: u64,
    /// The algorithms that its keys may use.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The tenants that its tokens may name.
    pub tenants: Tenants,
    /// Whether it may issue `platform:operate`.
    #[serde(default)]
    pub may_operate: bool,
    /// Whether it may issue `invoke:delegate`.
    #[serde(default)]
    pub may_delegate: bool,
    /// Whether it may issue `compile`, the scope of compile workers.
    #[serde(default)]
    pub may_compile: bool,
    /// Its tokens count only over connections of a client whose certificate has
    /// one of these names. None: over any.
    #[serde(default)]
    pub client_names: Option<Vec<PeerName>>,
    /// Whether this is the issuer of `ext dev`.
    #[serde(default)]
    pub development: bool,
}

impl IssuerSettings {
    /// The issuer of an embedded platform on a developer's machine: every tenant, every scope.
    #[must_use]
    pub fn development(issuer: &str, jwks: String) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_url: None,
            jwks_file: None,
            jwks: Some(jwks),
            jwks_ca_file: None,
            jwks_refresh_s: jwks_refresh_s(),
            algorithms: algorithms(),
            tenants: Tenants::All,
            may_operate: true,
            may_delegate: true,
            may_compile: true,
            client_names: None,
            development: true,
        }
    }
}

impl IdentitySettings {
    /// Accepts the tokens of these issuers at a host; no grants.
    #[must_use]
    pub fn new(issuers: Vec<IssuerSettings>) -> Self {
        Self { audience: runtime(), allow_development: false, cached_tokens: cached_tokens(), issuers, grants: Vec::new() }
    }
}

/// One service that may call for others: a token of (issuer, subject) with
/// scope `invoke:delegate`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantSettings {
    /// The service's issuer.
    pub issuer: String,
    /// The service's `sub`.
    pub subject: CallLabel,
    /// The tenants that it may call for.
    pub tenants: Tenants,
    /// The kinds that it may call.
    pub kinds: BTreeSet<Kind>,
    /// The service's token counts only over connections of a client whose
    /// certificate has one of these names: a stolen one alone is worth nothing.
    #[serde(default)]
    pub client_names: Option<Vec<PeerName>>,
}

/// Which tenants something reaches: `"all"` or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TenantsText", into = "TenantsText")]
pub enum Tenants {
    /// Every tenant.
    All,
    /// These.
    Only(BTreeSet<TenantId>),
}

impl Tenants {
    /// Whether `tenant` is among them.
    #[must_use]
    pub fn contain(&self, tenant: &TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(tenant),
        }
    }

    /// Whether every tenant listed here is among `others`; `All` lists none.
    pub(crate) fn within(&self, others: &Self) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().all(|tenant| others.contain(tenant)),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"all\" or a list of tenant ids")]
enum TenantsText {
    Word(String),
    List(BTreeSet<TenantId>),
}

impl TryFrom<TenantsText> for Tenants {
    type Error = &'static str;
    fn try_from(text: TenantsText) -> Result<Self, Self::Error> {
        match text {
            TenantsText::Word(word) if word == "all" => Ok(Self::All),
            TenantsText::Word(_) => Err("tenants must be \"all\" or a list of tenant ids"),
            TenantsText::List(list) => Ok(Self::Only(list)),
        }
    }
}

impl From<Tenants> for TenantsText {
    fn from(tenants: Tenants) -> Self {
        match tenants {
            Tenants::All => Self::Word("all".to_owned()),
            Tenants::Only(list) => Self::List(list),
        }
    }
}

fn runtime() -> Audience {
    Audience::Runtime
}

fn algorithms() -> Vec<Algorithm> {
    vec![Algorithm::EdDsa]
}

/// Keys are rotated over days; a withdrawn one should end within minutes.
const fn jwks_refresh_s() -> u64 {
    300
}

/// At most 1 KiB each on average: room for every user of a busy host within a minute, in some 10 MiB.
fn cached_tokens() -> usize {
    10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_with_its_defaults() {
        let settings: IdentitySettings = toml::from_str(
            r#"
            [[issuers]]
            issuer = "https://id.example"
            jwks_file = "/etc/extensions/jwks.json"
            tenants = ["acme", "umbrella"]
            [[grants]]
            issuer = "https://id.example"
            subject = "orders"
            tenants = "all"
            kinds = ["domain_hook"]
            "#,
        )
        .unwrap();
        let issuer = &settings.issuers[0];
        assert_eq!((settings.audience, settings.allow_development), (Audience::Runtime, false));
        assert_eq!((issuer.may_operate, issuer.may_delegate, issuer.may_compile, issuer.development), (false, false, false, false));
        assert!(issuer.tenants.contain(&TenantId::parse("acme").unwrap()));
        assert!(!issuer.tenants.contain(&TenantId::parse("globex").unwrap()));
        assert_eq!(settings.grants[0].tenants, Tenants::All);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for wrong in [
            "audiance = 'extensions-runtime'",
            "audience = 'extensions'",
            "[[issuers]]\nissuer = 'a'\ntenants = 'every'",
            "[[issuers]]\nissuer = 'a'\ntenants = ['No Tenant']",
            "[[issuers]]\nissuer = 'a'",
            "[[issuers]]\nissuer = 'a'\ntenants = 'all'\nalgorithms = ['none']",
            "[[issuers]]\nissuer = 'a'\ntenants = 'all'\nalgorithms = ['HS256']",
            "[[grants]]\nissuer = 'a'\nsubject = 's'\ntenants = 'all'\nkinds = ['any']",
            "[[grants]]\nissuer = 'a'\nsubject = 's'\ntenants = 'all'",
            "[[grants]]\nissuer = 'a'\nsubject = 's'\ntenants = 'all'\nkinds = ['agent_tool']\nclient_names = ['*.example']",
            "[[issuers]]\nissuer = 'a'\ntenants = 'all'\nclient_names = 'orders.example'",
        ] {
            assert!(toml::from_str::<IdentitySettings>(wrong).is_err(), "{wrong}");
        }
    }
}
