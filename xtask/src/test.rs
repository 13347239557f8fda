//! `cargo xtask test`: everything that must hold, in one orderly run. Cheap
//! checks come first; a step that fails stops only what needs it, so that one
//! run shows all there is to mend.

mod run;
mod steps;
mod table;

use anyhow::{Result, ensure};

use self::{run::Ran, steps::Step};
use crate::{say, workspace::Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this step and what it needs; may be given several times
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Name the steps and stop
    #[arg(long)]
    list: bool,
}

/// The task.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for step in steps::ALL {
            say::data(format!("{:<10} {}", step.name, step.about));
        }
        return Ok(());
    }
    let chosen = steps::choose(&arguments.only)?;
    let ran = run::all(workspace, &chosen);
    say::talk(table::render(&ran));
    let failed: Vec<_> = ran.iter().filter(|step| !step.passed()).map(Ran::name).collect();
    ensure!(failed.is_empty(), "{} of {} steps did not pass; repeat one with `cargo xtask test --only {}`", failed.len(), ran.len(), failed[0]);
    Ok(())
}
