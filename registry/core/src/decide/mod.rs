//! What a command changes, or why it may not.
//!
//! In this order: whose extension and by what right, texts, whether the
//! command was answered before, whether the caller has seen the last event, and
//! then the rule of the action itself. Roles are checked here and nowhere else.

mod access;
mod build;
mod create;
mod lookup;
mod promote;
mod release;
mod retention;
mod review;
mod tier;
mod waiver;

use extensions_types::{CallLabel, ControlState, ErrorCode, Version};

pub use access::check_read;

use crate::{
    Action, Caller, Change, Command, Extension, Policy, Refusal, Repeat,
    bounds::{AUTHOR_COMMANDS_PER_DAY_MAX, COMMANDS_PER_DAY_MAX, FROM_BYTES_MAX, WHY_BYTES_MAX, check_text},
};

/// What a decision rests on beside the history.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The operators' settings.
    pub policy: &'a Policy,
    /// The control of the environment that the action names; none for actions
    /// that name none.
    pub control: Option<&'a ControlState>,
}

/// What becomes of a command that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<C = Change> {
    /// This is to be recorded.
    Record(C),
    /// It is so already: the command succeeds without an event.
    AlreadySo,
    /// The same command was recorded before: the same answer again.
    Repeated {
        /// The event that recorded it.
        seq: u64,
        /// The version that it concerned.
        version: Option<Version>,
    },
}

/// Decides on `command` of `caller`, after all of `state`'s history.
///
/// # Errors
/// Refuses by name; nothing is to be recorded then.
pub fn decide(state: &Extension, command: &Command, caller: &Caller, around: Surroundings<'_>) -> Result<Decision, Refusal> {
    access::check(state, &command.action, caller)?;
    check_texts(command)?;
    match state.recent.find(&caller.actor, &command.id, command.content()) {
        Some(Repeat::Same { seq, version }) => return Ok(Decision::Repeated { seq, version }),
        Some(Repeat::Other) => return Err(reused(&command.id)),
        None => {}
    }
    check_seen(command.expected_seq, state.applied_seq)?;
    check_pace(state, &command.action, caller)?;
    let case = Case { state, caller, around };
    case.change(command).map(|change| change.map_or(Decision::AlreadySo, Decision::Record))
}

/// One command's rules: none of their answers is no change.
type Ruling = Result<Option<Change>, Refusal>;

/// What every rule looks at.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    state: &'a Extension,
    caller: &'a Caller,
    around: Surroundings<'a>,
}

impl Case<'_> {
    fn change(&self, command: &Command) -> Ruling {
        match command.action {
            Action::CreateVersion(ref draft) => self.create(draft),
            Action::RequestCompile { version } => self.request_compile(version),
            Action::ReportBuilt { version, kind, risk_tier, ref built } => self.report_built(version, kind, risk_tier, built),
            Action::ReportFailed { version, attempt, ref findings } => self.report_failed(version, attempt, findings),
            Action::Submit { version, to } => self.submit(version, to),
            Action::Approve { version, to, digest } => self.approve(version, to, digest),
            Action::Reject { version, to } => self.reject(version, to, &command.why),
            Action::Promote { version, env } => self.promote(version, env),
            Action::RollBack { env, to } => self.roll_back(env, to),
            Action::Pin { env, ref pin, version } => self.pin(env, pin, version),
            Action::SetEnabled { env, enabled } => self.set_enabled(env, enabled),
            Action::Retire { version } => self.retire(version),
            Action::RequestWaiver { version, ref finding } => self.request_waiver(version, finding),
            Action::GrantWaiver { version, ref finding } => self.grant_waiver(version, finding),
            Action::LowerTier { to } => self.lower_tier(to),
            Action::DeleteSource { version } => self.delete_source(version),
            Action::DeleteVersion { version } => self.delete_version(version),
        }
    }
}

pub(crate) fn check_texts<A>(command: &Command<A>) -> Result<(), Refusal> {
    check_text("the reason", &command.why, WHY_BYTES_MAX)?;
    command.from.as_deref().map_or(Ok(()), |from| check_text("the caller's address", from, FROM_BYTES_MAX))
}

pub(crate) fn reused(id: &CallLabel) -> Refusal {
    Refusal::conflict(format!("the idempotency key `{id}` was used for another command; send this one under a new key"))
}

pub(crate) fn check_seen(expected: Option<u64>, applied: u64) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != applied => {
            Err(Refusal::conflict(format!("seq {expected} was expected, the last event is {applied}; read again and decide anew")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Keeps the state bounded: programs in a loop are stopped, and what stops them is not.
fn check_pace(state: &Extension, action: &Action, caller: &Caller) -> Result<(), Refusal> {
    let max = match access::right(action) {
        access::Right::Author => AUTHOR_COMMANDS_PER_DAY_MAX,
        access::Right::Reviewer | access::Right::Releaser => COMMANDS_PER_DAY_MAX,
        access::Right::Operator | access::Right::Registry => return Ok(()),
    };
    if access::is_tenant(caller) && state.recent.len() >= max {
        let text = format!("the extension has had {max} changes within 24 hours; stop whatever repeats them and try again later");
        return Err(Refusal::new(ErrorCode::QuotaExceeded, text));
    }
    Ok(())
}
