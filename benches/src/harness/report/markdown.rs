//! The report as Markdown, for the results that are kept.

use std::fmt::Write as _;

use super::{
    Report,
    section::{Goal, Section, shown},
};

impl Report {
    /// The table that stands beside the chart `<name>.svg`.
    pub(super) fn markdown(&self, name: &str) -> String {
        let mut page = format!("# {}\n\n{}. A {} run; medians over rounds.\n", name, self.machine, self.size());
        if let Some(left_out) = self.left_out() {
            let _ = writeln!(page, "{left_out}");
        }
        let _ = write!(page, "\n![Goals, and how far each was reached]({name}.svg)\n\n## Goals\n\n");
        page.push_str("| Scenario | Reset | Goal | Bound | Value | ± | |\n|---|---|---|---|---:|---:|---|\n");
        for section in &self.sections {
            section.goals.iter().for_each(|goal| goal_row(section, goal, &mut page));
        }
        page.push_str("\n## Contenders\n\n| Scenario | Reset | Contest | Contender | Per second | CPU µs | p50 µs | p99 µs | Spread |\n");
        page.push_str("|---|---|---|---|---:|---:|---:|---:|---:|\n");
        for section in &self.sections {
            contenders(section, &mut page);
        }
        page.push_str("\n## Other figures\n\n| Scenario | Reset | Figure | Value | ± |\n|---|---|---|---:|---:|\n");
        for section in &self.sections {
            for figure in &section.figures {
                let Section { scenario, mode, .. } = section;
                let (value, swing) = (figure.values.median(), figure.values.swing());
                let _ = writeln!(page, "| {scenario} | {mode} | {} | {value:.2} {} | {swing:.2} |", figure.name, figure.unit);
            }
        }
        self.doubts(&mut page);
        page
    }

    fn doubts(&self, page: &mut String) {
        let doubts = |section: &Section| {
            let failure = section.failure.iter().map(|failure| format!("failed: {failure}"));
            let doubts: Vec<_> = section.doubts.iter().cloned().chain(failure).collect();
            doubts.into_iter().map(|doubt| format!("- {} ({}): {doubt}\n", section.scenario, section.mode)).collect::<String>()
        };
        let all: String = self.sections.iter().map(doubts).collect();
        if !all.is_empty() {
            let _ = write!(page, "\n## Invalid, and why\n\n{all}");
        }
    }
}

fn goal_row(section: &Section, goal: &Goal, page: &mut String) {
    let Section { scenario, mode, .. } = section;
    let (value, swing) = (goal.values.median(), goal.values.swing());
    let mark = section.judge(goal).word();
    let _ = writeln!(page, "| {scenario} | {mode} | {} | {} {} | {value:.2} | {swing:.2} | {mark} |", goal.name, goal.bound, goal.unit);
}

fn contenders(section: &Section, page: &mut String) {
    let Section { scenario, mode, .. } = section;
    for row in &section.rows {
        let cpu = shown(row.cpu_micros, 2);
        let (p50, p99) = (shown(Some(row.p50_micros), 1), shown(Some(row.p99_micros), 1));
        let noisy = if row.is_valid() { "" } else { " noisy" };
        let (group, name, rate, spread) = (&row.group, &row.name, row.rate, row.spread * 100.0);
        let _ = writeln!(page, "| {scenario} | {mode} | {group} | {name} | {rate:.0} | {cpu} | {p50} | {p99} | {spread:.0} %{noisy} |");
    }
}
