//! The rules a second time, as one would check them on paper. Slow, short,
//! independent: it shares no state and no helper with what it judges.

mod facts;

use extensions_registry_core::{Action, Authority, Caller, Change, Role};
use extensions_types::{ActorType, Environment, RiskTier};

pub(crate) use facts::{Model, Shown};

/// What must become of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Refused,
    AlreadySo,
    Recorded,
}
use Verdict::{AlreadySo, Recorded, Refused};

impl Model<'_> {
    fn may(self, caller: &Caller, role: Role) -> bool {
        matches!(&caller.authority, Authority::Tenant { tenant, roles } if tenant.as_str() == "acme" && roles.contains(&role))
    }

    pub(crate) fn verdict(self, caller: &Caller, action: &Action) -> Verdict {
        use Environment::{Dev, Prod, Staging};
        let agent = caller.actor.actor_type == ActorType::Agent;
        let human = caller.actor.actor_type == ActorType::User && caller.actor.act.is_empty();
        let registry = caller.authority == Authority::Registry;
        let author = self.may(caller, Role::Author) && !(agent && action.version().and_then(|v| self.tier(v)) == Some(RiskTier::High));
        let reviewer = self.may(caller, Role::Reviewer) && human;
        let too_high = agent && action.version().is_some_and(|v| self.exists(v) && self.tier(v) == Some(RiskTier::High));
        let releaser = |env: Environment| self.may(caller, Role::Releaser) && !too_high && !(agent && env > Dev);
        let allowed = |allowed: bool, already: bool| match (allowed, already) {
            (false, _) => Refused,
            (true, true) => AlreadySo,
            (true, false) => Recorded,
        };
        match *action {
            Action::CreateVersion(ref draft) => {
                let tier = draft.about.risk_tier;
                allowed(self.may(caller, Role::Author) && !(agent && tier == RiskTier::High) && self.floor() <= Some(tier), false)
            }
            Action::RequestCompile { version } => {
                let source = !self.any(|change| matches!(*change, Change::SourceDeleted { version: deleted } if deleted == version));
                let requested = self.attempt(version).is_some() && !registry;
                allowed((author || registry) && self.is_usable(version) && source && !self.is_failed(version), requested || self.is_built(version))
            }
            Action::ReportBuilt { version, risk_tier, ref built, .. } => {
                let awaited = self.attempt(version) == Some(built.attempt) && !self.is_built(version) && !self.is_failed(version);
                let same = self.any(|change| matches!(change, Change::VersionBuilt { version: v, built: b } if *v == version && b == built));
                let fits = self.tier(version) == Some(risk_tier);
                allowed(registry && self.is_usable(version) && (same || awaited && fits), same)
            }
            Action::ReportFailed { version, attempt, .. } => {
                let awaited = self.attempt(version) == Some(attempt) && !self.is_built(version);
                allowed(registry && self.is_usable(version) && (awaited || self.is_failed(version)), self.is_failed(version))
            }
            Action::Submit { version, to } => {
                let fits = to != Dev && self.floor() <= self.tier(version);
                let open = !self.is_rejected(version, to);
                allowed(
                    author && self.is_usable(version) && self.passes(version) && fits && open,
                    self.is_submitted(version, to) || self.was_promoted(version, to),
                )
            }
            Action::Approve { version, to, digest } => {
                let bound = digest.is_none_or(|digest| digest == crate::scene::digest(version));
                let open = self.is_submitted(version, to) && !self.is_rejected(version, to);
                allowed(
                    reviewer && self.is_usable(version) && self.passes(version) && open && bound && self.is_impartial(caller, version, to),
                    self.approvers(version, to).contains(&caller.actor.person()),
                )
            }
            // Histories give every command a reason.
            Action::Reject { version, to } => {
                let rejected = self.is_rejected(version, to);
                let open = self.is_submitted(version, to) && (rejected || !self.was_promoted(version, to));
                allowed(reviewer && self.is_usable(version) && open, rejected)
            }
            Action::Promote { version, env } => {
                let already = self.current(env) == Some(version);
                let order = match env {
                    Dev => true,
                    Staging => self.was_promoted(version, Dev),
                    Prod => self.was_promoted(version, Staging),
                };
                let enough = || self.approvers(version, env).len() >= self.needed(version, env);
                let ready = self.is_usable(version) && self.passes(version) && (env == Dev || !self.open_waiver(version));
                let may = ready
                    && order
                    && !self.is_rejected(version, env)
                    && enough()
                    && self.floor() <= self.tier(version)
                    && !self.forced_off.contains(&(env, version));
                allowed(releaser(env) && (already || may), already)
            }
            Action::RollBack { env, to } => {
                let already = self.current(env) == Some(to);
                let may = self.is_usable(to) && self.has_served(env, to) && !self.forced_off.contains(&(env, to));
                allowed(releaser(env) && self.current(env).is_some() && (already || may), already)
            }
            Action::Pin { env, ref pin, version } => {
                let already = self.pins(env).get(pin).copied() == version;
                let may = version.is_none_or(|version| {
                    self.is_usable(version) && (already || self.has_served(env, version) && !self.forced_off.contains(&(env, version)))
                });
                allowed(releaser(env) && self.current(env).is_some() && may, already)
            }
            Action::SetEnabled { env, enabled } => allowed(releaser(env) && self.current(env).is_some(), self.is_enabled(env) == enabled),
            Action::Retire { version } => {
                let reached = Environment::ALL.iter().any(|&env| env > Dev && self.was_promoted(version, env));
                let needed = |env: Environment| self.current(env) == Some(version) || self.pins(env).values().any(|&pinned| pinned == version);
                let free = !Environment::ALL.iter().any(|&env| needed(env));
                let already = self.exists(version) && !self.is_usable(version);
                allowed(releaser(Dev) && self.exists(version) && !(agent && reached) && (already || free), already)
            }
            Action::RequestWaiver { version, ref finding } => {
                let asked = self.asked_waiver(version, finding);
                let promoted = self.was_promoted(version, Dev);
                allowed((author || registry) && self.is_usable(version) && !self.is_failed(version) && (asked || !promoted), asked)
            }
            Action::GrantWaiver { version, ref finding } => {
                let asked = self.asked_waiver(version, finding);
                let granted = self.any(|change| matches!(change, Change::WaiverGranted { version: v, finding: f } if *v == version && f == finding));
                allowed(reviewer && self.is_usable(version) && asked && self.is_impartial(caller, version, Prod), granted)
            }
            Action::LowerTier { to } => allowed(caller.authority == Authority::Operator && self.floor() >= Some(to), self.floor() == Some(to)),
            Action::DeleteSource { version } => {
                let gone = self.any(|change| matches!(*change, Change::SourceDeleted { version: deleted } if deleted == version));
                allowed(registry && self.exists(version) && !self.is_building(version), gone)
            }
            Action::DeleteVersion { version } => {
                let listed = |env: Environment| self.entry(env).is_some_and(|entry| entry.listed.contains(&version));
                let awaited = |env: Environment| {
                    let open = self.is_submitted(version, env) && !self.is_rejected(version, env) && !self.was_promoted(version, env);
                    open && self.is_usable(version)
                };
                let free = !Environment::ALL.iter().any(|&env| listed(env) || awaited(env)) && !self.is_building(version);
                let gone = self.is_deleted(version);
                allowed(registry && (gone || self.exists(version) && free), gone)
            }
        }
    }
}
