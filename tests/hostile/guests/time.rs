//! Guests that do not end.

use extensions_test_support::Guest;
use extensions_types::Kind;

use super::variant::{hook, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] =
    &[Attack { name: "spin", about: "a loop that never ends, wherever a guest has the processor", run: |stage| Box::pin(rows(stage, spin())) }];

/// A CPU limit that is soon reached, and a wall limit that is never.
const CPU: &str = "[limits]\ncpu_millis = 20\ntimeout_ms = 30000\n";
const SPIN: &str = "(loop $again (br $again)) (unreachable)";

fn spin() -> Vec<super::variant::Variant> {
    let start = hook("(unreachable)").fields(&format!("(func $init {SPIN}) (start $init)"));
    let post = Guest::answering(Kind::ProcessHook, "{}").fields(&format!("(func (export \"cabi_post_run\") (param i32) {SPIN})"));
    vec![
        variant("in the function", &hook(SPIN), "CPU_LIMIT").manifest(CPU),
        variant("in start", &start, "CPU_LIMIT").manifest(CPU),
        variant("in realloc", &Guest::answering(Kind::ProcessHook, "{}").realloc(SPIN), "CPU_LIMIT").manifest(CPU),
        variant("in post-return", &post, "CPU_LIMIT").manifest(CPU),
        variant("as a tool", &Guest::new(Kind::AgentTool, SPIN), "CPU_LIMIT").manifest(CPU).kind(Kind::AgentTool),
        variant("as a domain hook", &Guest::new(Kind::DomainHook, SPIN), "CPU_LIMIT").manifest(CPU).kind(Kind::DomainHook),
    ]
}
