//! `ext list`: what a server serves to the caller's tenant.

use std::time::Duration;

use extensions_types::Kind;
use serde_json::json;

use crate::{
    args::{Global, List},
    commands::server::Server,
    failure::Failure,
    say::Say,
};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(list: &List, global: &Global, say: &Say) -> Result<(), Failure> {
    let served = Server::of(global)?.grpc(TIMEOUT)?.list(list.kind.map(Kind::from)).await?;
    if served.is_empty() {
        say.note("nothing is served to this tenant");
    }
    for one in served {
        let value = json!({
            "extension_id": one.id, "kind": one.kind, "served_version": one.served_version, "risk_tier": one.risk_tier,
            "description": one.description, "tags": one.tags, "tool": one.tool.as_ref().map(|tool| &tool.name),
        });
        say.data(&value, format_args!("{:<24} {:<13} version {:<5} {:<7} {}", one.id, one.kind, one.served_version, one.risk_tier, one.description));
    }
    Ok(())
}
