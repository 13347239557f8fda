//! The figures as a table for people and as JSON for programs.

use std::fmt;

use serde_json::{Value, json};

use crate::rounds::{Plan, Sample, Series};

/// A contender whose rounds differ more than this made the run too noisy.
const SPREAD_MAX: f64 = 0.25;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    plan: Plan,
    rows: Vec<Row>,
    goals: Vec<Goal>,
    figures: Vec<Figure>,
}

/// A figure that is told, without a bound.
#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

#[derive(Debug)]
struct Row {
    scenario: String,
    name: String,
    rate: f64,
    cpu_micros: Option<f64>,
    p50_micros: f64,
    p99_micros: f64,
    spread: f64,
}

/// A figure with the bound it should keep.
#[derive(Debug)]
struct Goal {
    name: String,
    value: f64,
    bound: Bound,
    unit: &'static str,
}

/// Which side of the bound is good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, rows: Vec::new(), goals: Vec::new(), figures: Vec::new() }
    }

    pub(crate) fn add(&mut self, scenario: &str, series: &[Series]) {
        self.add_by(scenario, series, |sample| sample.rate);
    }

    /// The same, where another figure than the rate says whether a run is too noisy.
    pub(crate) fn add_by(&mut self, scenario: &str, series: &[Series], compared: fn(&Sample) -> f64) {
        for series in series {
            let cpu = series.samples.iter().all(|sample| sample.cpu_micros.is_some());
            self.rows.push(Row {
                scenario: scenario.to_owned(),
                name: series.name.clone(),
                rate: series.median(|sample| sample.rate),
                cpu_micros: cpu.then(|| series.median(|sample| sample.cpu_micros.unwrap_or(f64::NAN))),
                p50_micros: series.median(|sample| sample.p50_micros),
                p99_micros: series.median(|sample| sample.p99_micros),
                spread: series.spread(compared),
            });
        }
    }

    pub(crate) fn goal(&mut self, name: impl Into<String>, value: f64, unit: &'static str, bound: Bound) {
        self.goals.push(Goal { name: name.into(), value, bound, unit });
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit });
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "scenario": row.scenario, "name": row.name, "per_second": row.rate, "cpu_micros": row.cpu_micros,
                    "p50_micros": row.p50_micros, "p99_micros": row.p99_micros, "spread": row.spread, "valid": row.spread <= SPREAD_MAX,
                })
            })
            .collect();
        let goals: Vec<_> = self
            .goals
            .iter()
            .map(|goal| json!({"name": goal.name, "value": goal.value, "unit": goal.unit, "bound": goal.bound.to_string(), "kept": goal.kept()}))
            .collect();
        let figures: Vec<_> = self.figures.iter().map(|figure| json!({"name": figure.name, "value": figure.value, "unit": figure.unit})).collect();
        json!({"machine": machine(), "memory_reset": "keep", "rounds": self.plan.rounds, "round_ms": self.plan.length.as_millis(), "rows": rows, "goals": goals, "figures": figures})
    }
}

impl Goal {
    fn kept(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::AtMost(bound) => self.value <= bound,
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; memory reset keep; {} rounds of {} ms, medians", machine(), self.plan.rounds, self.plan.length.as_millis())?;
        writeln!(f, "\n{:<14} {:<38} {:>10} {:>8} {:>9} {:>9} {:>7}", "scenario", "contender", "per second", "CPU µs", "p50 µs", "p99 µs", "spread")?;
        for row in &self.rows {
            let cpu = row.cpu_micros.map_or_else(|| "–".to_owned(), |micros| format!("{micros:.2}"));
            let noisy = if row.spread > SPREAD_MAX { " noisy" } else { "" };
            writeln!(
                f,
                "{:<14} {:<38} {:>10.0} {:>8} {:>9.1} {:>9.1} {:>6.0}%{noisy}",
                row.scenario,
                row.name,
                row.rate,
                cpu,
                row.p50_micros,
                row.p99_micros,
                row.spread * 100.0
            )?;
        }
        writeln!(f)?;
        for goal in &self.goals {
            let mark = if goal.kept() { "kept  " } else { "MISSED" };
            writeln!(f, "{mark}  {:<58} {:>9.2} {:<3} (goal {})", goal.name, goal.value, goal.unit, goal.bound)?;
        }
        for figure in &self.figures {
            writeln!(f, "        {:<58} {:>9.2} {:<3}", figure.name, figure.value, figure.unit)?;
        }
        Ok(())
    }
}

/// The processor and the number of cores.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("unknown processor", |(_, name)| name.trim());
    format!("{cores} × {model}")
}
