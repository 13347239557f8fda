//! Control beyond switches: quotas, weights, policies, times, and files that hold them.

use std::collections::{BTreeMap, BTreeSet};

use extensions_registry_core::{
    Caller, Command, Decision, Event, Refusal,
    control::{Control, ControlAction, ControlChange, ControlEvent, POLICY_METHODS_MAX, Wanted, WantedPolicy, WantedSwitch, decide},
};
use extensions_types::{
    ControlScope, ControlSource, Environment, ExtensionId, FailureCause, HostCallName, PolicyMode, Provenance, QuotaLimits, RiskTier, SwitchTarget,
    Weight,
};
use proptest::prelude::*;

use crate::scene::{label, operator, registry, tenant};

const AT_MS: u64 = 1_000;

#[derive(Debug, Clone)]
struct Desk {
    control: Control,
    events: Vec<ControlEvent>,
}

impl Desk {
    fn new() -> Self {
        Self { control: Control::new(Environment::Prod), events: Vec::new() }
    }

    fn tell(&mut self, action: ControlAction, why: &str) -> Result<Decision<ControlChange>, Refusal> {
        let caller = match action.source() {
            ControlSource::Operator => operator(),
            ControlSource::File => registry(),
        };
        self.tell_as(&caller, action, why)
    }

    fn tell_as(&mut self, caller: &Caller, action: ControlAction, why: &str) -> Result<Decision<ControlChange>, Refusal> {
        let id = label(&format!("key-{}", self.events.len()));
        let command = Command { id, expected_seq: None, why: why.into(), from: None, action };
        let decision = decide(&self.control, &command, caller)?;
        if let Decision::Record(change) = &decision {
            let event = Event::new(self.control.state.applied_seq + 1, AT_MS, &command, caller, change.clone());
            self.control.apply(&event).unwrap();
            self.events.push(event);
        }
        Ok(decision)
    }

    fn import(&mut self, wanted: &Wanted) -> usize {
        let steps = wanted.steps(&self.control, AT_MS);
        let count = steps.len();
        for (action, why) in steps {
            assert!(matches!(self.tell(action, &why), Ok(Decision::Record(_))), "a step changes something");
        }
        count
    }
}

fn low() -> SwitchTarget {
    SwitchTarget::Tier { tier: RiskTier::Low }
}

fn off(until_ms: Option<u64>, abort: bool) -> ControlAction {
    ControlAction::ForceOff { target: low(), source: ControlSource::Operator, until_ms, abort }
}

fn limits(concurrency: u32) -> QuotaLimits {
    QuotaLimits { concurrency: Some(concurrency), ..QuotaLimits::default() }
}

#[test]
fn a_switch_is_set_anew_where_its_end_or_abort_differs() {
    let mut desk = Desk::new();
    for (until_ms, abort) in [(None, false), (Some(9), false), (Some(9), true), (None, true)] {
        assert!(matches!(desk.tell(off(until_ms, abort), "w"), Ok(Decision::Record(_))));
        assert_eq!(desk.tell(off(until_ms, abort), "again"), Ok(Decision::AlreadySo));
    }
    let [held] = &desk.control.state.switches[..] else { panic!("one target, one source") };
    assert_eq!((held.until_ms, held.abort, held.set.who.as_str(), held.set.seq), (None, true, "olga", 4));
}

#[test]
fn a_switch_is_cleared_away_only_at_the_end_that_was_seen() {
    let mut desk = Desk::new();
    let expire = |until_ms| ControlAction::Expire { target: low(), source: ControlSource::Operator, until_ms };
    desk.tell(off(Some(9), false), "w").unwrap();
    assert!(desk.tell_as(&operator(), expire(9), "").unwrap_err().text.contains("lift this one"));
    assert_eq!(desk.tell_as(&registry(), expire(8), ""), Ok(Decision::AlreadySo));
    desk.tell(off(Some(20), false), "longer").unwrap();
    assert_eq!(desk.tell_as(&registry(), expire(9), ""), Ok(Decision::AlreadySo), "it was extended meanwhile");
    assert!(matches!(desk.tell_as(&registry(), expire(20), ""), Ok(Decision::Record(ControlChange::Expired { .. }))));
    assert!(desk.control.state.switches.is_empty());
}

#[test]
fn nonsense_is_refused_by_name() {
    let mut desk = Desk::new();
    let target = ControlScope::Environment;
    let quota = |limits| ControlAction::SetQuota { target: target.clone(), source: ControlSource::Operator, limits };
    let text = |refusal: Result<_, Refusal>| refusal.map(|_: Decision<ControlChange>| ()).unwrap_err().to_string();
    assert_eq!(text(desk.tell(quota(limits(0)), "w")), "BAD_REQUEST: `concurrency` is 0, which lets nothing through; switch it off instead");
    assert_eq!(text(desk.tell(quota(QuotaLimits::default()), "w")), "BAD_REQUEST: a quota limits something; to limit nothing, clear it");
    let methods = (0..=POLICY_METHODS_MAX).map(|number| HostCallName::parse(&format!("a.m{number}")).unwrap()).collect();
    let policy =
        ControlAction::SetPolicy { name: label("base"), source: ControlSource::Operator, target: target.clone(), mode: PolicyMode::Enforce, methods };
    assert_eq!(text(desk.tell(policy, "w")), "BAD_REQUEST: policy `base` lists 129 methods, at most 128 are kept; split it");
    let none = ControlAction::Tighten { target: target.clone(), source: ControlSource::Operator, causes: BTreeSet::new() };
    assert_eq!(text(desk.tell(none, "w")), "BAD_REQUEST: a tightening denies at least one cause; to deny none, clear it");
    let of_file = ControlAction::ClearQuota { target, source: ControlSource::File };
    assert_eq!(text(desk.tell_as(&operator(), of_file, "")), "PERMISSION_DENIED: this was set in a file that the registry imports; change it there");
    assert_eq!(desk.control, Control::new(Environment::Prod));
}

/// What the first release wrote, read and gone on with.
#[test]
fn documents_of_before_are_read() {
    let stored = r#"{"schema":1,"env":"prod","generation":2,"applied_seq":7,"switches":[{"target":{"of":"tier","tier":"low"},"source":"operator","why":"drill","seq":7,"at_ms":5}],"recent":[]}"#;
    let control: Control = serde_json::from_str(stored).unwrap();
    let set = Provenance::new(ControlSource::Operator, "drill", 7, 5);
    assert_eq!((&control.state.switches[0].set, control.state.order()), (&set, (2, 7)));
    assert_eq!(serde_json::to_string(&control).unwrap(), stored, "nothing is added to what nobody set");
    let mut desk = Desk { control, events: Vec::new() };
    assert_eq!(desk.tell(off(None, false), "w"), Ok(Decision::AlreadySo));
    assert!(matches!(desk.tell(ControlAction::Lift { target: low(), source: ControlSource::Operator }, ""), Ok(Decision::Record(_))));
}

/// A repeated command of before is known again: its content did not change its form.
#[test]
fn commands_of_before_keep_their_content() {
    let content = |action: &ControlAction| serde_json::to_string(action).unwrap();
    assert_eq!(content(&off(None, false)), r#"{"action":"force_off","target":{"of":"tier","tier":"low"},"source":"operator"}"#);
}

#[test]
fn a_switch_of_a_file_that_is_over_is_no_longer_wanted() {
    let mut desk = Desk::new();
    let switch = |until_ms| WantedSwitch { why: "drill".into(), until_ms, abort: false };
    let wanted = |until_ms| Wanted { switches: BTreeMap::from([(low(), switch(until_ms))]), ..Wanted::default() };
    assert_eq!(desk.import(&wanted(Some(AT_MS))), 0);
    assert_eq!(desk.import(&wanted(Some(AT_MS + 1))), 1);
    assert_eq!(wanted(Some(AT_MS + 1)).steps(&desk.control, AT_MS + 1).len(), 1, "it is taken away when its time has come");
}

fn scope() -> impl Strategy<Value = ControlScope> {
    let x = ExtensionId::parse("x").unwrap();
    prop::sample::select(vec![
        ControlScope::Environment,
        ControlScope::Tenant { tenant: tenant("acme") },
        ControlScope::Extension { tenant: tenant("acme"), extension: x },
    ])
}

fn causes() -> impl Strategy<Value = BTreeSet<FailureCause>> {
    prop::collection::btree_set(prop::sample::select(vec![FailureCause::Trap, FailureCause::Quota]), 1..3)
}

fn action() -> impl Strategy<Value = ControlAction> {
    let source = || prop::sample::select(vec![ControlSource::Operator, ControlSource::File]);
    let name = || prop::sample::select(vec!["base", "more"]).prop_map(label);
    prop_oneof![
        (source(), prop::option::of(2_000..2_003u64), any::<bool>()).prop_map(|(source, until_ms, abort)| ControlAction::ForceOff {
            target: low(),
            source,
            until_ms,
            abort
        }),
        source().prop_map(|source| ControlAction::Lift { target: low(), source }),
        (scope(), source(), 1..4u32).prop_map(|(target, source, most)| ControlAction::SetQuota { target, source, limits: limits(most) }),
        (scope(), source()).prop_map(|(target, source)| ControlAction::ClearQuota { target, source }),
        (source(), 1..4u32)
            .prop_map(|(source, weight)| { ControlAction::SetWeight { tenant: tenant("acme"), source, weight: Weight::new(weight).unwrap() } }),
        source().prop_map(|source| ControlAction::ClearWeight { tenant: tenant("acme"), source }),
        (name(), source(), scope(), any::<bool>()).prop_map(|(name, source, target, enforce)| {
            let mode = if enforce { PolicyMode::Enforce } else { PolicyMode::Observe };
            ControlAction::SetPolicy { name, source, target, mode, methods: [HostCallName::parse("orders.get").unwrap()].into() }
        }),
        (name(), source()).prop_map(|(name, source)| ControlAction::ClearPolicy { name, source }),
        (scope(), source(), causes()).prop_map(|(target, source, causes)| ControlAction::Tighten { target, source, causes }),
        (scope(), source()).prop_map(|(target, source)| ControlAction::Loosen { target, source }),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let switch = (prop::option::of(500..1_500u64), any::<bool>()).prop_map(|(until_ms, abort)| WantedSwitch { why: "f".into(), until_ms, abort });
    let policy = (scope(), any::<bool>()).prop_map(|(target, enforce)| WantedPolicy {
        why: "f".into(),
        target,
        mode: if enforce { PolicyMode::Enforce } else { PolicyMode::Observe },
        methods: [HostCallName::parse("orders.get").unwrap()].into(),
    });
    (
        prop::option::of(switch),
        prop::collection::btree_map(scope(), (1..4u32).prop_map(|most| (limits(most), "f".to_owned())), 0..3),
        prop::option::of(1..4u32),
        prop::collection::btree_map(prop::sample::select(vec!["base", "more"]).prop_map(label), policy, 0..3),
        prop::collection::btree_map(scope(), causes().prop_map(|causes| (causes, "f".to_owned())), 0..3),
    )
        .prop_map(|(switch, quotas, weight, policies, tightenings)| Wanted {
            switches: switch.map(|switch| (low(), switch)).into_iter().collect(),
            quotas,
            weights: weight.map(|weight| (tenant("acme"), (Weight::new(weight).unwrap(), "f".to_owned()))).into_iter().collect(),
            policies,
            tightenings,
        })
}

/// What one source has set, as text.
fn held_by(control: &Control, source: ControlSource) -> String {
    let mut state = control.state.clone();
    state.switches.retain(|one| one.set.source == source);
    state.quotas.retain(|one| one.set.source == source);
    state.weights.retain(|one| one.set.source == source);
    state.policies.retain(|one| one.set.source == source);
    state.tightenings.retain(|one| one.set.source == source);
    format!("{:?} {:?} {:?} {:?} {:?}", state.switches, state.quotas, state.weights, state.policies, state.tightenings)
}

proptest! {
    /// Each source's things are its own; a repetition changes nothing; the
    /// history alone gives the state, whole or from any point on.
    #[test]
    fn a_history_gives_its_state(actions in prop::collection::vec(action(), 0..40), cut in 0..40usize) {
        let mut desk = Desk::new();
        let mut half = desk.control.clone();
        for (at, action) in actions.into_iter().enumerate() {
            let others = match action.source() { ControlSource::Operator => ControlSource::File, ControlSource::File => ControlSource::Operator };
            let before = held_by(&desk.control, others);
            desk.tell(action.clone(), "w").unwrap();
            prop_assert_eq!(held_by(&desk.control, others), before);
            prop_assert_eq!(desk.tell(action, "w"), Ok(Decision::AlreadySo));
            if at < cut {
                half = desk.control.clone();
            }
        }
        prop_assert_eq!(&Control::fold(Environment::Prod, &desk.events).unwrap(), &desk.control);
        // A state that was stored on the way, read back and brought up to date.
        let mut read: Control = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        let from = read.state.applied_seq;
        desk.events.iter().filter(|event| event.seq > from).for_each(|event| read.apply(event).unwrap());
        prop_assert_eq!(&read, &desk.control);
    }

    /// Imported once, a file asks for nothing more; what operators set stays.
    #[test]
    fn a_file_is_imported_once(actions in prop::collection::vec(action(), 0..20), first in wanted(), then in wanted()) {
        let mut desk = Desk::new();
        actions.into_iter().for_each(|action| drop(desk.tell(action, "w").unwrap()));
        let operators = held_by(&desk.control, ControlSource::Operator);
        for wanted in [first, then, Wanted::default()] {
            desk.import(&wanted);
            prop_assert_eq!(wanted.steps(&desk.control, AT_MS), vec![]);
            prop_assert_eq!(&held_by(&desk.control, ControlSource::Operator), &operators);
        }
        prop_assert_eq!(held_by(&desk.control, ControlSource::File), "[] [] [] [] []");
    }
}
