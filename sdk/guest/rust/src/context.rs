//! Who calls and where: read-only, without secrets.

pub use crate::bindings::imports::ameide::extensions::context::{ActorType, ExecutionContext as Context, RiskTier};

/// The context of the running call.
#[must_use]
pub fn context() -> Context {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::ameide::extensions::context::current();
    #[cfg(not(target_arch = "wasm32"))]
    test_context()
}

/// What an extension's own unit tests see.
#[cfg(not(target_arch = "wasm32"))]
fn test_context() -> Context {
    Context {
        tenant_id: "test".into(),
        org_id: String::new(),
        user_id: "test".into(),
        actor_type: ActorType::User,
        session_id: String::new(),
        correlation_id: "test".into(),
        env: "dev".into(),
        risk_tier: RiskTier::Low,
        extension_id: "test".into(),
        version: 1,
        hook_point: "test".into(),
        deadline_ms: 1_000,
    }
}
