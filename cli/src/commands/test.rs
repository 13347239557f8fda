//! `ext test`: an extension's own cases, in the production engine. The same
//! cases, run the same way, are the gate of a version that is pushed.

use std::time::{Duration, Instant};

use extensions_pipeline::{Case, CaseResult, Folder, run_cases};
use serde_json::{Value, json};

use crate::{
    args::Test,
    commands::build::{self, Attempt, Ready},
    failure::Failure,
    say::{Say, seconds},
};

/// Names of cases in a text.
const NAMES_MAX: usize = 10;

pub(crate) async fn run(test: &Test, say: &Say) -> Result<(), Failure> {
    let opened = Folder::open(&test.folder);
    // Looked for before a build that would be for nothing. What is wrong with a folder, the build says.
    let cases = match &opened {
        Ok(folder) => asked_for(folder, test)?,
        Err(_) => Vec::new(),
    };
    let Attempt { document, outcome } = build::attempt_opened(opened, say).await?;
    let Ready { built, workbench, .. } = match outcome {
        Ok(ready) => ready,
        Err(failure) => {
            say.event(&json!(document));
            return Err(failure);
        }
    };
    let started = Instant::now();
    let counts = run_cases(&workbench, &built, &cases, |result| show(&result, say)).await;
    let took = started.elapsed();
    say.event(&json!({"cases": cases.len(), "passed": counts.passed, "failed": counts.failed, "seconds": took.as_secs_f64()}));
    match counts.failed {
        0 => {
            say.note(format_args!("{} cases passed in {}", cases.len(), seconds(took)));
            Ok(())
        }
        failed => Err(Failure::Told(format!("{failed} of {} cases failed", cases.len()))),
    }
}

/// The cases that the filter leaves, at least one.
fn asked_for(folder: &Folder, test: &Test) -> Result<Vec<Case>, Failure> {
    let (cases, others): (Vec<_>, Vec<_>) = folder.cases()?.into_iter().partition(|case| is_asked_for(&test.filter, &case.name, &case.file));
    if !cases.is_empty() {
        return Ok(cases);
    }
    let names: Vec<_> = others.into_iter().map(|case| case.name).collect();
    Err(Failure::Usage(if names.is_empty() {
        format!("no case to run: {}/tests/ has no JSON file; docs/extensions.md shows one", test.folder.display())
    } else {
        format!("no case's name or file contains `{}`; there are: {}", test.filter, listed(&names))
    }))
}

/// The first of the names, and whether there are more.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    if names.len() > NAMES_MAX { format!("{shown}, …") } else { shown }
}

/// Whether a case's name or file holds the text; everything does where there is none.
fn is_asked_for(filter: &str, name: &str, file: &str) -> bool {
    name.contains(filter) || file.contains(filter)
}

fn show(result: &CaseResult, say: &Say) {
    say.event(&as_json(result));
    let CaseResult { name, file, difference, logs, cpu, wall, memory_peak_bytes } = result;
    match difference {
        None => say.good(format_args!("{name}  ({}, {} KiB)", times(*cpu, *wall), memory_peak_bytes >> 10)),
        Some(difference) => {
            say.bad(format_args!("{name}  ({file})\n{difference}"));
            for line in logs {
                say.guest_line(line.level.as_str(), &line.message);
            }
        }
    }
}

fn times(cpu: Duration, wall: Duration) -> String {
    format!("{} CPU, {} wall", seconds(cpu), seconds(wall))
}

fn as_json(result: &CaseResult) -> Value {
    let CaseResult { name, file, difference, logs, cpu, wall, memory_peak_bytes } = result;
    let logs: Vec<_> = logs.iter().map(|line| json!({"level": line.level.as_str(), "message": line.message})).collect();
    json!({
        "case": name, "file": file, "passed": difference.is_none(), "difference": difference, "logs": logs,
        "cpu_micros": cpu.as_micros(), "wall_micros": wall.as_micros(), "memory_peak_bytes": memory_peak_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_found_by_its_name_or_file() {
        let asked = |filter| is_asked_for(filter, "too many pieces are refused", "tests/too-many.json");
        assert!(asked("") && asked("pieces") && asked("too-many.json") && !asked("few"));
    }

    #[test]
    fn no_more_than_ten_names_are_listed() {
        let names: Vec<_> = (1..=11).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names[..2]), "1, 2");
        assert!(listed(&names[..10]).ends_with("9, 10"));
        assert!(listed(&names).ends_with("9, 10, …"));
    }
}
