//! An environment's control: who may switch, and what is off then.

use extensions_registry_core::{
    Caller, Command, Decision, Event, Refusal,
    control::{Control, ControlAction, ControlChange, ControlEvent, SWITCHES_MAX, decide},
};
use extensions_types::{ControlSource, Environment, ExtensionId, Kind, RiskTier, Running, SwitchTarget, Version};
use proptest::prelude::*;

use crate::scene::{label, operator, person, registry, tenant, version};

#[derive(Debug, Clone)]
struct Desk {
    control: Control,
    events: Vec<ControlEvent>,
    keys: u64,
}

impl Desk {
    fn new() -> Self {
        Self { control: Control::new(Environment::Prod), events: Vec::new(), keys: 0 }
    }

    fn tell(&mut self, caller: &Caller, action: ControlAction, why: &str) -> Result<Decision<ControlChange>, Refusal> {
        self.keys += 1;
        let command = Command { id: label(&format!("key-{}", self.keys)), expected_seq: None, why: why.into(), from: None, action };
        self.run(caller, &command)
    }

    fn run(&mut self, caller: &Caller, command: &Command<ControlAction>) -> Result<Decision<ControlChange>, Refusal> {
        let decision = decide(&self.control, command, caller)?;
        if let Decision::Record(change) = &decision {
            let event = Event::new(self.control.state.applied_seq + 1, 5, command, caller, change.clone());
            self.control.apply(&event).unwrap();
            self.events.push(event);
        }
        Ok(decision)
    }

    fn refusal(&mut self, caller: &Caller, action: ControlAction, why: &str) -> String {
        self.tell(caller, action, why).unwrap_err().to_string()
    }

    fn is_off(&self, tenant_id: &str, number: u64) -> bool {
        let (tenant, extension) = (tenant(tenant_id), ExtensionId::parse("x").unwrap());
        let running = Running { tenant: &tenant, extension: &extension, version: version(number), kind: Kind::DomainHook, tier: RiskTier::Low };
        self.control.state.off(running, 0).is_some()
    }
}

fn acme() -> SwitchTarget {
    SwitchTarget::Tenant { tenant: tenant("acme") }
}

fn third() -> SwitchTarget {
    SwitchTarget::Version { tenant: tenant("acme"), extension: ExtensionId::parse("x").unwrap(), version: version(3) }
}

fn off(target: SwitchTarget) -> ControlAction {
    ControlAction::force_off(target, ControlSource::Operator)
}

fn lift(target: SwitchTarget) -> ControlAction {
    ControlAction::Lift { target, source: ControlSource::Operator }
}

#[test]
fn the_most_restrictive_wins_until_it_is_lifted_where_it_was_set() {
    let mut desk = Desk::new();
    assert!(matches!(desk.tell(&operator(), off(acme()), "abuse"), Ok(Decision::Record(_))));
    assert!(matches!(desk.tell(&operator(), off(third()), "loops"), Ok(Decision::Record(_))));
    assert_eq!(desk.tell(&operator(), off(acme()), "again"), Ok(Decision::AlreadySo));
    assert!(desk.is_off("acme", 1) && desk.is_off("acme", 3) && !desk.is_off("other", 3));
    assert!(matches!(desk.tell(&operator(), lift(acme()), ""), Ok(Decision::Record(_))));
    assert!(!desk.is_off("acme", 1) && desk.is_off("acme", 3), "the version stays off");
    assert_eq!(desk.tell(&operator(), lift(acme()), ""), Ok(Decision::AlreadySo));

    let from_file = ControlAction::force_off(third(), ControlSource::File);
    assert!(matches!(desk.tell(&registry(), from_file, "imported"), Ok(Decision::Record(_))));
    assert!(matches!(desk.tell(&operator(), lift(third()), ""), Ok(Decision::Record(_))));
    assert!(desk.is_off("acme", 3), "the file still holds it off");
    let lift_file = ControlAction::Lift { target: third(), source: ControlSource::File };
    assert!(matches!(desk.tell(&registry(), lift_file, ""), Ok(Decision::Record(_))));
    assert!(!desk.is_off("acme", 3));
}

#[test]
fn each_refusal_says_what_to_do() {
    let mut desk = Desk::new();
    let rows = [
        (
            person("ann", "author reviewer releaser viewer"),
            off(acme()),
            "why",
            "PERMISSION_DENIED: control needs a platform token with scope `platform:operate`; to switch off your own extension, disable it",
        ),
        (
            operator(),
            ControlAction::Lift { target: acme(), source: ControlSource::File },
            "",
            "PERMISSION_DENIED: this was set in a file that the registry imports; change it there",
        ),
        (registry(), off(acme()), "why", "PERMISSION_DENIED: only operators set and lift what is theirs"),
        (operator(), off(acme()), "  ", "BAD_REQUEST: forcing something off needs a reason for whoever finds it off; say why"),
    ];
    for (caller, action, why, text) in rows {
        assert_eq!(desk.refusal(&caller, action, why), text);
    }
    assert_eq!(desk.control, Control::new(Environment::Prod));
    assert_eq!(
        desk.refusal(&operator(), off(acme()), &"w".repeat(1_025)),
        "BAD_REQUEST: the reason has 1025 bytes, at most 1024 are kept; shorten it"
    );
}

#[test]
fn repeated_keys_and_seqs_are_checked() {
    let mut desk = Desk::new();
    let mut command = Command { id: label("k"), expected_seq: Some(0), why: "w".into(), from: None, action: off(acme()) };
    assert!(matches!(desk.run(&operator(), &command), Ok(Decision::Record(_))));
    assert_eq!(desk.run(&operator(), &command), Ok(Decision::Repeated { seq: 1, version: None }));
    command.why = "another".into();
    assert_eq!(
        desk.run(&operator(), &command).unwrap_err().to_string(),
        "CONFLICT: the idempotency key `k` was used for another command; send this one under a new key"
    );
    command.id = label("l");
    assert_eq!(
        desk.run(&operator(), &command).unwrap_err().to_string(),
        "CONFLICT: seq 0 was expected, the last event is 1; read again and decide anew"
    );
}

#[test]
fn switches_are_bounded() {
    let mut desk = Desk::new();
    let target = |number: usize| SwitchTarget::Tenant { tenant: tenant(&format!("t{number}")) };
    (0..SWITCHES_MAX).for_each(|number| assert!(desk.tell(&operator(), off(target(number)), "w").is_ok()));
    assert_eq!(
        desk.refusal(&operator(), off(target(SWITCHES_MAX)), "w"),
        "PRECONDITION: 1000 switches are set, as many as are kept; lift some, or force a tenant or a kind off as a whole"
    );
}

#[test]
fn hosts_read_the_state_and_pass_over_the_rest() {
    let mut desk = Desk::new();
    desk.tell(&operator(), off(third()), "loops").unwrap();
    let json = serde_json::to_string(&desk.control).unwrap();
    assert!(json.contains("\"recent\""));
    assert_eq!(serde_json::from_str::<extensions_types::ControlState>(&json).unwrap(), desk.control.state);
    assert_eq!(serde_json::from_str::<Control>(&json).unwrap(), desk.control);
    let gap = desk.events[0].clone();
    assert_eq!(
        desk.control.apply(&gap).unwrap_err().to_string(),
        "control event 1 does not follow event 1: the history has a gap or is out of order"
    );
}

fn any_target() -> impl Strategy<Value = SwitchTarget> {
    let x = || ExtensionId::parse("x").unwrap();
    prop_oneof![
        prop::sample::select(vec!["acme", "other"]).prop_map(|name| SwitchTarget::Tenant { tenant: tenant(name) }),
        Just(SwitchTarget::Extension { tenant: tenant("acme"), extension: x() }),
        (1u64..4).prop_map(move |number| SwitchTarget::Version { tenant: tenant("acme"), extension: x(), version: Version::new(number).unwrap() }),
        Just(SwitchTarget::Kind { kind: Kind::DomainHook }),
        Just(SwitchTarget::Tier { tier: RiskTier::Low }),
    ]
}

proptest! {
    /// Against a set of (target, source): what is in it is off.
    #[test]
    fn switches_are_a_set(steps in prop::collection::vec((any::<bool>(), any_target(), any::<bool>()), 0..40)) {
        let mut desk = Desk::new();
        let mut set = std::collections::BTreeSet::new();
        for (force, target, by_file) in steps {
            let (caller, source) = if by_file { (registry(), ControlSource::File) } else { (operator(), ControlSource::Operator) };
            let action = if force {
                ControlAction::force_off(target.clone(), source)
            } else {
                ControlAction::Lift { target: target.clone(), source }
            };
            let decision = desk.tell(&caller, action, "w").unwrap();
            let changed = if force { set.insert((target, source)) } else { set.remove(&(target, source)) };
            prop_assert_eq!(matches!(decision, Decision::Record(_)), changed);
            let held: Vec<_> = desk.control.state.switches.iter().map(|switch| (switch.target.clone(), switch.set.source)).collect();
            prop_assert_eq!(held, set.iter().cloned().collect::<Vec<_>>());
        }
        prop_assert_eq!(&Control::fold(Environment::Prod, &desk.events).unwrap(), &desk.control);
    }
}
