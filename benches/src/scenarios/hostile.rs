//! Memory of a host under minutes of every kind of attack, beside a victim
//! whose calls must be answered. Both reset modes at once, a process each.

mod attacks;
mod callers;
mod host;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

pub(super) use self::host::{HOST, run as run_host};
use self::{attacks::ATTACKS, host::Beset};
use super::{Bench, modes_here};
use crate::{
    harness::{Bound, Section, Series, Values, mode_name},
    load::{Offered, OpenLoop, Target, frame},
    stage::{ORDER, multi_thread},
};

/// Memory is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Growth counts from this part of the time on: minute 2 of 10.
const FROM: f64 = 0.2;
/// Memory at a moment is the median over this part of the time before it: a minute of ten, since
/// what guests hold at any one moment comes and goes.
const BEFORE: f64 = 0.1;
const GROWTH_MAX: f64 = 1.05;
const VICTIM_RATE: f64 = 50.0;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let modes = modes_here(section);
    let discount = bench.built.discount_path();
    let hosts = modes.iter().map(|mode| Beset::start(*mode, discount)).collect::<anyhow::Result<Vec<_>>>()?;
    let client = multi_thread()?;
    let sieges = client.block_on(futures_util::future::try_join_all(hosts.iter().map(|host| besiege(host, bench.plan.length))))?;
    for (mode, siege) in modes.iter().zip(&sieges) {
        tell(mode_name(*mode), siege, bench.plan.length, section)?;
    }
    Ok(())
}

/// What one host went through.
struct Siege {
    /// Seconds since the start, and MiB.
    memory: Vec<(f64, f64)>,
    victim: Offered,
    /// Calls that each attack made, and by how many of them it was answered otherwise than by a good answer.
    attacks: Vec<(&'static str, Offered)>,
    callers: u64,
}

async fn besiege(host: &Beset, length: Duration) -> anyhow::Result<Siege> {
    let mut attacks = JoinSet::new();
    for attack in ATTACKS {
        // Each tenant attacks in each way.
        let targets = host.attackers.iter().map(|token| Target { host: host.address, token: token.clone(), frame: frame(attack.name, attack.input) });
        let load = OpenLoop::new(targets.collect(), attack.rate);
        attacks.spawn(async move { anyhow::Ok((attack.name, load.run(length).await.with_context(|| attack.name)?)) });
    }
    let victim = OpenLoop::new(vec![Target { host: host.address, token: host.victim.clone(), frame: frame("order-discount", ORDER) }], VICTIM_RATE);
    let strangers = Arc::new(host.strangers.clone());
    let (memory, victim, callers) = tokio::try_join!(watch(host, length), victim.run(length), callers::trouble(host.address, strangers, length))?;
    let mut ended = Vec::new();
    while let Some(attack) = attacks.join_next().await {
        ended.push(attack??);
    }
    ended.sort_by_key(|(name, _)| *name);
    Ok(Siege { memory, victim, attacks: ended, callers })
}

async fn watch(host: &Beset, length: Duration) -> anyhow::Result<Vec<(f64, f64)>> {
    let (start, mut looks) = (Instant::now(), tokio::time::interval(LOOK_EVERY));
    let mut seen = Vec::new();
    while start.elapsed() < length {
        looks.tick().await;
        seen.push((start.elapsed().as_secs_f64(), host.resident_kib()? as f64 / 1024.0));
    }
    Ok(seen)
}

fn tell(mode: &str, siege: &Siege, length: Duration, section: &mut Section) -> anyhow::Result<()> {
    let (begin, end) = (at(&siege.memory, length, FROM), at(&siege.memory, length, 1.0));
    ensure!(begin.median() > 0.0, "no memory was seen");
    let minutes = length.as_secs_f64() / 60.0;
    let title = format!("{mode}: RSS at {minutes:.1} min over {:.1} min", minutes * FROM);
    section.goal(title, end.median() / begin.median(), "×", Bound::AtMost(GROWTH_MAX));
    section.figure(format!("{mode}: RSS at {minutes:.1} min"), end, "MiB");
    section.figure(format!("{mode}: RSS at the most"), siege.memory.iter().map(|seen| seen.1).fold(0.0, f64::max), "MiB");
    section.goal(format!("{mode}: calls of the victim that failed"), siege.victim.failed() as f64, "", Bound::AtMost(0.0));
    for (problem, calls) in siege.victim.problems() {
        section.figure(format!("{mode}: the victim was answered {problem}"), calls as f64, "");
    }
    section.figure(format!("{mode}: connections and tokens of no use"), siege.callers as f64, "");
    let row = |name: &str, offered: &Offered| Series { name: name.to_owned(), samples: vec![offered.sample(length)] };
    section.add(mode, &[row("victim", &siege.victim)]);
    for (name, offered) in &siege.attacks {
        section.add(mode, &[row(name, offered)]);
        // An attack that does not come does not count.
        if offered.ended() == 0 {
            section.doubt(format!("{mode}: attack `{name}` was never answered"));
        }
    }
    Ok(())
}

/// Memory up to a part of the time.
fn at(memory: &[(f64, f64)], length: Duration, part: f64) -> Values {
    let (from, to) = ((part - BEFORE) * length.as_secs_f64(), part * length.as_secs_f64());
    let within: Vec<_> = memory.iter().filter(|seen| seen.0 >= from && seen.0 <= to).map(|seen| seen.1).collect();
    within.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_up_to_its_moment() {
        let seconds: Vec<_> = (0..100).map(|second| (f64::from(second), f64::from(second))).collect();
        let length = Duration::from_secs(100);
        assert!((at(&seconds, length, 0.2).median() - 15.0).abs() < 0.6);
        assert!((at(&seconds, length, 1.0).median() - 94.5).abs() < 0.6);
    }
}
