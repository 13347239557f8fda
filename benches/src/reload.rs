//! Promotions and switches on a fleet of real processes: how soon they reach
//! both hosts, with Redis and without, and what calls feel of them meanwhile.
//!
//! Registry, signer, two hosts of prod, Redis and MinIO are children; the load
//! shares their cores. Machine code of every version is stored before it is promoted.

mod changes;
mod line;
mod open_loop;
mod stage;

use std::time::Duration;

use anyhow::Context as _;

use self::{changes::Reached, open_loop::Offered, stage::Stage};
use crate::{
    report::{Bound, Report},
    rounds::{Plan, Sample, Series, median},
    servers::multi_thread,
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
    fn of(plan: Plan) -> Self {
        if plan.length < Duration::from_secs(1) {
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

pub(crate) fn measure(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let scale = Scale::of(plan);
    let runtime = multi_thread()?;
    let mut stage = Stage::set(runtime.handle(), scale.versions()).context("the stage")?;
    runtime.block_on(async {
        stage.promote_first().await?;
        let heard = stage.promotions(scale.heard).await.context("promotions with Redis")?;
        let switched = stage.switches(scale.heard).await.context("switches with Redis")?;
        under_load(&mut stage, scale, report).await.context("reload under load")?;
        stage.take_redis_away();
        let polled = stage.promotions(scale.polled).await.context("promotions without Redis")?;
        let switched_polled = stage.switches(scale.polled).await.context("switches without Redis")?;
        report_promotions(&heard, "with Redis", Duration::from_millis(100), report);
        report_promotions(&polled, "without Redis", POLL + Duration::from_millis(200), report);
        for (switches, how) in [(switched, "with Redis"), (switched_polled, "without Redis")] {
            let slowest = switches.iter().map(|reached| reached.from_asked).max().unwrap_or_default();
            report.goal(format!("switch asked for → refused everywhere, {how}, slowest"), seconds(slowest), "s", Bound::AtMost(1.0));
        }
        anyhow::Ok(())
    })?;
    stage.end();
    Ok(())
}

/// From when the promotion has happened, which its answer says; and all of it, from the command.
fn report_promotions(reached: &[Reached], how: &str, most: Duration, report: &mut Report) {
    let millis = |figure: fn(&Reached) -> Duration| median(reached.iter().map(|one| seconds(figure(one)) * 1e3).collect());
    let slowest = reached.iter().map(|one| seconds(one.from_answered) * 1e3).fold(0.0, f64::max);
    let bound = Bound::AtMost(seconds(most) * 1e3);
    report.goal(format!("promoted → served on both hosts, {how}"), millis(|one| one.from_answered), "ms", bound);
    report.goal(format!("promoted → served on both hosts, {how}, slowest"), slowest, "ms", bound);
    report.figure(format!("promotion asked for → served on both hosts, {how}"), millis(|one| one.from_asked), "ms");
}

/// Half the saturated rate: quiet, with a promotion a second, quiet again.
async fn under_load(stage: &mut Stage, scale: Scale, report: &mut Report) -> anyhow::Result<()> {
    let rate = stage.saturated_rate(scale.window).await? / 2.0;
    let mapped = stage.mapped()?;
    let before = stage.open_loop(rate, scale).run(scale.quiet).await?;
    let busy = stage.open_loop(rate, scale);
    let length = EVERY * u32::try_from(scale.reloads)?;
    let (during, promoted) = tokio::join!(busy.run(length), stage.promote_every_second(scale.reloads, busy.replaced()));
    let (during, late_promotions) = (during?, promoted?);
    let after = stage.open_loop(rate, scale).run(scale.quiet).await?;
    let mapped = stage.mapped()? - mapped;

    let (quiet_p99, p99) = (median([&before, &after].map(Offered::p99_micros).to_vec()), during.p99_micros());
    let quiet = Series { name: format!("quiet, open loop at {rate:.0} a second"), samples: [before.samples(), after.samples()].concat() };
    let reload = Series { name: format!("{} promotions, one a second", scale.reloads), samples: during.samples() };
    report.add_by("reload", &[quiet, reload], |sample: &Sample| sample.p99_micros);
    report.goal("calls that failed during reload", during.failed() as f64, "", Bound::AtMost(0.0));
    report.goal("answers by a version replaced more than 1 s before", during.stale() as f64, "", Bound::AtMost(0.0));
    report.goal("p99 during reload, of the quiet p99", p99 / quiet_p99, "×", Bound::AtMost(1.5));
    report.goal("calls begun more than 10 ms late or left out, of all", during.not_offered(), "", Bound::AtMost(0.01));
    report.goal("versions fetched and mapped for the first time, on each host", mapped as f64 / 2.0, "", Bound::AtLeast(scale.reloads as f64));
    report.figure("promotions that began later than their second", late_promotions as f64, "");
    if let Some((problem, calls)) = during.first_failure() {
        report.figure(format!("failed with {problem}"), calls as f64, "");
    }
    Ok(())
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
