//! A call as it arrives: protobuf, its words, and the context that a token gives it.
//! Whatever is asked, the call runs for the token's own tenant and user.
#![no_main]

use std::sync::OnceLock;

use extensions_fuzz::{contained, principal};
use extensions_identity::Asked;
use extensions_proto::{
    actor_type, detail_of, kind, risk_tier,
    v1::{ExecutionContext, InvokeExtensionRequest, ListExtensionsRequest},
};
use extensions_types::{Environment, ExtensionId, VersionSelector};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

/// Ids of contexts, as the contract has it.
const LABEL_BYTES_MAX: usize = 128;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        let _ = detail_of(bytes);
        if let Ok(asked) = ListExtensionsRequest::decode(bytes) {
            let _ = kind(asked.kind);
        }
        let Ok(asked) = InvokeExtensionRequest::decode(bytes) else { return };
        assert_eq!(InvokeExtensionRequest::decode(&*asked.encode_to_vec()).as_ref(), Ok(&asked), "what was read is written and read again");
        if let Ok(id) = ExtensionId::parse(&asked.extension_id) {
            assert_eq!(id.as_str(), asked.extension_id, "never normalised");
        }
        if let Ok(VersionSelector::Exact(version)) = asked.version.parse() {
            assert_eq!(version.to_string(), asked.version);
        }
        let _ = extensions_json::check(&asked.input_json);
        runs_for_the_token(&asked);
    });
});

fn runs_for_the_token(asked: &InvokeExtensionRequest) {
    static PRINCIPAL: OnceLock<std::sync::Arc<extensions_identity::Principal>> = OnceLock::new();
    let none = ExecutionContext::default();
    let ctx = asked.ctx.as_ref().unwrap_or(&none);
    let (Ok(actor), Ok(tier)) = (actor_type(ctx.actor_type), risk_tier(ctx.risk_tier)) else { return };
    let asked = Asked {
        tenant_id: &ctx.tenant_id,
        org_id: &ctx.org_id,
        user_id: &ctx.user_id,
        actor_type: actor.map_or("", |actor| actor.as_str()),
        session_id: &ctx.session_id,
        correlation_id: &ctx.correlation_id,
        env: &ctx.env,
        risk_tier: tier.map_or("", |tier| tier.as_str()),
        caller: &asked.caller,
        hook_point: &asked.hook_point,
    };
    let Ok(context) = PRINCIPAL.get_or_init(principal).context(&asked, Environment::Dev) else { return };
    assert_eq!((context.tenant.as_str(), context.user.as_str(), context.env), ("acme", "ada", Environment::Dev));
    for label in [Some(&context.correlation), Some(&context.caller), context.session.as_ref(), context.hook_point.as_ref()].into_iter().flatten() {
        assert!(label.as_str().len() <= LABEL_BYTES_MAX && label.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{label}");
    }
}
