//! The rules a second time, as one would check them on paper: every question
//! is asked of the whole history, nothing is kept. Slow, short, independent.

use std::collections::{BTreeMap, BTreeSet};

use extensions_registry_core::{Action, Actor, Authority, Caller, Change, Event, Person, Pin, Role};
use extensions_types::{ActorType, Environment, RiskTier, Version};

/// What must become of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Refused,
    AlreadySo,
    Recorded,
}
use Verdict::{AlreadySo, Recorded, Refused};

/// A history and what operators force off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    pub(crate) events: &'a [Event],
    pub(crate) forced_off: &'a BTreeSet<(Environment, Version)>,
}

impl<'a> Model<'a> {
    fn any(self, test: impl Fn(&Change) -> bool) -> bool {
        self.events.iter().any(|event| test(&event.change))
    }

    fn last<T>(self, pick: impl Fn(&'a Event) -> Option<T>) -> Option<T> {
        self.events.iter().rev().find_map(pick)
    }

    fn before(self, seq: u64) -> Self {
        Self { events: &self.events[..seq as usize - 1], ..self }
    }

    fn tier(self, asked: Version) -> Option<RiskTier> {
        self.last(|event| match &event.change {
            Change::VersionCreated { version, draft } if *version == asked => Some(draft.about.risk_tier),
            _ => None,
        })
    }

    fn exists(self, asked: Version) -> bool {
        self.tier(asked).is_some() && !self.is_deleted(asked)
    }

    fn is_deleted(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionDeleted { version } if version == asked))
    }

    fn is_usable(self, asked: Version) -> bool {
        self.exists(asked) && !self.any(|change| matches!(*change, Change::Retired { version } if version == asked))
    }

    fn is_failed(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionFailed { version, .. } if version == asked))
    }

    fn is_built(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionBuilt { version, .. } if version == asked))
    }

    fn passes(self, asked: Version) -> bool {
        self.any(|change| matches!(change, Change::VersionBuilt { version, built } if *version == asked && built.tests.failed == 0))
    }

    fn attempt(self, asked: Version) -> Option<u32> {
        self.last(|event| match event.change {
            Change::CompileRequested { version, attempt } if version == asked => Some(attempt),
            _ => None,
        })
    }

    fn was_promoted(self, asked: Version, to: Environment) -> bool {
        self.any(|change| matches!(*change, Change::Promoted { version, env, .. } if version == asked && env == to))
    }

    fn is_submitted(self, asked: Version, env: Environment) -> bool {
        self.any(|change| matches!(*change, Change::ReviewSubmitted { version, to } if version == asked && to == env))
    }

    fn is_rejected(self, asked: Version, env: Environment) -> bool {
        self.any(|change| matches!(*change, Change::Rejected { version, to } if version == asked && to == env))
    }

    fn approvers(self, asked: Version, env: Environment) -> BTreeSet<Person> {
        let approved = |event: &Event| matches!(event.change, Change::Approved { version, to, .. } if version == asked && to == env);
        self.events.iter().filter(|event| approved(event)).map(|event| event.actor.person()).collect()
    }

    fn needed(tier: RiskTier, env: Environment) -> usize {
        if env == Environment::Dev { 0 } else { [0, 1, 2][tier as usize] }
    }

    /// Approved in the sense of "the last approved version".
    fn is_approved(self, asked: Version, env: Environment) -> bool {
        let has = self.approvers(asked, env).len();
        self.exists(asked) && !self.is_rejected(asked, env) && has > 0 && has >= Self::needed(self.tier(asked).unwrap(), env)
    }

    /// Every version served by `at`, in the order of the events that made it current.
    fn served(self, at: Environment) -> Vec<(u64, Version)> {
        let current = |event: &Event| match event.change {
            Change::Promoted { version, env, .. } if env == at => Some((event.seq, version)),
            Change::RolledBack { env, to, .. } if env == at => Some((event.seq, to)),
            _ => None,
        };
        self.events.iter().filter_map(current).collect()
    }

    fn current(self, at: Environment) -> Option<Version> {
        self.served(at).last().map(|&(_, version)| version)
    }

    fn has_served(self, at: Environment, asked: Version) -> bool {
        self.served(at).iter().any(|&(_, version)| version == asked)
    }

    pub(crate) fn last_good(self, at: Environment) -> Option<Version> {
        let current = self.current(at)?;
        let good = |&&(seq, served): &&(u64, Version)| {
            let left_for_good =
                |event: &Event| event.seq > seq && matches!(event.change, Change::RolledBack { env, from, .. } if env == at && from == served);
            served != current && self.is_usable(served) && !self.events.iter().any(left_for_good)
        };
        self.served(at).iter().rev().find(good).map(|&(_, version)| version)
    }

    fn pins(self, at: Environment) -> BTreeMap<&'a Pin, Version> {
        let mut pins = BTreeMap::new();
        for event in self.events {
            match &event.change {
                Change::Pinned { env, pin, version: Some(version) } if *env == at => _ = pins.insert(pin, *version),
                Change::Pinned { env, pin, version: None } if *env == at => _ = pins.remove(pin),
                _ => {}
            }
        }
        pins
    }

    fn is_enabled(self, at: Environment) -> bool {
        let switched = |event: &Event| match event.change {
            Change::EnabledSet { env, enabled } if env == at => Some(enabled),
            _ => None,
        };
        self.last(switched).unwrap_or(true)
    }

    /// What an entry is: none where nothing was ever served.
    pub(crate) fn entry(self, at: Environment) -> Option<Shown> {
        let current = self.current(at)?;
        let pins: BTreeMap<_, _> = self.pins(at).into_iter().map(|(pin, version)| (pin.clone(), version)).collect();
        let listed = pins.values().copied().chain([current]).chain(self.last_good(at)).collect();
        Some(Shown { current, enabled: self.is_enabled(at), pins, last_good: self.last_good(at), listed })
    }

    fn open_waiver(self, asked: Version) -> bool {
        self.events.iter().any(|event| match &event.change {
            Change::WaiverRequested { version, finding } if *version == asked => {
                !self.any(|change| matches!(change, Change::WaiverGranted { version, finding: granted } if *version == asked && granted == finding))
            }
            _ => false,
        })
    }

    /// The tier that nothing new may fall below.
    fn floor(self) -> Option<RiskTier> {
        let mut floor = None;
        for event in self.events {
            match event.change {
                Change::Promoted { version, .. } => floor = floor.max(self.before(event.seq).tier(version)),
                Change::TierLowered { to, .. } => floor = Some(to),
                _ => {}
            }
        }
        floor
    }

    /// The highest version that this person had a hand in.
    fn pushed(self, person: &Person) -> Option<Version> {
        let hands = |actor: &Actor| actor.hands().any(|hand| hand == *person);
        let pushed = |event: &Event| match event.change {
            Change::VersionCreated { version, .. } | Change::CompileRequested { version, .. } if hands(&event.actor) => Some(version),
            _ => None,
        };
        self.events.iter().filter_map(pushed).max()
    }

    fn is_impartial(self, caller: &Caller, asked: Version, env: Environment) -> bool {
        let earlier = (1..asked.get()).rev().filter_map(Version::new);
        let approved = earlier.into_iter().find(|&version| self.is_approved(version, env));
        self.pushed(&caller.actor.person()) <= approved
    }

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
                let enough = || self.approvers(version, env).len() >= Self::needed(self.tier(version).unwrap(), env);
                let ready = self.is_usable(version) && self.passes(version) && !self.open_waiver(version);
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
                let asked = self.any(|change| matches!(change, Change::WaiverRequested { version: v, finding: f } if *v == version && f == finding));
                let promoted = self.was_promoted(version, Dev);
                allowed((author || registry) && self.is_usable(version) && !self.is_failed(version) && (asked || !promoted), asked)
            }
            Action::GrantWaiver { version, ref finding } => {
                let asked = self.any(|change| matches!(change, Change::WaiverRequested { version: v, finding: f } if *v == version && f == finding));
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

    fn is_building(self, version: Version) -> bool {
        self.is_usable(version) && self.attempt(version).is_some() && !self.is_built(version) && !self.is_failed(version)
    }
}

/// An entry, as far as it follows from events alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) current: Version,
    pub(crate) enabled: bool,
    pub(crate) pins: BTreeMap<Pin, Version>,
    pub(crate) last_good: Option<Version>,
    pub(crate) listed: BTreeSet<Version>,
}
