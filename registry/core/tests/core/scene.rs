//! One extension with a cast of callers, driven command by command.

use std::collections::{BTreeMap, BTreeSet};

use extensions_registry_core::{
    About, Action, Actor, AskedWaiver, Authority, Built, Caller, Change, Command, Decision, Draft, Event, Extension, Policy, Refusal, Role, Stored,
    Surroundings, decide,
};
use extensions_types::{
    Abi, ActorType, Build as Making, CallLabel, ControlSource, ControlState, Environment, ExtensionId, FailureCause, Kind, Manifest, Origin,
    Provenance, RiskTier, Schemas, Sha256, Switch, SwitchTarget, TenantId, TestCounts, Version,
};

pub(crate) fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

pub(crate) fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// The component's digest of each version: another one for each.
pub(crate) fn digest(version: Version) -> Sha256 {
    Sha256::new([u8::try_from(version.get() % 251).unwrap(); 32])
}

pub(crate) fn roles(words: &str) -> Authority {
    let role = |word| match word {
        "author" => Role::Author,
        "reviewer" => Role::Reviewer,
        "releaser" => Role::Releaser,
        "viewer" => Role::Viewer,
        other => panic!("no role {other}"),
    };
    Authority::Tenant { tenant: tenant("acme"), roles: words.split_whitespace().map(role).collect() }
}

pub(crate) fn caller(iss: &str, sub: &str, actor_type: ActorType, authority: Authority) -> Caller {
    Caller { actor: Actor { iss: iss.into(), sub: label(sub), actor_type, act: Vec::new() }, authority }
}

/// A person of the tenant's own issuer.
pub(crate) fn person(sub: &str, words: &str) -> Caller {
    caller("idp", sub, ActorType::User, roles(words))
}

pub(crate) fn agent(sub: &str, words: &str) -> Caller {
    caller("idp", sub, ActorType::Agent, roles(words))
}

pub(crate) fn through(mut caller: Caller, actor: &str) -> Caller {
    caller.actor.act.push(label(actor));
    caller
}

pub(crate) fn operator() -> Caller {
    caller("platform", "olga", ActorType::User, Authority::Operator)
}

pub(crate) fn registry() -> Caller {
    Caller::registry(label("worker"))
}

pub(crate) fn draft(tier: RiskTier) -> Draft {
    let about = About {
        kind: Kind::DomainHook,
        risk_tier: tier,
        description: "Checks orders.".into(),
        tags: vec!["orders".into()],
        answers_for: BTreeSet::new(),
    };
    Draft { origin: Origin::Source, source_sha256: Sha256::new([9; 32]), source_bytes: 1_000, about }
}

pub(crate) fn built(version: Version, attempt: u32) -> Built {
    Built {
        attempt,
        definition_sha256: Sha256::new([3; 32]),
        component_sha256: digest(version),
        component_bytes: 70_000,
        tests: TestCounts { passed: 4, failed: 0 },
        toolchain: "rustc 1.95.0".into(),
        waivers: Vec::new(),
    }
}

/// A waiver that a marker in the source asks for.
pub(crate) fn asked(finding: &str) -> AskedWaiver {
    AskedWaiver { finding: label(finding), place: "src/lib.rs:12".into(), reason: "a public key".into() }
}

/// An extension, its whole history and each environment's control.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) state: Extension,
    pub(crate) events: Vec<Event>,
    pub(crate) controls: BTreeMap<Environment, ControlState>,
    pub(crate) policy: Policy,
    keys: u64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let state = Extension::new(tenant("acme"), ExtensionId::parse("order-check").unwrap());
        let controls = Environment::ALL.iter().map(|&env| (env, ControlState::new(env))).collect();
        Self { state, events: Vec::new(), controls, policy: Policy::default(), keys: 0 }
    }

    /// A built version of tier `tier` whose failure contract answers for `causes`.
    pub(crate) fn build_answering(&mut self, by: &Caller, tier: RiskTier, causes: &[FailureCause]) -> Version {
        let mut draft = draft(tier);
        draft.about.answers_for = causes.iter().copied().collect();
        self.build_draft(by, draft)
    }

    pub(crate) fn command(&mut self, action: Action) -> Command {
        self.keys += 1;
        Command { id: label(&format!("key-{}", self.keys)), expected_seq: None, why: String::new(), from: None, action }
    }

    pub(crate) fn decide(&self, caller: &Caller, command: &Command) -> Result<Decision, Refusal> {
        let control = command.action.environment().map(|env| &self.controls[&env]);
        decide(&self.state, command, caller, Surroundings { policy: &self.policy, control })
    }

    /// Decides and, where something is to be recorded, records it.
    pub(crate) fn run(&mut self, caller: &Caller, command: &Command) -> Result<Decision, Refusal> {
        let decision = self.decide(caller, command)?;
        if let Decision::Record(change) = &decision {
            self.record(caller, command, change.clone());
        }
        Ok(decision)
    }

    pub(crate) fn record(&mut self, caller: &Caller, command: &Command, change: Change) {
        let seq = self.state.applied_seq + 1;
        let event = Event::new(seq, 1_790_000_000_000 + seq, command, caller, change);
        self.state.apply(&event).unwrap();
        self.events.push(event);
    }

    pub(crate) fn tell(&mut self, caller: &Caller, action: Action) -> Result<Decision, Refusal> {
        let command = self.command(action);
        self.run(caller, &command)
    }

    /// A command that must be recorded.
    pub(crate) fn must(&mut self, caller: &Caller, action: Action) {
        let decision = self.tell(caller, action.clone());
        assert!(matches!(decision, Ok(Decision::Record(_))), "{action:?}: {decision:?}");
    }

    /// A command that must be refused: `CODE: text`.
    pub(crate) fn refusal(&mut self, caller: &Caller, action: Action) -> String {
        let before = self.state.clone();
        let refusal = self.tell(caller, action.clone()).expect_err(&format!("{action:?} must be refused"));
        assert_eq!(self.state, before, "a refusal changes nothing");
        refusal.to_string()
    }

    /// A draft of `tier`, created by `author`.
    pub(crate) fn create(&mut self, author: &Caller, tier: RiskTier) -> Version {
        self.must(author, Action::CreateVersion(draft(tier)));
        version(self.state.last_version)
    }

    /// A version of `tier`, created by `author` and built.
    pub(crate) fn build(&mut self, author: &Caller, tier: RiskTier) -> Version {
        self.build_draft(author, draft(tier))
    }

    fn build_draft(&mut self, author: &Caller, draft: Draft) -> Version {
        let tier = draft.about.risk_tier;
        self.must(author, Action::CreateVersion(draft));
        let version = version(self.state.last_version);
        self.must(author, Action::RequestCompile { version });
        let report = Action::ReportBuilt { version, kind: Kind::DomainHook, risk_tier: tier, built: built(version, 1) };
        self.must(&registry(), report);
        version
    }

    /// Promotes with the approvals that the tier asks for, through every
    /// environment up to `env`.
    pub(crate) fn release(&mut self, version: Version, env: Environment) {
        let releaser = person("rita", "releaser");
        for &at in Environment::ALL.iter().filter(|&&at| at <= env) {
            if at > Environment::Dev {
                self.must(&person("ann", "author"), Action::Submit { version, to: at });
                for reviewer in ["ruth", "rolf"] {
                    self.must(&person(reviewer, "reviewer"), Action::Approve { version, to: at, digest: None });
                }
            }
            assert!(self.tell(&releaser, Action::Promote { version, env: at }).is_ok());
        }
    }

    fn target(&self, version: Version) -> SwitchTarget {
        SwitchTarget::Version { tenant: self.state.tenant.clone(), extension: self.state.extension.clone(), version }
    }

    pub(crate) fn force_off(&mut self, version: Version, env: Environment) {
        let switch = Switch::new(self.target(version), Provenance::new(ControlSource::Operator, "bad", 1, 1));
        self.controls.get_mut(&env).unwrap().switches.push(switch);
    }

    pub(crate) fn lift(&mut self, version: Version, env: Environment) {
        let target = self.target(version);
        self.controls.get_mut(&env).unwrap().switches.retain(|switch| switch.target != target);
    }

    /// What a store would hold of every built version.
    pub(crate) fn stored(&self) -> BTreeMap<Version, Stored> {
        let built = self.state.versions.iter().filter(|(_, record)| record.built().is_some());
        built.map(|(&version, record)| (version, self.stored_version(version, record.tier()))).collect()
    }

    fn stored_version(&self, version: Version, tier: RiskTier) -> Stored {
        let manifest = format!("id = \"{}\"\nkind = \"domain_hook\"\nlang = \"rust\"\nrisk_tier = \"{tier}\"", self.state.extension);
        let making = Making {
            tenant: self.state.tenant.clone(),
            version,
            abi: Abi::Component,
            digest: digest(version).to_string(),
            schemas: Schemas::default(),
            tool: None,
            created_by: "ann".into(),
        };
        Stored { definition: Manifest::parse(&manifest).unwrap().define(making), key: format!("acme/order-check/{version}.wasm") }
    }
}
