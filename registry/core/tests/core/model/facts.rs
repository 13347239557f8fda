//! What a history says: every question is asked of all of it, nothing is kept.

use std::collections::{BTreeMap, BTreeSet};

use extensions_registry_core::{Actor, Caller, Change, Event, Person, Pin};
use extensions_types::{CallLabel, Environment, RiskTier, Version};

/// A history and what operators force off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    pub(crate) events: &'a [Event],
    pub(crate) forced_off: &'a BTreeSet<(Environment, Version)>,
}

impl<'a> Model<'a> {
    pub(super) fn any(self, test: impl Fn(&Change) -> bool) -> bool {
        self.events.iter().any(|event| test(&event.change))
    }

    pub(super) fn last<T>(self, pick: impl Fn(&'a Event) -> Option<T>) -> Option<T> {
        self.events.iter().rev().find_map(pick)
    }

    pub(super) fn before(self, seq: u64) -> Self {
        Self { events: &self.events[..seq as usize - 1], ..self }
    }

    pub(super) fn tier(self, asked: Version) -> Option<RiskTier> {
        self.last(|event| match &event.change {
            Change::VersionCreated { version, draft } if *version == asked => Some(draft.about.risk_tier),
            _ => None,
        })
    }

    pub(super) fn exists(self, asked: Version) -> bool {
        self.tier(asked).is_some() && !self.is_deleted(asked)
    }

    pub(super) fn is_deleted(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionDeleted { version } if version == asked))
    }

    pub(super) fn is_usable(self, asked: Version) -> bool {
        self.exists(asked) && !self.any(|change| matches!(*change, Change::Retired { version } if version == asked))
    }

    pub(super) fn is_failed(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionFailed { version, .. } if version == asked))
    }

    pub(super) fn is_built(self, asked: Version) -> bool {
        self.any(|change| matches!(*change, Change::VersionBuilt { version, .. } if version == asked))
    }

    pub(super) fn passes(self, asked: Version) -> bool {
        self.any(|change| matches!(change, Change::VersionBuilt { version, built } if *version == asked && built.tests.failed == 0))
    }

    pub(super) fn attempt(self, asked: Version) -> Option<u32> {
        self.last(|event| match event.change {
            Change::CompileRequested { version, attempt } if version == asked => Some(attempt),
            _ => None,
        })
    }

    pub(super) fn was_promoted(self, asked: Version, to: Environment) -> bool {
        self.any(|change| matches!(*change, Change::Promoted { version, env, .. } if version == asked && env == to))
    }

    pub(super) fn is_submitted(self, asked: Version, env: Environment) -> bool {
        self.any(|change| matches!(*change, Change::ReviewSubmitted { version, to } if version == asked && to == env))
    }

    pub(super) fn is_rejected(self, asked: Version, env: Environment) -> bool {
        self.any(|change| matches!(*change, Change::Rejected { version, to } if version == asked && to == env))
    }

    pub(super) fn approvers(self, asked: Version, env: Environment) -> BTreeSet<Person> {
        let approved = |event: &Event| matches!(event.change, Change::Approved { version, to, .. } if version == asked && to == env);
        self.events.iter().filter(|event| approved(event)).map(|event| event.actor.person()).collect()
    }

    pub(super) fn needed(self, asked: Version, env: Environment) -> usize {
        let draft = self.events.iter().find_map(|event| match &event.change {
            Change::VersionCreated { version, draft } if *version == asked => Some(draft),
            _ => None,
        });
        let about = &draft.unwrap().about;
        let by_contract = usize::from(!about.answers_for.is_empty());
        if env == Environment::Dev { 0 } else { by_contract.max([0, 1, 2][about.risk_tier as usize]) }
    }

    /// Approved in the sense of "the last approved version".
    pub(super) fn is_approved(self, asked: Version, env: Environment) -> bool {
        let has = self.approvers(asked, env).len();
        self.exists(asked) && !self.is_rejected(asked, env) && has > 0 && has >= self.needed(asked, env)
    }

    /// Every version served by `at`, in the order of the events that made it current.
    pub(super) fn served(self, at: Environment) -> Vec<(u64, Version)> {
        let current = |event: &Event| match event.change {
            Change::Promoted { version, env, .. } if env == at => Some((event.seq, version)),
            Change::RolledBack { env, to, .. } if env == at => Some((event.seq, to)),
            _ => None,
        };
        self.events.iter().filter_map(current).collect()
    }

    pub(super) fn current(self, at: Environment) -> Option<Version> {
        self.served(at).last().map(|&(_, version)| version)
    }

    pub(super) fn has_served(self, at: Environment, asked: Version) -> bool {
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

    pub(super) fn pins(self, at: Environment) -> BTreeMap<&'a Pin, Version> {
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

    pub(super) fn is_enabled(self, at: Environment) -> bool {
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

    pub(super) fn open_waiver(self, asked: Version) -> bool {
        let granted = |wanted: &CallLabel| {
            self.any(|change| matches!(change, Change::WaiverGranted { version, finding } if *version == asked && finding == wanted))
        };
        self.any(|change| match change {
            Change::WaiverRequested { version, finding } => *version == asked && !granted(finding),
            Change::VersionBuilt { version, built } => *version == asked && built.waivers.iter().any(|waiver| !granted(&waiver.finding)),
            _ => false,
        })
    }

    /// By hand, or by a marker in the source.
    pub(super) fn asked_waiver(self, of: Version, wanted: &CallLabel) -> bool {
        self.any(|change| match change {
            Change::WaiverRequested { version, finding } => *version == of && finding == wanted,
            Change::VersionBuilt { version, built } => *version == of && built.waivers.iter().any(|waiver| waiver.finding == *wanted),
            _ => false,
        })
    }

    /// The tier that nothing new may fall below.
    pub(super) fn floor(self) -> Option<RiskTier> {
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
    pub(super) fn pushed(self, person: &Person) -> Option<Version> {
        let hands = |actor: &Actor| actor.hands().any(|hand| hand == *person);
        let pushed = |event: &Event| match event.change {
            Change::VersionCreated { version, .. } | Change::CompileRequested { version, .. } if hands(&event.actor) => Some(version),
            _ => None,
        };
        self.events.iter().filter_map(pushed).max()
    }

    pub(super) fn is_impartial(self, caller: &Caller, asked: Version, env: Environment) -> bool {
        let earlier = (1..asked.get()).rev().filter_map(Version::new);
        let approved = earlier.into_iter().find(|&version| self.is_approved(version, env));
        self.pushed(&caller.actor.person()) <= approved
    }

    pub(super) fn is_building(self, version: Version) -> bool {
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
