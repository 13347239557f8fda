//! From the registry's messages to [`model`](super::model). What is not
//! understood is an error, never a guess.

use extensions_proto::v1;
use extensions_types::{Environment, ExtensionId, Finding, Origin, Version, VersionState};
use serde_json::Value;

use super::model::{
    Actor, Changed, Control, ControlDone, ControlPreview, EntryState, HistoryEvent, Pin, Place, Registered, Review, Upkept, Uploaded, VersionSummary,
    VersionWhole, Waiver,
};
use crate::InvokeError;

type Read<T> = Result<T, InvokeError>;

fn odd(field: &str) -> InvokeError {
    InvokeError::protocol(format!("{field} of the registry's answer is not understood; is this client older than the server?"))
}

/// A message that every answer has.
pub(super) fn needed<T>(field: &str, message: Option<T>) -> Read<T> {
    message.ok_or_else(|| odd(field))
}

pub(super) fn all<M, T>(messages: Vec<M>, read: impl Fn(M) -> Read<T>) -> Read<Vec<T>> {
    messages.into_iter().map(read).collect()
}

fn env(text: &str) -> Read<Environment> {
    text.parse().map_err(|_| odd("env"))
}

fn some_env(text: &str) -> Read<Option<Environment>> {
    if text.is_empty() { Ok(None) } else { env(text).map(Some) }
}

/// JSON in bytes; null where there are none.
fn json(field: &str, bytes: &[u8]) -> Read<Value> {
    if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(bytes).map_err(|_| odd(field)) }
}

fn state(number: i32) -> Read<Option<VersionState>> {
    use v1::VersionState as Wire;
    Ok(Some(match Wire::try_from(number).map_err(|_| odd("state"))? {
        Wire::Unspecified => return Ok(None),
        Wire::Draft => VersionState::Draft,
        Wire::InReview => VersionState::InReview,
        Wire::PromotedDev => VersionState::PromotedDev,
        Wire::PromotedStaging => VersionState::PromotedStaging,
        Wire::PromotedProd => VersionState::PromotedProd,
        Wire::Failed => VersionState::Failed,
        Wire::Rejected => VersionState::Rejected,
        Wire::Retired => VersionState::Retired,
    }))
}

fn origin(number: i32) -> Read<Option<Origin>> {
    Ok(match v1::Origin::try_from(number).map_err(|_| odd("origin"))? {
        v1::Origin::Unspecified => None,
        v1::Origin::Source => Some(Origin::Source),
        v1::Origin::Uploaded => Some(Origin::Uploaded),
    })
}

pub(super) fn changed(message: v1::ChangeResponse) -> Read<Changed> {
    Ok(Changed {
        seq: message.seq,
        changed: message.changed,
        version: Version::new(message.version),
        state: message.state.map(state).transpose()?.flatten(),
        entry: message.entry.map(entry).transpose()?,
    })
}

fn entry(message: v1::EntryState) -> Read<EntryState> {
    Ok(EntryState {
        env: env(&message.env)?,
        version: Version::new(message.version),
        digest: message.digest,
        enabled: message.enabled,
        last_good: Version::new(message.last_good),
        pins: all(message.pins, pin)?,
    })
}

fn pin(message: v1::PinState) -> Read<Pin> {
    let place = match needed("pin.place", message.place)? {
        v1::pin_state::Place::Caller(caller) => Place::Caller(caller),
        v1::pin_state::Place::HookPoint(point) => Place::HookPoint(point),
    };
    Ok(Pin { place, version: needed("pin.version", Version::new(message.version))? })
}

pub(super) fn registered(message: v1::RegisteredExtension) -> Read<Registered> {
    Ok(Registered {
        id: extension(&message.extension_id)?,
        kind: extensions_proto::kind(message.kind).ok().flatten().ok_or_else(|| odd("kind"))?,
        risk_tier: extensions_proto::risk_tier(message.risk_tier).ok().flatten().ok_or_else(|| odd("risk_tier"))?,
        tier_min: extensions_proto::risk_tier(message.tier_min).map_err(|_| odd("tier_min"))?,
        description: message.description,
        tags: message.tags,
        seq: message.seq,
        generation: message.generation,
        changed_at_ms: message.changed_at_ms,
        entries: all(message.entries, entry)?,
        versions: all(message.versions, summary)?,
        latest: message.latest.map(summary).transpose()?,
    })
}

fn summary(message: v1::VersionSummary) -> Read<VersionSummary> {
    Ok(VersionSummary {
        version: needed("version", Version::new(message.version))?,
        state: needed("state", state(message.state)?)?,
        built: message.built,
        origin: origin(message.origin)?,
        digest: message.digest,
        component_bytes: message.component_bytes,
        bundle_sha256: message.bundle_sha256,
        risk_tier: extensions_proto::risk_tier(message.risk_tier).map_err(|_| odd("risk_tier"))?,
        created_by: message.created_by.map(actor).transpose()?.unwrap_or_default(),
        created_at_ms: message.created_at_ms,
        findings: findings(message.findings),
        reviews: all(message.reviews, review)?,
        waivers: all(message.waivers, waiver)?,
        compiling: message.compiling,
        source_deleted: message.source_deleted,
    })
}

fn waiver(message: v1::Waiver) -> Read<Waiver> {
    let requested_by = message.requested_by.map(actor).transpose()?.unwrap_or_default();
    let granted_by = message.granted_by.map(actor).transpose()?;
    Ok(Waiver { finding: message.finding, place: message.place, reason: message.reason, requested_by, granted_by })
}

fn review(message: v1::Review) -> Read<Review> {
    Ok(Review {
        env: env(&message.env)?,
        approved_by: all(message.approved_by, actor)?,
        rejected_by: message.rejected_by.map(actor).transpose()?,
        rejected_why: message.rejected_why,
        approvals_needed: message.approvals_needed,
        open: message.open,
    })
}

fn actor(message: v1::Actor) -> Read<Actor> {
    let actor_type = extensions_proto::actor_type(message.actor_type).map_err(|_| odd("actor_type"))?;
    Ok(Actor { issuer: message.issuer, subject: message.subject, actor_type, acted_by: message.acted_by })
}

pub(super) fn findings(messages: Vec<v1::Finding>) -> Vec<Finding> {
    let finding = |v1::Finding { step, code, message, remedy, place }| Finding { step, code, message, place, remedy };
    messages.into_iter().map(finding).collect()
}

pub(super) fn whole(message: v1::GetVersionResponse) -> Read<VersionWhole> {
    Ok(VersionWhole {
        summary: summary(needed("summary", message.summary)?)?,
        definition: json("definition_json", &message.definition_json)?,
        evidence: json("evidence_json", &message.evidence_json)?,
        imports: message.imports,
        wit: message.wit,
    })
}

pub(super) fn uploaded(message: v1::UploadResponse) -> Read<Uploaded> {
    Ok(Uploaded { change: changed(needed("change", message.change)?)?, findings: findings(message.findings), digest: message.digest })
}

pub(super) fn event(message: v1::HistoryEvent) -> Read<HistoryEvent> {
    Ok(HistoryEvent {
        seq: message.seq,
        at_ms: message.at_ms,
        actor: message.actor.map(actor).transpose()?.unwrap_or_default(),
        from: message.from,
        why: message.why,
        change: message.change,
        version: Version::new(message.version),
        env: some_env(&message.env)?,
        detail: json("change_json", &message.change_json)?,
    })
}

pub(super) fn control(message: v1::GetControlResponse) -> Read<Control> {
    fn each<M, T: TryFrom<M>>(field: &'static str, messages: Vec<M>) -> Read<Vec<T>> {
        messages.into_iter().map(|message| T::try_from(message).map_err(|_| odd(field))).collect()
    }
    Ok(Control {
        seq: message.seq,
        generation: message.generation,
        switches: each("switches", message.switches)?,
        quotas: each("quotas", message.quotas)?,
        weights: each("weights", message.weights)?,
        policies: each("policies", message.policies)?,
        tightenings: each("tightenings", message.tightenings)?,
    })
}

pub(super) fn control_done(message: v1::ChangeControlResponse) -> Read<ControlDone> {
    let preview = message.preview.map(|preview| {
        Ok(ControlPreview {
            change: json("change_json", &preview.change_json)?,
            replaced: json("replaced_json", &preview.replaced_json)?,
            affected: preview.affected.iter().map(|of| format!("{}/{}", of.tenant_id, of.extension_id)).collect(),
            affected_total: preview.affected_total,
            affected_more: preview.affected_more,
        })
    });
    Ok(ControlDone { seq: message.seq, changed: message.changed, preview: preview.transpose()? })
}

pub(super) fn extension(text: &str) -> Read<ExtensionId> {
    text.parse().map_err(|_| odd("extension_id"))
}

pub(super) fn upkept(message: v1::UpkeepResponse) -> Upkept {
    Upkept { counts: message.counts.into_iter().collect(), problems: message.problems }
}
