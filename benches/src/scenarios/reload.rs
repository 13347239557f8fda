//! Promotions and switches on a fleet of real processes: how soon they reach
//! both hosts, with Redis and without, and what calls feel of them meanwhile.
//!
//! Registry, signer, two hosts of prod, Redis and MinIO are children; the load
//! shares their cores. Machine code of every version is stored before it is promoted.

mod changes;
mod replaced;
mod stage;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;

use self::{changes::Reached, replaced::Replaced, stage::Stage};
use super::{Bench, Size};
use crate::{
    harness::{Bound, Sample, Section, Series, Values, median},
    load::Offered,
    stage::multi_thread,
};

/// Between two promotions under load; a replaced version must be gone within it.
const EVERY: Duration = Duration::from_secs(1);
/// Hosts list their entries every 5 s at the latest, and look at switches every 400 ms.
const POLL: Duration = Duration::from_secs(5);

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Promotions under load, one a second.
    reloads: usize,
    /// Before and after them.
    quiet: Duration,
    /// Percentiles are taken of each so long.
    window: Duration,
    /// Single promotions, and switches, that are timed with Redis.
    heard: usize,
    /// The same without Redis.
    polled: usize,
}

impl Scale {
    fn of(size: Size) -> Self {
        if size == Size::Quick {
            let (quiet, window) = (Duration::from_secs(4), Duration::from_secs(2));
            return Self { reloads: 10, quiet, window, heard: 3, polled: 2 };
        }
        Self { reloads: 60, quiet: Duration::from_secs(20), window: Duration::from_secs(10), heard: 10, polled: 4 }
    }

    /// One is served before anything is measured.
    fn versions(self) -> usize {
        1 + self.heard + self.reloads + self.polled
    }
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let scale = Scale::of(bench.size);
    let runtime = multi_thread()?;
    let mut stage = Stage::set(runtime.handle(), scale.versions()).context("the stage")?;
    runtime.block_on(async {
        stage.promote_first().await?;
        let heard = stage.promotions(scale.heard).await.context("promotions with Redis")?;
        let switched = stage.switches(scale.heard).await.context("switches with Redis")?;
        under_load(&mut stage, scale, section).await.context("reload under load")?;
        stage.take_redis_away();
        let polled = stage.promotions(scale.polled).await.context("promotions without Redis")?;
        let switched_polled = stage.switches(scale.polled).await.context("switches without Redis")?;
        report_promotions(&heard, "with Redis", Duration::from_millis(100), section);
        report_promotions(&polled, "without Redis", POLL + Duration::from_millis(200), section);
        for (switches, how) in [(switched, "with Redis"), (switched_polled, "without Redis")] {
            let slowest = switches.iter().map(|reached| reached.from_asked).max().unwrap_or_default();
            section.goal(format!("switch asked for → refused everywhere, {how}, slowest"), seconds(slowest), "s", Bound::AtMost(1.0));
        }
        anyhow::Ok(())
    })?;
    stage.end();
    Ok(())
}

/// From when the promotion has happened, which its answer says; and all of it, from the command.
fn report_promotions(reached: &[Reached], how: &str, most: Duration, section: &mut Section) {
    let millis = |figure: fn(&Reached) -> Duration| Values::from(reached.iter().map(|one| seconds(figure(one)) * 1e3).collect::<Vec<_>>());
    let slowest = reached.iter().map(|one| seconds(one.from_answered) * 1e3).fold(0.0, f64::max);
    let bound = Bound::AtMost(seconds(most) * 1e3);
    section.goal(format!("promoted → served on both hosts, {how}"), millis(|one| one.from_answered), "ms", bound);
    section.goal(format!("promoted → served on both hosts, {how}, slowest"), slowest, "ms", bound);
    section.figure(format!("promotion asked for → served on both hosts, {how}"), millis(|one| one.from_asked), "ms");
}

/// Half the saturated rate: quiet, with a promotion a second, quiet again.
async fn under_load(stage: &mut Stage, scale: Scale, section: &mut Section) -> anyhow::Result<()> {
    let rate = stage.saturated_rate(scale.window).await? / 2.0;
    let mapped = stage.mapped()?;
    let before = stage.open_loop(rate, scale).run(scale.quiet).await?;
    let replaced = Arc::new(Replaced::default());
    let busy = stage.open_loop(rate, scale).watched(replaced.watch());
    let length = EVERY * u32::try_from(scale.reloads)?;
    let (during, promoted) = tokio::join!(busy.run(length), stage.promote_every_second(scale.reloads, &replaced));
    let (during, late_promotions) = (during?, promoted?);
    let after = stage.open_loop(rate, scale).run(scale.quiet).await?;
    let mapped = stage.mapped()? - mapped;

    let (quiet_p99, p99) = (median([&before, &after].map(p99_of).to_vec()), p99_of(&during));
    let quiet = Series { name: format!("quiet, open loop at {rate:.0} a second"), samples: [before.samples(), after.samples()].concat() };
    let reload = Series { name: format!("{} promotions, one a second", scale.reloads), samples: during.samples() };
    section.add_by("reload", &[quiet, reload], |sample: &Sample| sample.p99_micros);
    section.goal("calls that failed during reload", during.failed() as f64, "", Bound::AtMost(0.0));
    section.goal("answers by a version replaced more than 1 s before", replaced.stale() as f64, "", Bound::AtMost(0.0));
    section.goal("p99 during reload, of the quiet p99", p99 / quiet_p99, "×", Bound::AtMost(1.5));
    section.goal("calls begun more than 10 ms late or left out, of all", during.not_offered(), "", Bound::AtMost(0.01));
    section.goal("versions fetched and mapped for the first time, on each host", mapped as f64 / 2.0, "", Bound::AtLeast(scale.reloads as f64));
    section.figure("promotions that began later than their second", late_promotions as f64, "");
    for (problem, calls) in during.problems() {
        section.figure(format!("failed with {problem}"), calls as f64, "");
    }
    Ok(())
}

fn p99_of(offered: &Offered) -> f64 {
    offered.sample(Duration::from_secs(1)).p99_micros
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
