//! The changes that are one decision: submit, decide, promote and their like.
//!
//! Nothing is decided here: a message becomes a command, the lifecycle says
//! what comes of it.

use extensions_proto::v1;
use extensions_registry_core::Action;
use extensions_types::Refusal;

use super::{Named, Service, about, parse};
use crate::{Call, call::bad, view::Changed};

/// Reads a request's fields into an action.
type Read = Result<Action, Refusal>;

impl Service {
    /// Asks for review of a built version for one environment.
    ///
    /// # Errors
    /// Refuses by name; so does every method here.
    pub async fn submit(&self, call: &Call, request: v1::SubmitRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::Submit { version: parse::version(request.version)?, to: parse::environment("to_env", &request.to_env)? });
        self.change(call, "Submit", request.command.as_ref(), action).await
    }

    /// Approves or rejects.
    #[allow(missing_docs, clippy::missing_errors_doc, reason = "as submit")]
    pub async fn decide(&self, call: &Call, request: v1::DecideRequest) -> Result<Changed, Refusal> {
        self.change(call, "Decide", request.command.as_ref(), || decision(&request)).await
    }

    /// Serves a version in an environment.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn promote(&self, call: &Call, request: v1::PromoteRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::Promote { version: parse::version(request.version)?, env: parse::environment("to_env", &request.to_env)? });
        self.change(call, "Promote", request.command.as_ref(), action).await
    }

    /// Serves an earlier version again.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn rollback(&self, call: &Call, request: v1::RollbackRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::RollBack { env: parse::environment("env", &request.env)?, to: parse::version(request.to_version)? });
        self.change(call, "Rollback", request.command.as_ref(), action).await
    }

    /// Pins a caller or a hook point to a version, or removes the pin.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn pin(&self, call: &Call, request: v1::PinRequest) -> Result<Changed, Refusal> {
        let action = || {
            let version = (request.version != 0).then(|| parse::version(request.version)).transpose()?;
            Ok(Action::Pin { env: parse::environment("env", &request.env)?, pin: parse::pin(request.place.clone())?, version })
        };
        self.change(call, "Pin", request.command.as_ref(), action).await
    }

    /// Switches an extension off or on in one environment.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn set_enabled(&self, call: &Call, request: v1::SetEnabledRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::SetEnabled { env: parse::environment("env", &request.env)?, enabled: request.enabled });
        self.change(call, "SetEnabled", request.command.as_ref(), action).await
    }

    /// Takes a version out of use for good.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn retire(&self, call: &Call, request: v1::RetireRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::Retire { version: parse::version(request.version)? });
        self.change(call, "Retire", request.command.as_ref(), action).await
    }

    /// Asks a reviewer to accept a finding.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn request_waiver(&self, call: &Call, request: v1::RequestWaiverRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::RequestWaiver { version: parse::version(request.version)?, finding: parse::label("finding", &request.finding)? });
        self.change(call, "RequestWaiver", request.command.as_ref(), action).await
    }

    /// Accepts it.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn grant_waiver(&self, call: &Call, request: v1::GrantWaiverRequest) -> Result<Changed, Refusal> {
        let action = || Ok(Action::GrantWaiver { version: parse::version(request.version)?, finding: parse::label("finding", &request.finding)? });
        self.change(call, "GrantWaiver", request.command.as_ref(), action).await
    }

    /// Lowers the tier that versions must at least have.
    #[allow(clippy::missing_errors_doc, reason = "as submit")]
    pub async fn lower_tier(&self, call: &Call, request: v1::LowerTierRequest) -> Result<Changed, Refusal> {
        let action = || {
            let to = parse::tier(request.tier)?.ok_or_else(|| bad("tier", &"name the tier: low, medium or high"))?;
            Ok(Action::LowerTier { to })
        };
        self.change(call, "LowerTier", request.command.as_ref(), action).await
    }

    async fn change(
        &self,
        call: &Call,
        operation: &'static str,
        command: Option<&v1::Command>,
        action: impl FnOnce() -> Read,
    ) -> Result<Changed, Refusal> {
        self.audited(call, named(operation, command), async {
            let asked = parse::Asked::of(call, command)?;
            let command = asked.command(action()?);
            let outcome = about(self.run(&asked.target, &command).await?, &command.action);
            Ok(Self::answer(&outcome, command.action.environment()))
        })
        .await
    }
}

pub(super) fn named<'r>(operation: &'static str, command: Option<&'r v1::Command>) -> Named<'r> {
    let (tenant, on) = command.map_or(("", ""), |command| (command.tenant_id.as_str(), command.extension_id.as_str()));
    Named { operation, tenant, on }
}

fn decision(request: &v1::DecideRequest) -> Read {
    let version = parse::version(request.version)?;
    let to = parse::environment("to_env", &request.to_env)?;
    match v1::Decision::try_from(request.decision) {
        Ok(v1::Decision::Approve) => {
            let digest = (!request.digest.is_empty()).then(|| parse::sha256("digest", &request.digest)).transpose()?;
            Ok(Action::Approve { version, to, digest })
        }
        Ok(v1::Decision::Reject) => Ok(Action::Reject { version, to }),
        Ok(v1::Decision::Unspecified) | Err(_) => Err(bad("decision", &"it must be approve or reject")),
    }
}
