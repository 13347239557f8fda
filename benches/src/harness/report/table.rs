//! The report as a table.

use std::fmt;

use super::{Report, Section, section::shown};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; {}; medians over rounds", self.machine, self.size())?;
        writeln!(
            f,
            "\n{:<12} {:<5} {:<14} {:<40} {:>10} {:>8} {:>10} {:>10} {:>7}",
            "scenario", "reset", "contest", "contender", "per second", "CPU µs", "p50 µs", "p99 µs", "spread"
        )?;
        for section in &self.sections {
            rows(section, f)?;
        }
        for section in &self.sections {
            verdicts(section, f)?;
        }
        if let Some(left_out) = self.left_out() {
            writeln!(f, "\n{left_out}")?;
        }
        Ok(())
    }
}

fn rows(section: &Section, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for row in &section.rows {
        let cpu = shown(row.cpu_micros, 2);
        let (p50, p99) = (shown(Some(row.p50_micros), 1), shown(Some(row.p99_micros), 1));
        let noisy = if row.is_valid() { "" } else { " noisy" };
        writeln!(
            f,
            "{:<12} {:<5} {:<14} {:<40} {:>10.0} {:>8} {:>10} {:>10} {:>6.0}%{noisy}",
            section.scenario,
            section.mode,
            row.group,
            row.name,
            row.rate,
            cpu,
            p50,
            p99,
            row.spread * 100.0
        )?;
    }
    Ok(())
}

fn verdicts(section: &Section, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plan = section.plan;
    writeln!(
        f,
        "\n{}, memory reset {}, {} rounds of {} ms, {:.0} s in all",
        section.scenario,
        section.mode,
        plan.rounds,
        plan.length.as_millis(),
        section.took.as_secs_f64()
    )?;
    for goal in &section.goals {
        let mark = if goal.is_kept() { "kept  " } else { "MISSED" };
        let doubt = if goal.is_valid() && section.doubts.is_empty() { "" } else { " INVALID" };
        writeln!(
            f,
            "{mark}  {:<70} {:>9.2} {:<4} ± {:<7.2} (goal {}){doubt}",
            goal.name,
            goal.values.median(),
            goal.unit,
            goal.values.swing(),
            goal.bound
        )?;
    }
    for figure in &section.figures {
        writeln!(f, "        {:<70} {:>9.2} {:<4} ± {:<7.2}", figure.name, figure.values.median(), figure.unit, figure.values.swing())?;
    }
    for doubt in &section.doubts {
        writeln!(f, "INVALID {doubt}")?;
    }
    if let Some(failure) = &section.failure {
        writeln!(f, "FAILED  {failure}")?;
    }
    Ok(())
}
