//! Random steps by a cast of callers: what histories are made of.

use extensions_registry_core::{Action, Authority, Built, Caller, Finding, Pin};
use extensions_types::{ActorType, Environment, FailureCause, Kind, RiskTier, TestCounts, Version};
use proptest::prelude::*;

use crate::scene::{agent, asked, built, caller, digest, draft, label, operator, person, registry, roles, tenant, through, version};

const EVERYTHING: &str = "author reviewer releaser";

pub(crate) fn cast() -> Vec<Caller> {
    let stranger = |mut caller: Caller| {
        let roles = match caller.authority {
            Authority::Tenant { roles, .. } => roles,
            other => panic!("{other:?}"),
        };
        caller.authority = Authority::Tenant { tenant: tenant("other"), roles };
        caller
    };
    vec![
        registry(),
        person("ann", "author releaser"),
        person("bob", EVERYTHING),
        person("ruth", "reviewer"),
        person("rolf", "reviewer releaser"),
        caller("other-idp", "ann", ActorType::User, roles("reviewer")),
        agent("bot", EVERYTHING),
        through(person("una", EVERYTHING), "bob"),
        caller("idp", "ci", ActorType::System, roles(EVERYTHING)),
        person("vera", "viewer"),
        operator(),
        stranger(person("ann", EVERYTHING)),
    ]
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Somebody asks for something.
    Ask { who: usize, action: Action },
    /// The first of these that anybody may ask for, by one who may.
    Rightly { who: usize, actions: Vec<Action> },
    /// A command of before again, as it was or with another reason.
    Again { which: usize, changed: bool },
    /// Whatever brings a version further, by whoever may: random commands
    /// alone seldom reach prod.
    Onward { number: u64, tier: RiskTier },
    /// An operator's switch.
    Force { env: Environment, number: u64, off: bool },
}

fn any_env() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::ALL)
}

fn any_tier() -> impl Strategy<Value = RiskTier> {
    prop::sample::select(RiskTier::ALL)
}

fn any_version() -> impl Strategy<Value = Version> {
    (1u64..5).prop_map(version)
}

fn any_pin() -> impl Strategy<Value = Pin> {
    prop_oneof![Just(Pin::Caller(label("a"))), Just(Pin::Caller(label("b"))), Just(Pin::HookPoint(label("a")))]
}

fn any_report() -> impl Strategy<Value = Action> {
    (any_version(), any_tier(), 1u32..3, prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(
        |(version, risk_tier, attempt, failing, asks)| {
            let tests = TestCounts { passed: 4, failed: u32::from(failing) };
            let waivers = if asks { vec![asked("f")] } else { Vec::new() };
            Action::ReportBuilt { version, kind: Kind::DomainHook, risk_tier, built: Built { tests, waivers, ..built(version, attempt) } }
        },
    )
}

fn any_failure() -> impl Strategy<Value = Action> {
    (any_version(), 1u32..3).prop_map(|(version, attempt)| {
        let finding = Finding::new("build", "rustc", "E0308", "");
        Action::ReportFailed { version, attempt, findings: vec![finding] }
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    let approved = (any_version(), any_env(), prop::option::weighted(0.3, any_version()));
    prop_oneof![
        2 => (any_tier(), prop::bool::weighted(0.3)).prop_map(|(tier, answers)| {
            let mut draft = draft(tier);
            draft.about.answers_for = answers.then_some(FailureCause::Trap).into_iter().collect();
            Action::CreateVersion(draft)
        }),
        3 => any_version().prop_map(|version| Action::RequestCompile { version }),
        3 => any_report(),
        1 => any_failure(),
        3 => (any_version(), any_env()).prop_map(|(version, to)| Action::Submit { version, to }),
        3 => approved.prop_map(|(version, to, read)| Action::Approve { version, to, digest: read.map(digest) }),
        3 => (any_version(), any_env()).prop_map(|(version, to)| Action::Reject { version, to }),
        4 => (any_version(), any_env()).prop_map(|(version, env)| Action::Promote { version, env }),
        5 => (any_version(), any_env()).prop_map(|(to, env)| Action::RollBack { env, to }),
        3 => (any_env(), any_pin(), prop::option::of(any_version())).prop_map(|(env, pin, version)| Action::Pin { env, pin, version }),
        2 => (any_env(), any::<bool>()).prop_map(|(env, enabled)| Action::SetEnabled { env, enabled }),
        1 => any_version().prop_map(|version| Action::Retire { version }),
        1 => any_version().prop_map(|version| Action::RequestWaiver { version, finding: label("f") }),
        3 => any_version().prop_map(|version| Action::GrantWaiver { version, finding: label("f") }),
        1 => any_tier().prop_map(|to| Action::LowerTier { to }),
        1 => any_version().prop_map(|version| Action::DeleteSource { version }),
        1 => any_version().prop_map(|version| Action::DeleteVersion { version }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = prop_oneof![4 => Just(0), 20 => 1..cast().len()];
    prop_oneof![
        10 => (who, any_action()).prop_map(|(who, action)| Step::Ask { who, action }),
        10 => (any::<usize>(), prop::collection::vec(any_action(), 5)).prop_map(|(who, actions)| Step::Rightly { who, actions }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, changed)| Step::Again { which, changed }),
        14 => (1u64..4, any_tier()).prop_map(|(number, tier)| Step::Onward { number, tier }),
        1 => (any_env(), 1u64..6, any::<bool>()).prop_map(|(env, number, off)| Step::Force { env, number, off }),
    ]
}

pub(crate) fn any_history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 0..120)
}
