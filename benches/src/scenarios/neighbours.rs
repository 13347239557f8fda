//! What a victim at a fifth of what the host could do for it feels of one other
//! tenant: none, a flood of guests that never return, and a polite one whose
//! guests of 5 ms take the same CPU. In both lanes.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use tokio::runtime::Runtime;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Values, alternate},
    load::{Load, Offered, OpenLoop, Target, frame},
    stage::{Bare, Guest, Hosting, ORDER, Pace, Platform, multi_thread, spinner, worker},
};

/// Tenants of the platform.
const VICTIM: usize = 0;
const OTHER: usize = 1;
/// Of the saturated rate.
const VICTIM_PART: f64 = 0.2;
/// Calls of the flood a second: each may take 50 ms of CPU, so that it asks for ten times what two cores have.
const FLOOD_RATE: f64 = 400.0;
const POLITE_CALL: Duration = Duration::from_millis(5);
/// A victim of the slow lane: three slices.
const SLOW_VICTIM_CALL: Duration = Duration::from_micros(1_500);
/// The other tenant is there before the victim calls, so long.
const BEFORE: Duration = Duration::from_millis(300);
/// A polite tenant that got so many percent more CPU than the flood would flatter us; one that got less judges us by more.
const CPU_APART_MAX: f64 = 15.0;
/// What the polite tenant asks for, as a part of what it is to get.
const ASKED: (f64, f64) = (0.5, 2.0);
const TO_POLITE_MAX: f64 = 1.3;
/// Three slices of 0.5 ms.
const TO_ALONE_MAX_MS: f64 = 1.5;

/// Everything that the contests of both lanes share.
struct Street<'s> {
    platform: &'s Platform,
    client: &'s Runtime,
    pace: Pace,
}

/// Whom it is about.
struct Victim {
    lane: &'static str,
    extension: &'static str,
    input: String,
    /// Calls in flight that saturate, and connections: fewer in the slow lane, where a tenant has half of the places.
    saturating: (usize, usize),
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let pace = Pace::find(&Bare::start(bench.mode, 1)?)?;
    let guests: Vec<Guest> = vec![bench.built.discount()?, worker(), spinner()];
    // A breaker would end the flood: what one tenant can do with many versions is what the victim is to stand.
    let platform = Platform::start(&Hosting { memory_reset: bench.mode, tenants: 2, guests, breakers: false })?;
    let client = multi_thread()?;
    let street = Street { platform: &platform, client: &client, pace };
    let victims = [
        Victim { lane: "fast lane", extension: "order-discount", input: ORDER.to_owned(), saturating: (64, 4) },
        Victim { lane: "slow lane", extension: "worker", input: pace.input(SLOW_VICTIM_CALL), saturating: (16, 2) },
    ];
    for victim in &victims {
        street.contest(victim, bench, section)?;
    }
    Ok(())
}

/// The contests, in their order.
const ALONE: usize = 0;
const FLOOD: usize = 1;
const POLITE: usize = 2;

/// What became of the victim and of the other tenant in one round.
struct Round {
    victim: Offered,
    other: Option<Offered>,
}

impl Round {
    fn other_cores(&self) -> f64 {
        self.other.as_ref().map_or(0.0, Offered::cores)
    }
}

impl Street<'_> {
    fn contest(&self, victim: &Victim, bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
        let lane = victim.lane;
        let rate = VICTIM_PART * self.saturated_rate(victim, bench)?;
        let flood = self.calls(OTHER, "endless", "{}".to_owned(), FLOOD_RATE)?;
        let notes = RefCell::new([const { Vec::new() }; 3]);
        let run = |at: usize, other: Option<&OpenLoop>, length| -> anyhow::Result<Sample> {
            let round = self.client.block_on(self.round(victim, rate, other, length))?;
            let sample = round.victim.sample(length);
            notes.borrow_mut()[at].push(round);
            Ok(sample)
        };
        // What the flood got in the same round is what the polite tenant asks for.
        let flooded = || notes.borrow()[FLOOD].last().map_or(0.0, Round::other_cores);
        // A host at its limit gives less than it is asked for: what to ask is learnt from round to round.
        let asked = Cell::new(1.0_f64);
        let contenders = vec![
            Contender::new("alone", |length| run(ALONE, None, length)),
            Contender::new("beside the flood", |length| run(FLOOD, Some(&flood), length)),
            Contender::new("beside the polite tenant", |length| {
                let rate = asked.get() * flooded() / POLITE_CALL.as_secs_f64();
                let polite = self.calls(OTHER, "worker", self.pace.input(POLITE_CALL), rate)?;
                let sample = run(POLITE, Some(&polite), length)?;
                let got = notes.borrow()[POLITE].last().map_or(0.0, Round::other_cores);
                asked.set((asked.get() * flooded() / got).clamp(ASKED.0, ASKED.1));
                Ok(sample)
            }),
        ];
        let series = alternate(contenders, bench.plan)?;
        section.add_by(&format!("{lane}, {rate:.0}/s"), &series, |sample| sample.p99_micros);
        let p99 = |at: usize| series[at].each(|sample| sample.p99_micros);
        let to_polite = p99(FLOOD).with(&p99(POLITE), |flood, polite| flood / polite);
        let to_alone = p99(FLOOD).with(&p99(ALONE), |flood, alone| (flood - alone) / 1e3);
        section.goal(format!("{lane}: p99 beside the flood, of that beside the polite tenant"), to_polite, "×", Bound::AtMost(TO_POLITE_MAX));
        section.goal(format!("{lane}: p99 beside the flood, over that alone"), to_alone, "ms", Bound::AtMost(TO_ALONE_MAX_MS));
        // The first round of each was to warm up.
        let notes = notes.into_inner().map(|rounds| rounds.into_iter().skip(1).collect::<Vec<_>>());
        for (rounds, series) in notes.iter().zip(&series) {
            rounds.iter().for_each(|round| round.victim.must_be_whole(&format!("{lane}, {}", series.name), section));
        }
        let cores = |at: usize| Values::from(notes[at].iter().map(Round::other_cores).collect::<Vec<_>>());
        let apart = cores(POLITE).with(&cores(FLOOD), |polite, flood| (polite / flood - 1.0) * 100.0);
        if apart.rounds().iter().any(|part| *part > CPU_APART_MAX) {
            section.doubt(format!(
                "{lane}: the polite tenant had {CPU_APART_MAX} % more CPU than the flood in a round ({:.0} % in the median)",
                apart.median()
            ));
        }
        section.figure(format!("{lane}: CPU of the flood"), cores(FLOOD), "cores");
        section.figure(format!("{lane}: CPU of the polite tenant beyond the flood's"), apart, "%");
        Ok(())
    }

    /// The rate at which the host has no more to give to the victim.
    fn saturated_rate(&self, victim: &Victim, bench: &Bench) -> anyhow::Result<f64> {
        let (in_flight, connections) = victim.saturating;
        let tokens = [self.platform.tokens[VICTIM].clone()].into();
        let load = Load {
            endpoint: self.platform.address()?.into(),
            extension: victim.extension,
            input: victim.input.clone().into(),
            connections,
            in_flight,
            tokens,
        };
        Ok(self.client.block_on(load.grpc(bench.plan.length))?.rate)
    }

    fn calls(&self, tenant: usize, extension: &str, input: String, rate: f64) -> anyhow::Result<OpenLoop> {
        let (host, token) = (self.platform.address()?, self.platform.tokens[tenant].clone());
        Ok(OpenLoop::new(vec![Target { host, token, frame: frame(extension, input) }], rate))
    }

    async fn round(&self, victim: &Victim, rate: f64, other: Option<&OpenLoop>, length: Duration) -> anyhow::Result<Round> {
        let calls = self.calls(VICTIM, victim.extension, victim.input.clone(), rate)?;
        let Some(other) = other else {
            return Ok(Round { victim: calls.run(length).await?, other: None });
        };
        let later = async {
            tokio::time::sleep(BEFORE).await;
            calls.run(length).await
        };
        let (victim, other) = tokio::try_join!(later, other.run(BEFORE + length))?;
        Ok(Round { victim, other: Some(other) })
    }
}
