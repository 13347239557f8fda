//! A guest that never answers, beside others that do.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    calls::{Caller, Way},
    rules::Rule,
    scratch::Scratch,
};
use crate::guests::Ext;

const NAME: &str = "spinner";
const SPINS: usize = 5;
const SOURCE: &str = r#"//! Never answers.

use ameide_extension::{HookError, process_hook};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Nothing {}

#[process_hook]
fn run(_task: &str, _nothing: Nothing) -> Result<Nothing, HookError> {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
"#;

/// What was seen while it span.
#[derive(Debug)]
pub(super) struct Spun {
    /// The outcome of every spin.
    pub(super) code: String,
    pub(super) spins: usize,
    /// The longest of them, with the start and end of the `ext` process.
    pub(super) longest: Duration,
    /// Calls of others meanwhile.
    pub(super) others: usize,
    /// The longest of those, from acceptance to outcome.
    pub(super) slowest: Duration,
}

/// Makes the extension: what `ext new` gives, with an endless rule.
pub(super) fn create(ext: &Ext, scratch: &Scratch) -> Result<PathBuf> {
    let folder = scratch.path(NAME);
    ext.job().args(["--quiet", "new", NAME, "--kind", "process-hook", "--lang", "rust"]).dir(&scratch.path("")).without_data().run()?;
    // Its own cases are about another rule.
    std::fs::remove_dir_all(folder.join("tests")).context("the new extension has cases")?;
    std::fs::write(folder.join("src/lib.rs"), SOURCE).context("the new extension has a src/lib.rs")?;
    Ok(folder)
}

/// Lets it spin while another extension is called.
pub(super) fn show(caller: &Caller<'_>, other: &Rule) -> Result<Spun> {
    let spinning = AtomicBool::new(true);
    thread::scope(|scope| {
        let spins = scope.spawn(|| {
            let outcome = spin(caller);
            spinning.store(false, Ordering::Release);
            outcome
        });
        let others = call_others(caller, other, &spinning);
        let (code, longest) = spins.join().map_err(|_| anyhow::anyhow!("the spinning calls panicked"))??;
        let (others, slowest) = others?;
        Ok(Spun { code, spins: SPINS, longest, others, slowest })
    })
}

fn spin(caller: &Caller<'_>) -> Result<(String, Duration)> {
    let rule = Rule { extension: NAME, point: "Spin".to_owned(), input: "{}".to_owned(), output: Value::Null, shows: String::new() };
    let mut longest = Duration::ZERO;
    let mut code = String::new();
    for _ in 0..SPINS {
        let answer = caller.invoke(&rule, Way::Grpc)?;
        code = answer.error_code().unwrap_or("no error").to_owned();
        ensure!(code == "CPU_LIMIT", "the spinning guest ended with {code}, not CPU_LIMIT");
        longest = longest.max(answer.took);
    }
    Ok((code, longest))
}

fn call_others(caller: &Caller<'_>, rule: &Rule, spinning: &AtomicBool) -> Result<(usize, Duration)> {
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while spinning.load(Ordering::Acquire) {
        let answer = caller.invoke(rule, Way::Grpc)?;
        answer.output().context("while another guest span")?;
        slowest = slowest.max(Duration::from_micros(answer.wall_micros().unwrap_or_default()));
        calls += 1;
    }
    ensure!(calls > 0, "no other call was answered while a guest span");
    Ok((calls, slowest))
}
