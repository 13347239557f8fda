//! Random histories: what may happen is what the model says, and however a
//! state is reached, it is the same.

use std::collections::{BTreeMap, BTreeSet};

use extensions_registry_core::{Action, Build, Caller, Change, Command, Decision, Event, Extension, Pin, entry};
use extensions_types::{ActorType, Environment, ErrorCode, Kind, RiskTier, Version};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    model::{Model, Shown, Verdict},
    scene::{Scene, built, digest, draft, person, registry, version},
    steps::{Step, any_history, cast},
};

/// A scene with the model beside it.
struct Play {
    scene: Scene,
    forced_off: BTreeSet<(Environment, Version)>,
    commands: Vec<(Caller, Command)>,
    kinds: BTreeMap<&'static str, usize>,
    high_in_prod: bool,
}

impl Play {
    fn new() -> Self {
        Self { scene: Scene::new(), forced_off: BTreeSet::new(), commands: Vec::new(), kinds: BTreeMap::new(), high_in_prod: false }
    }

    fn model(&self) -> Model<'_> {
        Model { events: &self.scene.events, forced_off: &self.forced_off }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { who, action } => self.ask(&cast()[who], action),
            Step::Rightly { who, actions } => self.rightly(who, actions),
            Step::Again { which, changed } => self.again(which, changed),
            Step::Onward { number, tier } => self.onward(number, tier),
            Step::Force { env, number, off } => self.force(env, version(number), off),
        }
        self.check();
    }

    fn ask(&mut self, caller: &Caller, action: Action) {
        let mut command = self.scene.command(action);
        command.why = "because".into();
        let expected = self.model().verdict(caller, &command.action);
        let decision = self.scene.run(caller, &command);
        let verdict = match &decision {
            Err(_) => Verdict::Refused,
            Ok(Decision::AlreadySo) => Verdict::AlreadySo,
            Ok(Decision::Record(_)) => Verdict::Recorded,
            Ok(Decision::Repeated { .. }) => panic!("the key is new"),
        };
        assert_eq!(verdict, expected, "{:?} by {:?}: {decision:?}", command.action, caller.actor);
        if let Ok(Decision::Record(change)) = decision {
            *self.kinds.entry(change.name()).or_default() += 1;
            self.check_change(&change);
            self.commands.push((caller.clone(), command));
        }
    }

    fn rightly(&mut self, who: usize, actions: Vec<Action>) {
        for action in actions {
            let mut able = cast();
            able.retain(|caller| self.model().verdict(caller, &action) == Verdict::Recorded);
            if !able.is_empty() {
                return self.ask(&able[who % able.len()], action);
            }
        }
    }

    /// The version's own way: the first of these that it lacks.
    fn onward(&mut self, number: u64, tier: RiskTier) {
        let (state, wanted) = (&self.scene.state, version(number));
        let author = cast()[(number % 2) as usize + 1].clone();
        let Some(record) = state.versions.get(&wanted) else {
            let tier = state.tier.max(Some(tier)).unwrap();
            return self.ask(&author, Action::CreateVersion(draft(tier)));
        };
        if record.built().is_none() {
            return match record.build {
                Build::Requested { attempt, .. } => {
                    let built = built(wanted, attempt);
                    self.ask(&registry(), Action::ReportBuilt { version: wanted, kind: Kind::DomainHook, risk_tier: record.tier(), built })
                }
                _ => self.ask(&author, Action::RequestCompile { version: wanted }),
            };
        }
        let Some(&env) = Environment::ALL.iter().find(|env| !record.promoted.contains(env)) else { return };
        let action = match (record.reviews.contains_key(&env), record.approvals(env)) {
            _ if env == Environment::Dev => (author, Action::Promote { version: wanted, env }),
            (false, _) => (author, Action::Submit { version: wanted, to: env }),
            (true, 0) => (person("ruth", "reviewer"), Action::Approve { version: wanted, to: env, digest: None }),
            (true, 1) => (person("rolf", "reviewer"), Action::Approve { version: wanted, to: env, digest: None }),
            (true, _) => (person("rita", "releaser"), Action::Promote { version: wanted, env }),
        };
        self.ask(&action.0, action.1);
    }

    fn force(&mut self, env: Environment, version: Version, off: bool) {
        if off && self.forced_off.insert((env, version)) {
            self.scene.force_off(version, env);
        } else if !off && self.forced_off.remove(&(env, version)) {
            self.scene.lift(version, env);
        }
    }

    fn again(&mut self, which: usize, changed: bool) {
        if self.commands.is_empty() {
            return;
        }
        let (caller, mut command) = self.commands[which % self.commands.len()].clone();
        let before = self.scene.state.clone();
        if changed {
            command.why.push('!');
        }
        let decision = self.scene.run(&caller, &command);
        let recorded = self.scene.events.iter().find(|event| event.command_id == command.id).unwrap();
        match decision {
            Ok(Decision::Repeated { seq, version }) => {
                assert!(!changed && recorded.answers(&command, &caller));
                assert_eq!((seq, version), (recorded.seq, recorded.change.version()));
            }
            Err(refusal) => assert!(changed && refusal.code == ErrorCode::Conflict, "{refusal}"),
            Ok(other) => panic!("a command twice: {other:?}"),
        }
        assert_eq!(self.scene.state, before, "a repeated command changes nothing");
    }

    /// What no history may hold, said once more without asking who may what.
    fn check_change(&mut self, change: &Change) {
        let state = &self.scene.state;
        match *change {
            Change::Promoted { version, env, digest: promoted } => {
                let record = &state.versions[&version];
                assert_eq!(promoted, digest(version), "the same digest moves");
                assert!(record.retired_at_ms.is_none() && record.built().is_some());
                self.high_in_prod |= env == Environment::Prod && record.tier() == RiskTier::High;
            }
            Change::Approved { .. } => {
                let actor = &self.scene.events.last().unwrap().actor;
                assert!(actor.actor_type == ActorType::User && actor.act.is_empty());
            }
            _ => {}
        }
    }

    /// However the state is reached it is the same, and entries follow from it.
    fn check(&self) {
        let Scene { state, events, .. } = &self.scene;
        for &env in Environment::ALL {
            let shown = entry(state, env, &self.scene.stored()).unwrap().map(|document| {
                assert_eq!((document.applied_seq, document.env, document.generation), (state.applied_seq, env, 0));
                assert!(document.versions.iter().all(|(&number, listed)| listed.blob.sha256 == digest(number)));
                let callers = document.caller_pins.into_iter().map(|(name, version)| (Pin::Caller(name), version));
                let hooks = document.hook_pins.into_iter().map(|(name, version)| (Pin::HookPoint(name), version));
                Shown {
                    current: document.current,
                    enabled: document.enabled,
                    pins: callers.chain(hooks).collect(),
                    last_good: document.last_good,
                    listed: document.versions.into_keys().collect(),
                }
            });
            assert_eq!(shown, self.model().entry(env));
        }
        let json = serde_json::to_vec(state).unwrap();
        assert_eq!(serde_json::from_slice::<Extension>(&json).unwrap(), *state, "a head read back goes on as it was");
        if let Some(last) = events.last() {
            let text = serde_json::to_vec(last).unwrap();
            assert_eq!(serde_json::from_slice::<Event>(&text).unwrap(), *last);
        }
    }

    /// The whole history again: at once, from stored texts, and from a head in the middle.
    fn replay(&self, middle: usize) {
        let Scene { state, events, .. } = &self.scene;
        let fold = |events: &[Event]| Extension::fold(state.tenant.clone(), state.extension.clone(), events).unwrap();
        assert_eq!(fold(events), *state);
        let (first, rest) = events.split_at(middle % (events.len() + 1));
        let head = serde_json::to_string(&fold(first)).unwrap();
        let mut resumed: Extension = serde_json::from_str(&head).unwrap();
        for event in rest {
            let before: BTreeMap<_, _> = Environment::ALL.iter().map(|&env| (env, view(&resumed, env))).collect();
            let touched = resumed.touched_by(&event.change);
            resumed.apply(event).unwrap();
            for (env, before) in before {
                let changed = before != view(&resumed, env);
                assert!(!changed || touched.contains(&env), "{env} changes by {:?} unannounced", event.change);
            }
        }
        assert_eq!(resumed, *state);
    }
}

/// Everything of an entry but its seq.
fn view(state: &Extension, env: Environment) -> impl PartialEq + use<> {
    let serving = state.serving(env).map(|serving| (serving.current, serving.enabled, serving.caller_pins.clone(), serving.hook_pins.clone()));
    (serving, state.last_good(env))
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_happens_is_what_the_model_says(steps in any_history(), middle in any::<usize>()) {
        let mut play = Play::new();
        steps.into_iter().for_each(|step| play.step(step));
        play.replay(middle);
    }
}

/// Random histories are worth what they reach: every kind of change, and a
/// version of the highest tier in prod.
#[test]
fn random_histories_reach_everything() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut kinds, mut high_in_prod) = (BTreeMap::new(), 0);
    for _ in 0..200 {
        let mut play = Play::new();
        let steps = any_history().new_tree(&mut runner).unwrap().current();
        steps.into_iter().for_each(|step| play.step(step));
        play.kinds.into_iter().for_each(|(kind, count)| *kinds.entry(kind).or_insert(0) += count);
        high_in_prod += usize::from(play.high_in_prod);
    }
    assert!(kinds.len() == 17 && kinds.values().all(|&count| count >= 10), "{kinds:?}");
    assert!(high_in_prod >= 5, "{high_in_prod} of 200 histories brought tier high to prod; {kinds:?}");
}
