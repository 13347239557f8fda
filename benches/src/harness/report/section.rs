//! One scenario's figures: rows, goals with their bounds, and why they do not count.

use std::{fmt, time::Duration};

use extensions_engine_config::MemoryReset;
use serde_json::{Value, json};

use crate::harness::{
    noise::Noise,
    rounds::{Plan, Sample, Series, Values},
};

/// Rounds that differ more than this made a figure too noisy to be relied upon.
const SPREAD_MAX: f64 = 0.25;

/// One scenario in one mode.
#[derive(Debug)]
pub(crate) struct Section {
    pub(super) scenario: &'static str,
    pub(super) mode: &'static str,
    pub(super) plan: Plan,
    /// With its preparations.
    pub(super) took: Duration,
    /// Of the machine, just before.
    pub(super) noise: Option<Noise>,
    pub(super) rows: Vec<Row>,
    pub(super) goals: Vec<Goal>,
    pub(super) figures: Vec<Figure>,
    /// Why its figures do not count, if they do not.
    pub(super) doubts: Vec<String>,
    /// Why it has none.
    pub(super) failure: Option<String>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) rate: f64,
    pub(super) cpu_micros: Option<f64>,
    pub(super) p50_micros: f64,
    pub(super) p99_micros: f64,
    pub(super) spread: f64,
}

/// A figure with the bound that it should keep.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) name: String,
    pub(super) values: Values,
    pub(super) bound: Bound,
    pub(super) unit: &'static str,
}

/// A figure that is told, without a bound.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) values: Values,
    pub(super) unit: &'static str,
}

/// What a goal's figure says; nothing if it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Kept,
    Missed,
    Invalid,
}

/// Which side of the bound is good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Section {
    pub(crate) fn new(scenario: &'static str, mode: Option<MemoryReset>, plan: Plan) -> Self {
        let mode = mode.map_or("-", mode_name);
        Self {
            scenario,
            mode,
            plan,
            took: Duration::ZERO,
            noise: None,
            rows: Vec::new(),
            goals: Vec::new(),
            figures: Vec::new(),
            doubts: Vec::new(),
            failure: None,
        }
    }

    /// A row for each contender; `group` is the kind of contest.
    pub(crate) fn add(&mut self, group: &str, series: &[Series]) {
        self.add_by(group, series, |sample| sample.rate);
    }

    /// The same, where another figure than the rate says whether a row is too noisy.
    pub(crate) fn add_by(&mut self, group: &str, series: &[Series], compared: fn(&Sample) -> f64) {
        for series in series {
            let cpu = series.samples.iter().all(|sample| sample.cpu_micros.is_some());
            self.rows.push(Row {
                group: group.to_owned(),
                name: series.name.clone(),
                rate: series.median(|sample| sample.rate),
                cpu_micros: cpu.then(|| series.median(Sample::cpu)),
                p50_micros: series.median(|sample| sample.p50_micros),
                p99_micros: series.median(|sample| sample.p99_micros),
                spread: series.each(compared).spread(),
            });
        }
    }

    pub(crate) fn goal(&mut self, name: impl Into<String>, values: impl Into<Values>, unit: &'static str, bound: Bound) {
        self.goals.push(Goal { name: name.into(), values: values.into(), bound, unit });
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, values: impl Into<Values>, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), values: values.into(), unit });
    }

    /// What the machine did just before; a noise that is too loud makes the section's figures invalid.
    pub(crate) fn hear(&mut self, noise: Noise) {
        self.noise = Some(noise);
        if let Some(problem) = noise.problem() {
            self.doubt(problem);
        }
    }

    /// So long, with its preparations.
    pub(crate) fn lasted(&mut self, took: Duration) {
        self.took = took;
    }

    /// Something went so that the section's figures do not count.
    pub(crate) fn doubt(&mut self, why: impl Into<String>) {
        self.doubts.push(why.into());
    }

    /// The scenario ended before its time.
    pub(crate) fn fail(&mut self, error: &anyhow::Error) {
        self.failure = Some(format!("{error:#}"));
    }

    pub(super) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "group": row.group, "name": row.name, "per_second": row.rate, "cpu_micros": row.cpu_micros,
                "p50_micros": row.p50_micros, "p99_micros": row.p99_micros, "spread": row.spread, "valid": row.is_valid(),
            })
        });
        let goals = self.goals.iter().map(|goal| {
            json!({
                "name": goal.name, "value": goal.values.median(), "unit": goal.unit, "rounds": goal.values.rounds(),
                "bound": goal.bound.to_string(), "kept": goal.is_kept(), "valid": goal.is_valid() && self.doubts.is_empty(),
            })
        });
        let figures = self
            .figures
            .iter()
            .map(|figure| json!({"name": figure.name, "value": figure.values.median(), "unit": figure.unit, "rounds": figure.values.rounds()}));
        json!({
            "scenario": self.scenario, "memory_reset": self.mode, "rounds": self.plan.rounds, "round_ms": self.plan.length.as_millis(),
            "seconds": self.took.as_secs_f64(),
            "noise": self.noise.map(|noise| json!({"slowed": noise.slowed, "busy": noise.busy, "load": noise.load})),
            "rows": rows.collect::<Vec<_>>(), "goals": goals.collect::<Vec<_>>(), "figures": figures.collect::<Vec<_>>(),
            "doubts": self.doubts, "failure": self.failure,
        })
    }
}

impl Section {
    /// What became of one of its goals.
    pub(super) fn judge(&self, goal: &Goal) -> Verdict {
        match goal.is_kept() {
            _ if !goal.is_valid() || !self.doubts.is_empty() => Verdict::Invalid,
            true => Verdict::Kept,
            false => Verdict::Missed,
        }
    }
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "MISSED",
            Self::Invalid => "INVALID",
        }
    }
}

impl Row {
    pub(super) fn is_valid(&self) -> bool {
        self.spread <= SPREAD_MAX
    }
}

impl Goal {
    pub(super) fn is_kept(&self) -> bool {
        self.bound.holds(self.values.median())
    }

    /// Noise matters where rounds differ much and disagree about the bound.
    pub(super) fn is_valid(&self) -> bool {
        let kept = self.is_kept();
        self.values.spread() <= SPREAD_MAX || self.values.rounds().iter().all(|value| self.bound.holds(*value) == kept)
    }
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl Bound {
    /// How many times better than asked; at least the bound is asked where that is nothing.
    pub(super) fn factor(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(bound) => value / bound,
            Self::AtMost(bound) if value <= bound && bound <= 0.0 => 1.0,
            Self::AtMost(bound) => bound / value.max(0.0),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

/// A figure of a row; a dash where it was not measured.
pub(super) fn shown(micros: Option<f64>, digits: usize) -> String {
    micros.filter(|micros| micros.is_finite()).map_or_else(|| "–".to_owned(), |micros| format!("{micros:.digits$}"))
}

/// As the host's settings say it.
pub(crate) fn mode_name(mode: MemoryReset) -> &'static str {
    match mode {
        MemoryReset::Keep => "keep",
        MemoryReset::Scan => "scan",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(values: &[f64], bound: Bound) -> Goal {
        Goal { name: String::new(), values: values.to_vec().into(), bound, unit: "" }
    }

    #[test]
    fn a_goal_is_doubtful_only_where_noise_could_have_decided_it() {
        let calm = goal(&[1.28, 1.31, 1.29], Bound::AtMost(1.3));
        assert!(calm.is_kept() && calm.is_valid(), "rounds that lie close together");
        let clear = goal(&[0.1, 0.9, 0.2], Bound::AtMost(1.3));
        assert!(clear.is_kept() && clear.is_valid(), "noisy, but every round keeps it");
        let torn = goal(&[0.9, 2.5, 1.2], Bound::AtMost(1.3));
        assert!(torn.is_kept() && !torn.is_valid(), "noisy, and a round misses it");
        let missed = goal(&[2.0, 9.0, 4.0], Bound::AtMost(1.3));
        assert!(!missed.is_kept() && missed.is_valid(), "noisy, but every round misses it");
        assert!(!goal(&[], Bound::AtMost(1.0)).is_kept(), "nothing measured keeps nothing");
    }

    #[test]
    fn a_doubt_makes_every_goal_of_its_section_invalid() {
        let mut section = Section::new("one", Some(MemoryReset::Scan), Plan::new(1, 1));
        section.goal("kept", 1.0, "", Bound::AtMost(2.0));
        assert_eq!(section.json()["goals"][0]["valid"], true);
        section.doubt("the load was not offered");
        let told = section.json();
        assert_eq!((&told["memory_reset"], &told["goals"][0]["valid"], &told["goals"][0]["kept"]), (&json!("scan"), &json!(false), &json!(true)));
    }
}
