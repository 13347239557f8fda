//! A rule's way from push to prod and back, by `ext` as people type it, while
//! both hosts of prod are under load. Timings and failures come out.

mod load;
mod rule;
mod typed;

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use extensions_types::Environment;
use serde::Serialize;
use serde_json::Value;

pub use self::load::Loaded;
pub use self::typed::{Ext, Ran};
use self::{load::Load, rule::Rule, typed::now_ms};
use crate::{Fleet, FleetError};

/// The rule that walks.
pub const RULE: &str = "order-limit";
/// The tenant of everybody in it.
pub const TENANT: &str = "acme";
/// Before and after each change under load, so that its figures have something beside them.
const QUIET: Duration = Duration::from_secs(2);
/// A version that was replaced, or a switch that was thrown, is seen by every host within this.
const KNOWN_WITHIN_MS: u64 = 1_000;
/// Calls a second over all hosts of prod: little, since builds share the machine.
const RATE: u32 = 200;

/// One step and how long it took, with the start and end of an `ext` process.
#[derive(Debug, Serialize)]
pub struct Step {
    /// As typed.
    pub what: String,
    /// From start to end.
    pub took_ms: u64,
}

/// What a walk showed.
#[derive(Debug, Serialize)]
pub struct Walked {
    /// In order.
    pub steps: Vec<Step>,
    /// From the promotion's start until the last host of prod answered by it.
    pub served_everywhere_ms: u64,
    /// From the rollback's end until no host answered by what it replaced; 0 where it was gone by then.
    pub stale_ms: u64,
    /// From the switch's start until the first refusal of the slowest host.
    pub refused_everywhere_ms: u64,
    /// What the load came to.
    pub load: Loaded,
}

/// The walk while it goes on.
struct Walk<'w> {
    ext: &'w Ext,
    fleet: &'w Fleet,
    say: &'w mut dyn FnMut(&str),
    steps: Vec<Step>,
}

/// Walks. The fleet must have been announced to this `ext`.
///
/// # Errors
/// When a step ends otherwise than it must, a call fails, or a host is late.
pub fn walk(fleet: &Fleet, ext: &Ext, scratch: &Path, say: &mut dyn FnMut(&str)) -> Result<Walked, FleetError> {
    let rule = Rule::create(ext, scratch)?;
    let mut walk = Walk { ext, fleet, say, steps: Vec::new() };
    walk.first_version(&rule)?;
    let load = Load::start(ext, RATE)?;
    thread::sleep(QUIET);
    let promoted_ms = walk.second_version(&rule)?;
    thread::sleep(QUIET);
    let replaced_ms = walk.back()?;
    thread::sleep(QUIET);
    let switched_ms = walk.switch_off()?;
    thread::sleep(QUIET);
    let load = load.stop()?;
    walk.switch_on()?;
    let steps = walk.steps;
    let walked = Walked {
        served_everywhere_ms: load.first_answer_ms(2)?.saturating_sub(promoted_ms),
        stale_ms: load.last_answer_ms(2)?.saturating_sub(replaced_ms),
        refused_everywhere_ms: load.first_refusal_ms("DISABLED")?.saturating_sub(switched_ms),
        load,
        steps,
    };
    walked.judge(fleet.of(Environment::Prod).count())?;
    Ok(walked)
}

impl Walked {
    /// Fails where a call failed or a host was late.
    fn judge(&self, hosts: usize) -> Result<(), FleetError> {
        let wrong = |text: String| Err(FleetError::Unexpected(text));
        let load = &self.load;
        if load.failed > 0 {
            return wrong(format!("{} of {} calls failed: {:?}", load.failed, load.calls, load.failures));
        }
        if load.hosts.len() != hosts {
            return wrong(format!("{} of {hosts} hosts of prod were called", load.hosts.len()));
        }
        for (what, took) in [("an answer by a version that was replaced", self.stale_ms), ("the slowest refusal", self.refused_everywhere_ms)] {
            if took > KNOWN_WITHIN_MS {
                return wrong(format!("{what} came {took} ms after the change"));
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Draft, dev, staging, prod.
    fn first_version(&mut self, rule: &Rule) -> Result<(), FleetError> {
        self.does(&["push", rule.folder(), "--why", "orders above 100 pieces need a person"])?;
        self.does(&["promote", "order-limit@1", "--to", "dev", "--wait"])?;
        self.answers(Environment::Dev, 1, false)?;
        self.does(&["promote", "order-limit@1", "--to", "staging"])?;
        self.does(&["promote", "order-limit@1", "--to", "prod", "--wait"])?;
        self.answers(Environment::Prod, 1, false)
    }

    /// Gives when its promotion to prod was asked for.
    fn second_version(&mut self, rule: &Rule) -> Result<u64, FleetError> {
        rule.second()?;
        self.does(&["push", rule.folder(), "--why", "the warehouse has grown"])?;
        self.does(&["promote", "order-limit@2", "--to", "dev", "--wait"])?;
        self.answers(Environment::Dev, 2, true)?;
        self.answers(Environment::Prod, 1, false)?;
        self.does(&["promote", "order-limit@2", "--to", "staging"])?;
        let asked_ms = now_ms();
        self.does(&["promote", "order-limit@2", "--to", "prod", "--wait"])?;
        self.answers(Environment::Prod, 2, true)?;
        Ok(asked_ms)
    }

    /// One command takes prod back; dev stays. Gives when it had ended.
    fn back(&mut self) -> Result<u64, FleetError> {
        self.does(&["rollback", RULE, "--to", "1", "--env", "prod", "--why", "too generous", "--wait"])?;
        let ended_ms = now_ms();
        self.answers(Environment::Prod, 1, false)?;
        self.answers(Environment::Dev, 2, true)?;
        Ok(ended_ms)
    }

    /// Gives when it was asked for.
    fn switch_off(&mut self) -> Result<u64, FleetError> {
        let asked_ms = now_ms();
        self.does(&["admin", "switch", "off", "--tenant", TENANT, "--extension", RULE, "--env", "prod", "--why", "wrong totals"])?;
        Ok(asked_ms)
    }

    fn switch_on(&mut self) -> Result<(), FleetError> {
        self.does(&["admin", "switch", "on", "--tenant", TENANT, "--extension", RULE, "--env", "prod", "--why", "right again"])?;
        let until = Instant::now() + Duration::from_secs(30);
        while let Err(error) = self.answers(Environment::Prod, 1, false) {
            if Instant::now() > until {
                return Err(error);
            }
        }
        self.does(&["admin", "hosts", "--env", "prod"])
    }

    /// A command that must succeed.
    fn does(&mut self, words: &[&str]) -> Result<(), FleetError> {
        let ran = self.ext.done(words)?;
        // A folder's path tells a reader nothing, nor do reasons.
        let shown: Vec<_> = words.iter().map(|word| if word.contains('/') { RULE } else { word }).take_while(|word| *word != "--why").collect();
        let step = Step { what: format!("ext {}", shown.join(" ")), took_ms: ran.took_ms };
        (self.say)(&format!("{:>7} ms  {}", step.took_ms, step.what));
        self.steps.push(step);
        Ok(())
    }

    /// Every host of `env` answers by `version`, which lets the order pass or not.
    fn answers(&self, env: Environment, version: u64, passes: bool) -> Result<(), FleetError> {
        for host in self.fleet.of(env) {
            let name = env.as_str();
            let call = ["--server", &host.url, "--env", name, "invoke", RULE, "--point", rule::POINT, "--input", rule::INPUT];
            let answer: Value = self.ext.done(&call)?.json()?;
            let output = &answer["output"];
            if answer["served_version"] != version || output["ok"] != passes {
                let program = host.program.name();
                return Err(FleetError::Unexpected(format!("{program} answered {output} by version {}, not {version}", answer["served_version"])));
            }
        }
        Ok(())
    }
}
