//! Fields of messages into the platform's types; each refusal names its field.

use extensions_proto::v1;
use extensions_registry_core::{Command, Pin};
use extensions_types::{CallLabel, Environment, Kind, Origin, Refusal, RiskTier, Sha256, TenantId, Version};

use crate::{
    Call,
    call::{Target, bad},
};

/// A change's head, and what it is asked of.
pub(super) struct Asked {
    pub(super) target: Target,
    pub(super) id: CallLabel,
    pub(super) expected_seq: Option<u64>,
    pub(super) why: String,
    pub(super) from: String,
}

impl Asked {
    pub(super) fn of(call: &Call, command: Option<&v1::Command>) -> Result<Self, Refusal> {
        let command = command.ok_or_else(|| bad("command", &"it is missing; it names the extension and carries an idempotency key"))?;
        let target = call.target(&command.tenant_id, &command.extension_id)?;
        let id = key(&command.idempotency_key)?;
        Ok(Self { target, id, expected_seq: command.expected_seq, why: command.why.clone(), from: call.from.to_string() })
    }

    pub(super) fn command<A>(&self, action: A) -> Command<A> {
        Command { id: self.id.clone(), expected_seq: self.expected_seq, why: self.why.clone(), from: Some(self.from.clone()), action }
    }
}

pub(super) fn key(text: &str) -> Result<CallLabel, Refusal> {
    label("idempotency_key", text)
}

pub(super) fn label(field: &str, text: &str) -> Result<CallLabel, Refusal> {
    CallLabel::parse(text).map_err(|error| bad(field, &error))
}

pub(super) fn tenant(text: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(text).map_err(|error| bad("tenant_id", &error))
}

pub(super) fn version(number: u64) -> Result<Version, Refusal> {
    Version::new(number).ok_or_else(|| bad("version", &"versions count from 1"))
}

pub(super) fn environment(field: &str, text: &str) -> Result<Environment, Refusal> {
    text.parse().map_err(|error| bad(field, &error))
}

pub(super) fn sha256(field: &str, text: &str) -> Result<Sha256, Refusal> {
    text.parse().map_err(|error| bad(field, &error))
}

pub(super) fn kind(number: i32) -> Result<Option<Kind>, Refusal> {
    extensions_proto::kind(number).map_err(|error| bad("kind", &error))
}

pub(super) fn tier(number: i32) -> Result<Option<RiskTier>, Refusal> {
    extensions_proto::risk_tier(number).map_err(|error| bad("risk_tier", &error))
}

pub(super) fn origin(number: i32) -> Result<Origin, Refusal> {
    match v1::Origin::try_from(number) {
        Ok(v1::Origin::Source) => Ok(Origin::Source),
        Ok(v1::Origin::Uploaded) => Ok(Origin::Uploaded),
        Ok(v1::Origin::Unspecified) | Err(_) => Err(bad("origin", &"it must be source or uploaded")),
    }
}

pub(super) fn pin(place: Option<v1::pin_request::Place>) -> Result<Pin, Refusal> {
    match place {
        Some(v1::pin_request::Place::Caller(text)) => label("caller", &text).map(Pin::Caller),
        Some(v1::pin_request::Place::HookPoint(text)) => label("hook_point", &text).map(Pin::HookPoint),
        None => Err(bad("place", &"a pin is for one caller or one hook point; name it")),
    }
}
