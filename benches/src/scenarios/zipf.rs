//! Thousands of distinct components on one host: the rate when calls spread
//! over them as they do in life, beside the rate of one alone, and what an
//! extension that nobody calls costs.

mod crowd;
mod distinct;
mod popularity;

use anyhow::Context as _;

use self::{crowd::Crowd, distinct::Distinct, popularity::Popularity};
use super::Bench;
use crate::{
    harness::{Bound, Contender, Section, Servers, alternate, anonymous_kib, descriptors, mappings},
    stage::multi_thread,
};

/// A full run has them all. Their machine code is derived, not compiled one by one: see `distinct`.
const EXTENSIONS_QUICK: usize = 300;
const EXTENSIONS_FULL: usize = 10_000;
/// What the kernel allows a process unless told otherwise.
const MAPPINGS_MAX: f64 = 65_530.0;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let count = bench.size.pick(EXTENSIONS_QUICK, EXTENSIONS_FULL);
    let distinct = Distinct::of(&bench.built.discount()?).context("distinct components")?;
    let crowd = Crowd::start(bench.mode, &distinct)?;
    let client = multi_thread()?;
    crowd.add(0..1)?;
    client.block_on(crowd.calls(&Popularity::one(), bench.plan.length))?;
    let (process, before) = (std::process::id(), anonymous_kib()?);
    crowd.add(1..count)?;
    client.block_on(crowd.call_each(count)).context("the first calls")?;
    let (one, zipf) = (Popularity::one(), Popularity::zipf(count));
    let contenders = [("one extension".to_owned(), &one), (format!("{count} distinct ones, Zipf 1.0"), &zipf)].map(|(name, popularity)| {
        let (client, crowd) = (&client, &crowd);
        Contender::served(name, Servers::Hosts, move |length| client.block_on(crowd.calls(popularity, length)))
    });
    let series = alternate(contenders.into(), bench.plan)?;
    section.add("zipf", &series);
    section.goal(format!("{count} extensions over one, rate"), series[1].ratio(&series[0], |sample| sample.rate), "×", Bound::AtLeast(0.8));
    let each = anonymous_kib()?.saturating_sub(before) as f64 / count as f64;
    section.goal("own memory of an extension", each, "KiB", Bound::AtMost(64.0));
    section.goal("mappings of the process", mappings()? as f64, "", Bound::AtMost(MAPPINGS_MAX));
    section.figure("open descriptors of the process", descriptors(process)? as f64, "");
    section.figure("versions that are loaded after the run", crowd.loaded()? as f64, "");
    Ok(())
}
