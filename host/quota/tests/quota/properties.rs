//! Every sequence of calls is let in as the model does.

use std::{sync::Arc, time::Duration};

use extensions_fair::Payer as _;
use extensions_quota::{FleetScope, Fraction, Permit, QuotaScope};
use extensions_types::{EffectiveQuota, QuotaLimits};
use proptest::prelude::*;

use crate::{
    kit::{Desk, ENV, extension_id, tenant_id},
    model::Model,
};

/// Rounding, over a whole sequence: a thousandth of a call, of a second's CPU time.
const SLACK: f64 = 0.001;
const EXTENSIONS: [&str; 2] = ["x", "y"];

#[derive(Debug, Clone)]
enum Step {
    Ask {
        extension: usize,
        memory_mb: u32,
    },
    /// Some call ends, in any order.
    End(prop::sample::Index),
    /// Some call uses CPU time, in microseconds.
    Use(prop::sample::Index, u32),
    Pass {
        micros: u64,
    },
    Limit(EffectiveQuota),
    Share(u32),
}

fn value() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![3 => Just(None), 3 => (1..6u32).prop_map(Some), 2 => (1..2_000u32).prop_map(Some), 1 => Just(Some(1)), 1 => Just(Some(QuotaLimits::VALUE_MAX))]
}

fn limits() -> impl Strategy<Value = QuotaLimits> {
    (value(), value(), value(), value(), prop::option::of(1..600u32)).prop_map(|(concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb)| {
        QuotaLimits { concurrency, rate_per_s, burst: burst.filter(|_| rate_per_s.is_some()), cpu_ms_per_s, memory_mb, log_kb_per_s: None }
    })
}

fn both() -> impl Strategy<Value = EffectiveQuota> {
    (limits(), prop_oneof![2 => Just(QuotaLimits::default()), 1 => limits()]).prop_map(|(tenant, extension)| EffectiveQuota { tenant, extension })
}

fn passing() -> impl Strategy<Value = Step> {
    prop_oneof![0..1_000u64, 0..1_000_000u64, 0..5_000_000u64].prop_map(|micros| Step::Pass { micros })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0..2usize, prop_oneof![Just(1u32), 1..257u32]).prop_map(|(extension, memory_mb)| Step::Ask { extension, memory_mb }),
        4 => any::<prop::sample::Index>().prop_map(Step::End),
        3 => (any::<prop::sample::Index>(), 0..1_000_000u32).prop_map(|(of, micros)| Step::Use(of, micros)),
        4 => passing(),
        1 => both().prop_map(Step::Limit),
        1 => (1_000..=1_000_000u32).prop_map(Step::Share),
    ];
    prop::collection::vec(step, 1..150)
}

/// A call under way, on both sides.
struct Running {
    permit: Arc<Permit>,
    extension: usize,
    memory_mb: u32,
    limits: EffectiveQuota,
}

struct Trial {
    desk: Desk,
    model: Model,
    running: Vec<Running>,
    limits: EffectiveQuota,
    now_ns: u64,
}

impl Trial {
    fn new(limits: EffectiveQuota) -> Self {
        Self { desk: Desk::new(), model: Model::new(), running: Vec::new(), limits, now_ns: 0 }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask { extension, memory_mb } => return self.ask(extension, memory_mb),
            Step::End(of) => {
                if !self.running.is_empty() {
                    let ended = self.running.swap_remove(of.index(self.running.len()));
                    self.model.tenant.leave(ended.memory_mb);
                    if !ended.limits.extension.is_empty() {
                        self.model.extensions[ended.extension].leave(ended.memory_mb);
                    }
                }
            }
            Step::Use(of, micros) => {
                if !self.running.is_empty() {
                    let running = &self.running[of.index(self.running.len())];
                    running.permit.charge(Duration::from_micros(micros.into()));
                    let pays = |limits: &QuotaLimits| limits.cpu_ms_per_s.is_some();
                    if pays(&running.limits.tenant) {
                        self.model.tenant.charge(u64::from(micros) * 1_000);
                    }
                    if pays(&running.limits.extension) {
                        self.model.extensions[running.extension].charge(u64::from(micros) * 1_000);
                    }
                }
            }
            Step::Pass { micros } => self.now_ns += micros * 1_000,
            Step::Limit(limits) => self.limits = limits,
            Step::Share(parts) => self.share(parts),
        }
        Ok(())
    }

    fn share(&mut self, parts: u32) {
        let of = |extension: Option<&str>| FleetScope { tenant: tenant_id("acme"), extension: extension.map(extension_id) };
        // A share is heard of what was asked for.
        if self.desk.quotas.share_of(ENV, &tenant_id("acme")).is_none() {
            return;
        }
        let part = Some(Fraction::of_parts(parts));
        self.desk.quotas.set_share(ENV, &of(None), part);
        self.model.tenant.part = parts;
        for (scope, name) in self.model.extensions.iter_mut().zip(EXTENSIONS) {
            if self.desk.usage(name).extension.is_some() {
                self.desk.quotas.set_share(ENV, &of(Some(name)), part);
                scope.part = parts;
            }
        }
    }

    fn ask(&mut self, extension: usize, memory_mb: u32) -> Result<(), TestCaseError> {
        let answer = self.desk.ask(EXTENSIONS[extension], self.limits, memory_mb.into(), Duration::from_nanos(self.now_ns));
        let (limits, now) = (self.limits, self.now_ns);
        let at_most = self.model.would(extension, &limits, memory_mb, now, -1e-9);
        let at_least = self.model.would(extension, &limits, memory_mb, now, SLACK);
        prop_assert!(answer.is_err() || at_most, "let in beyond the limit at {now} ns: {limits:?}, {:?}", self.model);
        prop_assert!(answer.is_ok() || !at_least, "refused within the limit at {now} ns: {answer:?}, {limits:?}, {:?}", self.model);
        let up_to_tenant = answer.as_ref().err().is_none_or(|over| over.scope == QuotaScope::Tenant);
        self.model.asked(extension, &limits, memory_mb, now, up_to_tenant);
        if let Ok(permit) = answer {
            self.model.enter(extension, &limits, memory_mb);
            self.running.push(Running { permit, extension, memory_mb, limits });
        }
        let usage = self.desk.usage(EXTENSIONS[extension]).tenant;
        prop_assert_eq!((usage.concurrency, usage.memory_mb), (self.model.tenant.calls, self.model.tenant.memory_mb));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Never more than the limits, never less but for rounding, whatever changes meanwhile.
    #[test]
    fn calls_are_let_in_as_the_model_does(limits in both(), steps in steps()) {
        let mut trial = Trial::new(limits);
        for step in steps {
            trial.step(step)?;
        }
    }

    /// Threads' clocks differ, and jump: over any time by those clocks no more calls
    /// are let in than a burst and what is filled in.
    #[test]
    fn clocks_that_jump_let_nobody_in_beyond_a_rate(
        (rate, burst) in prop_oneof![(1..5u32, 1..9u32), (1..2_000u32, 1..50u32)],
        of_extension in prop::option::of(1..20u32),
        moments in prop::collection::vec((prop_oneof![0..2_000u64, 0..3_000_000u64], 1..12usize, 0..2usize), 1..60),
    ) {
        let desk = Desk::new();
        let tenant = QuotaLimits { rate_per_s: Some(rate), burst: Some(burst), ..QuotaLimits::default() };
        let extension = QuotaLimits { rate_per_s: of_extension, ..QuotaLimits::default() };
        let mut admitted = Vec::new();
        for (micros, calls, extension_asked) in moments {
            for _ in 0..calls {
                if desk.ask(EXTENSIONS[extension_asked], EffectiveQuota { tenant, extension }, 1, Duration::from_micros(micros)).is_ok() {
                    admitted.push((micros, extension_asked));
                }
            }
        }
        admitted.sort_unstable();
        let within = |moments: &[u64], rate: u32, burst: u32| moments.iter().enumerate().all(|(first, from)| {
            moments[first..].iter().zip(1u64..).all(|(to, calls)| calls * 1_000_000 <= u64::from(burst) * 1_000_000 + u64::from(rate) * (to - from))
        });
        let all: Vec<u64> = admitted.iter().map(|(micros, _)| *micros).collect();
        prop_assert!(within(&all, rate, burst), "{rate}/s, burst {burst}: {all:?}");
        for of in 0..EXTENSIONS.len() {
            let some: Vec<u64> = admitted.iter().filter(|(_, asked)| *asked == of).map(|(micros, _)| *micros).collect();
            prop_assert!(of_extension.is_none_or(|rate| within(&some, rate, rate)), "extension {of}: {some:?}");
        }
    }
}
