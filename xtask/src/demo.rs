//! `cargo xtask demo`: the product in one go on a fresh machine. It installs
//! what is missing, builds, serves the guest examples, calls each in every way
//! there is, shows a guest that spins being stopped, builds the same rule in
//! every language and a build script that tries to get out, takes a rule from a
//! draft to production and back, and leaves nothing behind but the toolchains.

mod calls;
mod hostile;
mod languages;
mod platform;
mod report;
mod rules;
mod scratch;
mod spinner;
mod walk;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::{calls::Caller, report::Report};
pub(crate) use self::{platform::Platform, rules::Rule, scratch::Scratch};
use crate::{
    child::Job,
    guests::{self, Ext},
    say,
    workspace::Workspace,
};

/// The task.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let started = Instant::now();
    let mut report = Report::default();
    // The whole workspace, as the tests build it: another selection could build the engine a second time.
    report.step("build", || Job::cargo(workspace.root()).args(["build", "--release", "--workspace"]).run())?;
    report.step("toolchain", || guests::install_toolchain(workspace))?;
    let ext = Ext::find(workspace)?;
    let scratch = Scratch::new()?;
    let mut folders: Vec<_> = rules::EXAMPLES.iter().map(|example| workspace.path(example)).collect();
    folders.push(report.step("spinner", || spinner::create(&ext, &scratch))?);

    let rule = walk::create(&ext, &scratch)?;

    let platform = report.step("start", || Platform::start(&ext, &folders, &scratch))?;
    let rules = rules::read(workspace)?;
    let caller = Caller::new(&ext, &platform)?;
    let told = show(&caller, &rules, &mut report)
        .and_then(|()| compile(&ext, &platform, &caller, &scratch, &mut report))
        .and_then(|()| report.step("walk", || walk::show(&ext, &platform, &scratch, &rule)))
        .with_context(|| format!("the server's last words:\n{}", platform.log_tail()));
    let stopped = report.step("stop", || platform.stop());
    report.walked(told?);
    stopped?;
    let left = scratch.remove()?;
    say::talk(report.render(started.elapsed()));
    ensure!(!left, "the demo's temporary folder could not be removed");
    Ok(())
}

/// How this example is called.
pub(crate) fn rule(workspace: &Workspace, extension: &str) -> Result<Rule> {
    let rule = rules::read(workspace)?.into_iter().find(|rule| rule.extension == extension);
    rule.with_context(|| format!("the demo has no case of {extension}"))
}

fn show(caller: &Caller<'_>, rules: &[Rule], report: &mut Report) -> Result<()> {
    say::heading("calls");
    for rule in rules {
        for way in calls::WAYS {
            let answer = caller.invoke(rule, way)?;
            let output = answer.output().with_context(|| format!("{} over {}", rule.extension, way.name()))?;
            ensure!(*output == rule.output, "{} over {} answered {output}, not {}", rule.extension, way.name(), rule.output);
            report.called(rule, way, &answer);
        }
    }
    report.spun(spinner::show(caller, &rules[0])?);
    Ok(())
}

/// The compile worker: every language, and one that tries to get out.
fn compile(ext: &Ext, platform: &Platform, caller: &Caller<'_>, scratch: &Scratch, report: &mut Report) -> Result<()> {
    let spoken = report.step("languages", || languages::show(ext, platform, caller, scratch))?;
    let contained = report.step("hostile build", || hostile::show(ext, platform, caller, scratch))?;
    report.compiled(spoken, contained);
    Ok(())
}
