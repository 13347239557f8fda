//! A whole host on one core and on two: recorded HTTP/2 bytes are fed to it on
//! its own threads, so that nothing of the cores goes to a caller.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Servers, alternate, hold_on_cores},
    load::{Fed, Feeding, Recording, frame},
    stage::{Hosting, ORDER, Platform, multi_thread},
};

const CONNECTIONS_PER_CORE: usize = 2;
const IN_FLIGHT_PER_CONNECTION: usize = 32;
const TWO_OVER_ONE_MIN: f64 = 1.8;
/// Within this the last answers come when no more is asked.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// A host with an I/O thread for each of its cores, and what is fed to it.
struct Held {
    cores: usize,
    platform: Platform,
    recordings: Vec<Recording>,
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let all = std::thread::available_parallelism()?.get();
    ensure!(all >= 2, "this machine has one core");
    let (one, two) = (Held::start(bench, 1)?, Held::start(bench, 2)?);
    // Every thread of the process is held, not the I/O threads alone: the host's others are part of it.
    let round = |held: &Held, length| {
        hold_on_cores(held.cores)?;
        let sample = held.round(length);
        hold_on_cores(all)?;
        sample
    };
    let contenders = vec![
        Contender::served("one core", Servers::Hosts, |length| round(&one, length)),
        Contender::served("two cores", Servers::Hosts, |length| round(&two, length)),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add("recorded bytes", &series);
    section.goal("a host on two cores over one", series[1].ratio(&series[0], |sample| sample.rate), "×", Bound::AtLeast(TWO_OVER_ONE_MIN));
    Ok(())
}

impl Held {
    fn start(bench: &Bench, cores: usize) -> anyhow::Result<Self> {
        let hosting = Hosting { memory_reset: bench.mode, tenants: 100, guests: vec![bench.built.discount()?], breakers: true };
        let platform = Platform::start_with(&hosting, |settings| settings.listen.io_threads = cores)?;
        let (client, message) = (multi_thread()?, frame("order-discount", ORDER));
        let tokens = platform.tokens.iter().take(cores * CONNECTIONS_PER_CORE);
        let recordings = tokens.map(|token| client.block_on(Recording::make(token, &message))).collect::<anyhow::Result<_>>()?;
        Ok(Self { cores, platform, recordings })
    }

    fn round(&self, length: Duration) -> anyhow::Result<Sample> {
        let (feeding, (send, ended), start) = (Arc::new(Feeding::default()), mpsc::channel(), Instant::now());
        for (at, recording) in self.recordings.iter().enumerate() {
            let fed = Fed::new(recording.clone(), IN_FLIGHT_PER_CONNECTION, Arc::clone(&feeding), send.clone());
            ensure!(self.platform.attach(at % self.cores, Box::new(fed)), "the host takes no connection");
        }
        std::thread::sleep(length);
        feeding.over.store(true, Relaxed);
        for _ in &self.recordings {
            let ended = ended.recv_timeout(LAST_ANSWERS).context("the last answers did not come")?;
            ended.map_err(|broken| anyhow::anyhow!("a connection broke: {broken}"))?;
        }
        let calls = feeding.answered.load(Relaxed) as f64;
        // Nobody waits for single answers, so they have no times.
        Ok(Sample { rate: calls / start.elapsed().as_secs_f64(), cpu_micros: None, p50_micros: f64::NAN, p99_micros: f64::NAN })
    }
}
