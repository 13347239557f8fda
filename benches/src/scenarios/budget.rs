//! What a call may cost: its CPU from admission to account over the floor's,
//! against a budget. `cargo xtask test` fails where it is exceeded.
//!
//! Both run in turn on one thread, a few calls each and in every order, so that
//! whatever the machine does it does to both, and only the median of many
//! rounds' ratios counts. Times are not compared with anything outside of the run.

use std::{
    iter::Cycle,
    ops::{Range, RangeInclusive},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use extensions_engine_config::{PoolSize, Profile, host_engine};

use super::Bench;
use crate::{
    harness::{Bound, Sample, Section, Series, Values, thread_cpu},
    stage::{Floor, ORDER, Street},
};

/// What a call took of its floor's CPU when this was last set. Lower it when calls have become cheaper.
const MEASURED: f64 = 1.51;
/// The most that it may take: a quarter more of what it had over the floor.
const BUDGET: f64 = 1.0 + (MEASURED - 1.0) * 1.25;
/// As many as call the transports that are measured.
const TENANTS: usize = 100;
/// Calls between two looks at the thread's clock, which costs a fifth of a microsecond.
const BATCH: u32 = 20;
/// Calls before them that are not counted: the one before left the caches as it needs them.
const WARM: u32 = 5;
/// What the control adds to each call.
const EXTRA: Duration = Duration::from_micros(1);
/// How much of it must be seen, in microseconds, for a run to be able to tell anything.
const SEEN_MICROS: RangeInclusive<f64> = 0.5..=2.0;

/// What runs beside each other.
#[derive(Debug, Clone, Copy)]
enum Which {
    Floor,
    Call,
    /// A call that somebody made dearer.
    Dearer,
}

use Which::{Call, Dearer, Floor as Bare};

const ALL: [Which; 3] = [Bare, Call, Dearer];
/// Every order of the three, so that each comes after each other as often.
const ORDERS: [[Which; 3]; 6] =
    [[Bare, Call, Dearer], [Dearer, Call, Bare], [Call, Dearer, Bare], [Bare, Dearer, Call], [Dearer, Bare, Call], [Call, Bare, Dearer]];

/// Everything that calls need.
struct Contest {
    street: Street,
    floor: Floor,
    places: Cycle<Range<usize>>,
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let series = Contest::open(bench)?.hold(bench)?;
    section.add_by("calls", &series, Sample::cpu);
    let [floor, call, dearer] = &series[..] else { anyhow::bail!("three contenders are three series") };
    let over = call.ratio(floor, Sample::cpu);
    section.goal("a call's CPU over its floor's, the budget", over.median(), "×", Bound::AtMost(BUDGET));
    section.figure("left of the budget", floor.median(Sample::cpu) * (BUDGET - over.median()), "µs");
    let seen = dearer.each(Sample::cpu).with(&call.each(Sample::cpu), |dearer, call| dearer - call).median();
    section.figure("seen of a microsecond more", seen, "µs");
    judge(section, &over, seen)
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Bare => "floor: bare wasmtime, fiber",
            Call => "a call, admission to account",
            Dearer => "the same and a microsecond",
        }
    }
}

impl Contest {
    fn open(bench: &Bench) -> anyhow::Result<Self> {
        let discount = bench.built.discount()?;
        let street = Street::open(bench.mode, TENANTS, &discount)?;
        street.visit(0..TENANTS, ORDER)?;
        let floor = Floor::new(host_engine(Profile::default(), bench.mode, PoolSize { instances: 8 })?, discount.component());
        let floor = floor.map_err(|error| anyhow::anyhow!("the floor does not start: {error:#}"))?;
        Ok(Self { street, floor, places: (0..TENANTS).cycle() })
    }

    /// All rounds; a series for each, in the order of [`ALL`].
    fn hold(mut self, bench: &Bench) -> anyhow::Result<Vec<Series>> {
        let mut series = ALL.map(|which| Series { name: which.name().to_owned(), samples: Vec::new() });
        for _ in 0..bench.plan.rounds {
            let samples = self.round(bench.plan.length)?;
            series.iter_mut().zip(samples).for_each(|(series, sample)| series.samples.push(sample));
        }
        Ok(series.into())
    }

    /// All orders, over and over until the calls have used `length` of CPU.
    fn round(&mut self, length: Duration) -> anyhow::Result<[Sample; 3]> {
        let (mut busy, mut batches) = ([Duration::ZERO; 3], 0_u32);
        while busy.iter().sum::<Duration>() < length {
            for which in ORDERS.into_iter().flatten() {
                busy[which as usize] += self.batch(which)?;
            }
            batches += u32::try_from(ORDERS.len())?;
        }
        let calls = f64::from(batches * BATCH);
        Ok(busy.map(|busy| Sample { rate: calls / busy.as_secs_f64(), ..Sample::default() }.with_cpu(busy.as_secs_f64() * 1e6 / calls)))
    }

    fn batch(&mut self, which: Which) -> anyhow::Result<Duration> {
        let Self { street, floor, places } = self;
        street.block_on(async {
            for _ in 0..WARM {
                once(street, floor, places, which).await?;
            }
            // The engine's turn at this thread begins anew, as it does for a host that looks at its connections.
            tokio::task::yield_now().await;
            let before = thread_cpu();
            for _ in 0..BATCH {
                once(street, floor, places, which).await?;
            }
            Ok(thread_cpu() - before)
        })
    }
}

async fn once(street: &Street, floor: &Floor, places: &mut impl Iterator<Item = usize>, which: Which) -> anyhow::Result<()> {
    if matches!(which, Bare) {
        return floor.call("BeforeCreateOrder", ORDER.as_bytes()).await.map(drop);
    }
    if matches!(which, Dearer) {
        spin(EXTRA);
    }
    let at = places.next().context("tenants take turns without end")?;
    street.invoke(at, street.request(ORDER)).await
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Fails where the budget is exceeded beyond doubt; says where this run could not have told.
fn judge(section: &mut Section, over: &Values, seen: f64) -> anyhow::Result<()> {
    if !SEEN_MICROS.contains(&seen) {
        section.doubt(format!("this machine is too noisy: of a microsecond more it saw {seen:.2}"));
    }
    let least = surely_above(over).context("nothing was measured")?;
    ensure!(
        least <= BUDGET,
        "a call takes {:.2} times the CPU of its floor (surely more than {least:.2}); the budget is {BUDGET:.2}: find what was added \
         (`cargo xtask profile`), or say in docs/performance.md why it is worth it and raise what is allowed",
        over.median()
    );
    Ok(())
}

/// The lower end of where the true median lies, with 95 % confidence: the rounds' own order says so, whatever their distribution.
fn surely_above(values: &Values) -> Option<f64> {
    let mut rounds = values.rounds().to_vec();
    rounds.sort_by(f64::total_cmp);
    let count = rounds.len() as f64;
    let rank = (count / 2.0 - count.sqrt()).floor().max(0.0);
    rounds.get(rank as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Plan;

    fn judged(over: Vec<f64>) -> Result<(), String> {
        let mut section = Section::new("budget", None, Plan::new(1, 1));
        judge(&mut section, &over.into(), 1.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_over_the_budget_fails_and_says_what_to_do() {
        assert_eq!(judged(vec![BUDGET - 0.1; 100]), Ok(()));
        let problem = judged(vec![BUDGET + 0.1; 100]).unwrap_err();
        assert!(problem.contains("the budget is") && problem.contains("xtask profile"), "{problem}");
    }

    #[test]
    fn noise_alone_never_fails_it() {
        let torn = (0..100).map(|round| BUDGET + if round % 2 == 0 { 0.5 } else { -0.5 }).collect();
        assert_eq!(judged(torn), Ok(()), "as many rounds below as above");
        let few_good = (0..100).map(|round| BUDGET + if round < 35 { -0.5 } else { 0.2 }).collect();
        assert!(judged(few_good).is_err(), "two of three above");
    }
}
