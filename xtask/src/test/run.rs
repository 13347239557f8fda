//! Runs steps in order and times them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Step;
use crate::{say, workspace::Workspace};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Passed,
    Failed,
    /// A step that it needs did not pass.
    NotRun {
        needs: &'static str,
    },
}

/// A step and its end.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) step: &'static Step,
    pub(super) end: End,
    pub(super) time: Duration,
}

impl Ran {
    pub(super) fn name(&self) -> &'static str {
        self.step.name
    }

    pub(super) fn passed(&self) -> bool {
        self.end == End::Passed
    }
}

/// Runs all of them.
pub(super) fn all(workspace: &Workspace, steps: &[&'static Step]) -> Vec<Ran> {
    in_order(steps, |number, step| {
        say::heading(format!("{number}/{} {} · {}", steps.len(), step.name, step.about));
        (step.run)(workspace)
    })
}

fn in_order(steps: &[&'static Step], mut run: impl FnMut(usize, &Step) -> Result<()>) -> Vec<Ran> {
    let mut ran: Vec<Ran> = Vec::with_capacity(steps.len());
    for (place, &step) in steps.iter().enumerate() {
        let missing = step.needs.iter().find(|need| ran.iter().any(|before| before.name() == **need && !before.passed()));
        let started = Instant::now();
        let end = match missing {
            Some(needs) => End::NotRun { needs },
            None => match run(place + 1, step) {
                Ok(()) => End::Passed,
                Err(error) => {
                    say::talk(say::styled(say::BAD, format!("{}: {error:#}", step.name)));
                    End::Failed
                }
            },
        };
        ran.push(Ran { step, end, time: started.elapsed() });
    }
    ran
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    static BUILD: Step = Step { name: "build", about: "", needs: &[], run: |_| Ok(()) };
    static LINT: Step = Step { name: "lint", about: "", needs: &[], run: |_| Ok(()) };
    static TESTS: Step = Step { name: "tests", about: "", needs: &["build"], run: |_| Ok(()) };

    #[test]
    fn a_failure_stops_only_what_needs_it() {
        let ran = in_order(&[&BUILD, &LINT, &TESTS], |_, step| if step.name == "build" { bail!("no") } else { Ok(()) });
        let ends: Vec<_> = ran.iter().map(|ran| ran.end).collect();
        assert_eq!(ends, [End::Failed, End::Passed, End::NotRun { needs: "build" }]);
    }
}
