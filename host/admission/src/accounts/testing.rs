//! Calls and definitions for the tests of this crate.

use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use bytes::Bytes;
use extensions_engine::{Call, DenyAll, Unobserved};
use extensions_fair::Payer;
use extensions_types::{ActorType, CallLabel, Environment, ExecutionContext, ExtensionDefinition, ExtensionId, Limits, RiskTier, TenantId};

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
    static BASE: LazyLock<ExtensionDefinition> = LazyLock::new(|| serde_json::from_value(base()).unwrap());
    let (tenant_id, id) = (TenantId::parse(tenant).unwrap(), ExtensionId::parse(extension).unwrap());
    Arc::new(ExtensionDefinition { tenant_id, id, ..BASE.clone() })
}

fn base() -> serde_json::Value {
    serde_json::json!({
        "schema": 1,
        "id": "rule",
        "tenant_id": "acme",
        "kind": "domain_hook",
        "abi": "component",
        "version": 3,
        "digest": "00",
        "limits": Limits::default(),
        "risk_tier": "low",
    })
}
