//! The price of explicit bounds checks: the same calls in both profiles, in
//! both reset modes, by a guest in our compact layout and by the same one in
//! the linker's own.

use extensions_engine::Settings;
use extensions_engine_config::{Bounds, MemoryReset, Profile};

use super::{
    Bench,
    in_process::{invoke, one_thread},
    modes_here,
};
use crate::{
    harness::{Contender, Sample, Section, Series, alternate, mode_name},
    stage::{Bare, Guest, ORDER, context},
};

const TENANT: &str = "bench";
const BOUNDS: [Bounds; 2] = [Bounds::Guards, Bounds::Hardened];
/// Each engine reserves address space for its slots.
const SLOW_CALLS_MAX: usize = 2;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let modes = modes_here(section);
    for (layout, guest) in [("compact", bench.built.discount()?), ("default layout", bench.built.roomy()?)] {
        // All beside each other: four engines, in turn.
        let engines = modes.iter().flat_map(|mode| BOUNDS.map(|bounds| start(bounds, *mode))).collect::<anyhow::Result<Vec<_>>>()?;
        let series = beside(&engines, &guest, bench)?;
        section.add_by(layout, &series, Sample::cpu);
        for (mode, pair) in modes.iter().zip(series.chunks(BOUNDS.len())) {
            prices(layout, *mode, pair, section);
        }
    }
    Ok(())
}

fn start(bounds: Bounds, memory_reset: MemoryReset) -> anyhow::Result<(String, Bare)> {
    let profile = Profile { bounds };
    let settings = Settings { profile, memory_reset, io_threads: 1, slow_calls_max: SLOW_CALLS_MAX, ..Settings::default() };
    Ok((format!("{}, {}", profile.name(), mode_name(memory_reset)), Bare::with(settings)?))
}

fn beside(engines: &[(String, Bare)], guest: &Guest, bench: &Bench) -> anyhow::Result<Vec<Series>> {
    let context = context(TENANT);
    let mut contenders = Vec::new();
    for (name, bare) in engines {
        let (engine, extension, context) = (&bare.engine, bare.load(guest, TENANT)?, &context);
        contenders.push(Contender::new(name, move |length| one_thread(length, || invoke(engine, &extension, context, ORDER))));
    }
    alternate(contenders, bench.plan)
}

/// What `hardened` costs over `guards`, in one layout and mode.
fn prices(layout: &str, mode: MemoryReset, pair: &[Series], section: &mut Section) {
    let [guards, hardened] = pair else { return };
    let mode = mode_name(mode);
    let over = hardened.each(Sample::cpu).with(&guards.each(Sample::cpu), |own, other| own - other);
    section.figure(format!("hardened over guards, {layout}, {mode}: CPU of a call"), over, "µs");
    section.figure(format!("hardened over guards, {layout}, {mode}: ratio"), hardened.ratio(guards, Sample::cpu), "×");
}
