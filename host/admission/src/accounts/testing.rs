//! Calls and definitions for the tests of this crate.

use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use bytes::Bytes;
use extensions_engine::{Call, DenyAll, Unobserved};
use extensions_fair::Payer;
use extensions_types::{
    Abi, ActorType, Build, CallLabel, Environment, ExecutionContext, ExtensionDefinition, ExtensionId, Manifest, RiskTier, Schemas, TenantId, Version,
};

pub(crate) fn context(tenant: &str, correlation: &str) -> Arc<ExecutionContext> {
    let label = |text: &str| CallLabel::parse(text).unwrap();
    Arc::new(ExecutionContext {
        tenant: TenantId::parse(tenant).unwrap(),
        org: Some(label("org-1")),
        user: label("u-1"),
        actor_type: ActorType::User,
        session: None,
        correlation: label(correlation),
        env: Environment::Dev,
        risk_ceiling: RiskTier::Medium,
        caller: label("orders"),
        hook_point: Some(label("BeforeCreateOrder")),
    })
}

pub(crate) fn call_of(tenant: &str, payer: Arc<dyn Payer>) -> Call {
    let (host_calls, observer) = (Arc::new(DenyAll), Arc::new(Unobserved));
    Call { context: context(tenant, "c-1"), input: Bytes::new(), accepted: Instant::now(), deadline: None, host_calls, payer, observer }
}

pub(crate) fn definition(tenant: &str, extension: &str) -> Arc<ExtensionDefinition> {
    static BASE: LazyLock<ExtensionDefinition> = LazyLock::new(base);
    let (tenant_id, id) = (TenantId::parse(tenant).unwrap(), ExtensionId::parse(extension).unwrap());
    Arc::new(ExtensionDefinition { tenant_id, id, ..BASE.clone() })
}

fn base() -> ExtensionDefinition {
    let manifest = Manifest::parse("id = \"rule\"\nkind = \"domain_hook\"\nlang = \"rust\"").unwrap();
    manifest.define(Build {
        tenant: TenantId::parse("acme").unwrap(),
        abi: Abi::Component,
        version: Version::new(3).unwrap(),
        digest: String::new(),
        schemas: Schemas::default(),
        tool: None,
        created_by: String::new(),
    })
}
