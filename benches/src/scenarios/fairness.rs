//! Shares of CPU among tenants that always ask for more than they get: equal
//! ones, weighted ones, with guests that are not alike. In both lanes.
//!
//! The engine is called as a host's I/O threads call it, without transport, so
//! that the callers' own work decides nothing.

mod crowd;

use std::{sync::Arc, time::Duration};

use extensions_engine::Settings;
use extensions_types::Weight;

use self::crowd::{Crowd, Shares, Tenant};
use super::Bench;
use crate::{
    harness::{Bound, Section, Values},
    stage::{Bare, Pace, worker},
};

/// The farthest that a tenant may be from its share, in percent of it.
const APART_MAX: f64 = 5.0;
/// Threads that call, as the I/O threads of a host with two cores.
const IO_THREADS: usize = 2;
/// Four for each of a hundred tenants, and room.
const SLOW_CALLS_MAX: usize = 512;
/// Bounds of memory are not what is measured.
const SLOW_MEMORY_BYTES_MAX: usize = 64 << 30;
/// Before shares are counted, all have calls waiting, so long.
const RUN_UP: Duration = Duration::from_millis(700);

/// What tenants call: in turn, so that neighbours are unlike each other.
#[derive(Debug, Clone, Copy)]
struct Lane {
    name: &'static str,
    micros: [u64; 4],
    /// Calls in flight of all tenants on a thread; each has at least [`IN_FLIGHT_MIN`].
    in_flight: usize,
}

const IN_FLIGHT_MIN: usize = 2;
/// Within a slice each.
const FAST: Lane = Lane { name: "fast lane", micros: [60, 300, 120, 200], in_flight: 160 };
/// From two slices to forty.
const SLOW: Lane = Lane { name: "slow lane", micros: [1_000, 20_000, 3_000, 8_000], in_flight: 100 };

/// A share that is counted in slices of 0.5 ms is known to a percent or two from here on.
const SHARE_MIN: Duration = Duration::from_millis(40);

/// One contest of a lane.
struct Contest {
    name: &'static str,
    tenants: usize,
    weights: [u32; 2],
    /// One share for all: what tenants get where nobody looks at whose turn it is.
    blind: bool,
}

const CONTESTS: [Contest; 5] = [
    Contest { name: "2 tenants", tenants: 2, weights: [100, 100], blind: false },
    Contest { name: "10 tenants", tenants: 10, weights: [100, 100], blind: false },
    Contest { name: "100 tenants", tenants: 100, weights: [100, 100], blind: false },
    Contest { name: "10 tenants, weights 1 and 3", tenants: 10, weights: [100, 300], blind: false },
    Contest { name: "10 tenants under one share, to compare", tenants: 10, weights: [100, 100], blind: true },
];

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let settings = Settings {
        memory_reset: bench.mode,
        io_threads: IO_THREADS,
        slow_calls_max: SLOW_CALLS_MAX,
        slow_memory_bytes_max: SLOW_MEMORY_BYTES_MAX,
        ..Settings::default()
    };
    for lane in [FAST, SLOW] {
        // An engine of its own: nobody's history reaches the other lane.
        let bare = Bare::with(settings)?;
        let pace = Pace::find(&bare)?;
        for contest in &CONTESTS {
            let mut rounds = Vec::new();
            for _ in 0..bench.plan.rounds {
                let crowd = Arc::new(Crowd::of(tenants(contest, lane, &bare, pace)?, contest.blind));
                rounds.push(crowd.compete(&bare, IO_THREADS, RUN_UP, bench.plan.length)?);
            }
            tell(lane, contest, &rounds, section);
        }
        let surprises = bare.engine.figures().surprises;
        section.figure(format!("{}: tenants that were taken for a surprise", lane.name), surprises as f64, "times");
    }
    Ok(())
}

fn tenants(contest: &Contest, lane: Lane, bare: &Bare, pace: Pace) -> anyhow::Result<Vec<Tenant>> {
    let in_flight = (lane.in_flight / contest.tenants).max(IN_FLIGHT_MIN);
    let tenant = |at: usize| {
        let name = format!("tenant-{at}");
        let cost = Duration::from_micros(lane.micros[at % lane.micros.len()]);
        // By pairs, so that a weight and a kind of guest do not always come together.
        let weight = Weight::new(contest.weights[at / 2 % 2])?;
        anyhow::Ok(Tenant { extension: bare.load(&worker(), &name)?, input: pace.input(cost), weight, in_flight, name })
    };
    (0..contest.tenants).map(tenant).collect()
}

fn tell(lane: Lane, contest: &Contest, rounds: &[Shares], section: &mut Section) {
    let of = |figure: fn(&Shares) -> f64| Values::from(rounds.iter().map(figure).collect::<Vec<_>>());
    let name = format!("{}, {}", lane.name, contest.name);
    let apart = of(Shares::farthest_percent);
    if contest.blind {
        section.figure(format!("{name}: farthest from its share"), apart, "%");
    } else {
        section.goal(format!("{name}: farthest from its share"), apart, "%", Bound::AtMost(APART_MAX));
    }
    section.figure(format!("{name}: CPU of all"), of(|shares| shares.cores), "cores");
    let least = of(Shares::mean_seconds).rounds().iter().copied().fold(f64::INFINITY, f64::min);
    if least < SHARE_MIN.as_secs_f64() {
        section.doubt(format!("{name}: {:.0} ms of CPU for each tenant are too few to tell shares by", least * 1e3));
    }
    if let Some(refused) = Some(of(|shares| shares.refused as f64)).filter(|refused| refused.median() > 0.0) {
        section.figure(format!("{name}: refused as overload"), refused, "calls");
    }
}
