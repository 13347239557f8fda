//! A hostile component as one row: served, called twice, and every bound looked at.

use std::time::Duration;

use extensions_client::{Context, Invoke};
use extensions_test_support::{Guest, PlainGuest, log};
use extensions_types::{Abi, Kind, Limits};

use crate::{
    attack::Row,
    call::{Told, not_public},
    stage::Stage,
};

/// A guest that is stopped may overrun its CPU limit by a late tick and by one
/// bulk instruction over its memory; on a crowded machine ticks come late.
const CPU_OVERRUN_MAX: Duration = Duration::from_millis(250);

/// A component and what its caller is told.
#[derive(Debug)]
pub(crate) struct Variant {
    what: String,
    abi: Abi,
    kind: Kind,
    manifest: String,
    component: Vec<u8>,
    expected: String,
    /// What its public text must contain.
    says: &'static str,
}

/// A process hook under the default limits.
pub(crate) fn variant(what: impl Into<String>, guest: &Guest, expected: impl Into<String>) -> Variant {
    component(what, guest.component(), expected)
}

/// The same of a whole component.
pub(crate) fn component(what: impl Into<String>, component: Vec<u8>, expected: impl Into<String>) -> Variant {
    let (abi, kind) = (Abi::Component, Kind::ProcessHook);
    Variant { what: what.into(), abi, kind, manifest: String::new(), component, expected: expected.into(), says: "" }
}

/// The same by a module of the plain ABI.
pub(crate) fn plain(what: impl Into<String>, guest: &PlainGuest, expected: impl Into<String>) -> Variant {
    Variant { abi: Abi::Plain, ..component(what, guest.component(), expected) }
}

/// The same of a wrapped module.
pub(crate) fn plain_component(what: impl Into<String>, bytes: Vec<u8>, expected: impl Into<String>) -> Variant {
    Variant { abi: Abi::Plain, ..component(what, bytes, expected) }
}

/// A process hook with a body.
pub(crate) fn hook(body: &str) -> Guest {
    Guest::new(Kind::ProcessHook, body)
}

impl Variant {
    /// More keys of extension.toml.
    pub(crate) fn manifest(self, manifest: impl Into<String>) -> Self {
        Self { manifest: manifest.into(), ..self }
    }

    pub(crate) fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    pub(crate) fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Serves and calls it; both calls are told the same.
    async fn row(self, stage: &Stage, at: usize) -> Row {
        let Self { what, abi, kind, manifest, component, expected, says } = self;
        let id = format!("variant-{at}");
        let manifest = patient(&manifest);
        let served = match abi {
            Abi::Component => stage.platform.serve(&stage.attacker, &id, kind, &manifest, component),
            Abi::Plain => stage.platform.serve_plain(&stage.attacker, &id, kind, &manifest, component),
        };
        // A refused one is refused again when it is called, by its code.
        let _ = stage.platform.load(&served).await;
        let mut got = String::new();
        for time in ["first", "second"] {
            let correlation = format!("{}-{id}-{time}", stage.attacker);
            let told = stage.invoke(Invoke::new(&id).context(Context::new().correlation(&correlation))).await;
            let mut wrong = wrong(&told, &served.definition.limits);
            if !told.message.contains(says) {
                wrong.push(format!("its text does not say `{says}`"));
            }
            logged(&correlation, &told.code).await;
            got = if expected == "OK" { told.code.clone() } else { told.answer() };
            if got != expected || !wrong.is_empty() {
                got = format!("{got} ({time} time; {}{})", told.message, wrong.join("; "));
                break;
            }
        }
        Row::new(what, expected, got)
    }
}

/// What holds of every call, whatever its guest does.
fn wrong(told: &Told, limits: &Limits) -> Vec<String> {
    let mut wrong = Vec::from_iter(not_public(&told.message));
    if let Some(stats) = &told.stats {
        if stats.cpu > limits.cpu() + CPU_OVERRUN_MAX {
            wrong.push(format!("{:?} of CPU", stats.cpu));
        }
        if stats.memory_peak_bytes > limits.memory_bytes() as u64 {
            wrong.push(format!("a peak of {} bytes", stats.memory_peak_bytes));
        }
    }
    wrong
}

/// The host's log has a line of the call with its code.
async fn logged(correlation: &str, code: &str) {
    if !code.starts_with("OK") {
        log::line(|line| line["correlation_id"] == correlation && line["error_code"] == code).await;
    }
}

/// Runs each variant.
pub(crate) async fn rows(stage: &Stage, variants: Vec<Variant>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, variant) in variants.into_iter().enumerate() {
        rows.push(variant.row(stage, at).await);
    }
    rows
}

/// On a crowded machine a long call may wait for its turn longer than the
/// default wall limit: only attacks on time have one of their own.
fn patient(manifest: &str) -> String {
    const LIMITS: &str = "[limits]\n";
    const PATIENCE: &str = "[limits]\ntimeout_ms = 30000\n";
    if manifest.contains("timeout_ms") {
        manifest.to_owned()
    } else if manifest.contains(LIMITS) {
        manifest.replace(LIMITS, PATIENCE)
    } else {
        format!("{manifest}{PATIENCE}")
    }
}
