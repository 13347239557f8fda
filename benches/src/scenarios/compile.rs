//! What the compile worker costs beside the bare tools: the check, machine code
//! in the child, warm builds, and the memory that bad inputs take.

mod builds;
mod corpus;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use extensions_aot::Compiler;
use extensions_compiler_core::{Expected, check};
use extensions_engine_config::{Profile, compile_engine};
use extensions_host::THIS_BINARY;
use extensions_types::Language;

use self::builds::Source;
pub(super) use self::corpus::{ARGUMENT as CORPUS, run as run_corpus};
use super::Bench;
use crate::harness::{Bound, Contender, Plan, Sample, Section, alternate, latencies};

/// One build takes seconds: this many rounds of each are enough for a median.
const BUILD_ROUNDS_MAX: usize = 3;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let (folders, plan) = (&bench.folders, bench.plan);
    ensure!(!folders.is_empty(), "name the extensions to build with --folder");
    let sources = folders.iter().map(|folder| Source::open(folder)).collect::<anyhow::Result<Vec<_>>>()?;
    for source in &sources {
        checked(source, plan, section)?;
    }
    let largest = sources.iter().max_by_key(|source| source.module.len()).context("a folder")?;
    machine_code(largest, plan, section)?;
    builds::measure(&sources, Plan { rounds: plan.rounds.min(BUILD_ROUNDS_MAX), ..plan }, section)?;
    corpus::measure(section)
}

/// Prescan, validation, componentizing and conformance.
fn checked(source: &Source, plan: Plan, section: &mut Section) -> anyhow::Result<()> {
    let expected = || Expected { kind: Some(source.kind()), ..Expected::default() };
    let first = check(&source.module, expected());
    ensure!(first.is_servable(), "{} may not be served: {:?}", source.name(), first.findings);
    let name = format!("check {} module, {} KiB", source.name(), source.module.len() >> 10);
    let contender = Contender::new(&name, |length| {
        repeated(length, || {
            ensure!(check(&source.module, expected()).is_servable(), "it may not be served");
            Ok(())
        })
    });
    let series = alternate(vec![contender], plan)?;
    section.add("compile", &series);
    let bound = match source.language() {
        Language::TinyGo => 30.0,
        Language::Rust | Language::AssemblyScript | Language::Wasm => 10.0,
    };
    section.goal(name, series[0].each(|sample| sample.p50_micros / 1e3), "ms", Bound::AtMost(bound));
    Ok(())
}

/// A fresh child that has to start and to hand its code over, beside the compiler alone.
fn machine_code(source: &Source, plan: Plan, section: &mut Section) -> anyhow::Result<()> {
    let component = check(&source.module, Expected { kind: Some(source.kind()), ..Expected::default() }).component.context("a component")?;
    let (engine, compiler) = (compile_engine(Profile::default())?, Compiler::new(THIS_BINARY.into(), Profile::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bare = || -> anyhow::Result<()> { engine.precompile_component(&component).map(drop).map_err(|error| anyhow::anyhow!("{error:#}")) };
    let in_child = || -> anyhow::Result<()> { Ok(runtime.block_on(compiler.compile(&component)).code.map(drop)?) };
    let contenders = vec![
        Contender::new(format!("bare precompile_component, {}", source.name()), |length| repeated(length, bare)),
        Contender::new(format!("machine code in the child, {}", source.name()), |length| repeated(length, in_child)),
    ];
    let series = alternate(contenders, plan)?;
    section.add("compile", &series);
    let p50 = |at: usize| series[at].median(|sample| sample.p50_micros) / 1e3;
    section.goal("machine code in the child over bare", p50(1) - p50(0), "ms", Bound::AtMost(50.0));
    Ok(())
}

/// Does it again until `length` has passed, at least once.
fn repeated(length: Duration, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Sample> {
    let mut histogram = latencies();
    let start = Instant::now();
    loop {
        let begin = Instant::now();
        work()?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
        if start.elapsed() >= length {
            break;
        }
    }
    Ok(Sample::of(&histogram, start.elapsed()))
}

/// A file's path as an error names it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
