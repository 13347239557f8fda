//! What the demo saw, on one page.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    calls::{Answer, Way},
    hostile::Contained,
    languages::Spoken,
    rules::Rule,
    spinner::Spun,
    walk,
};
use crate::say;

#[derive(Debug)]
struct Call {
    extension: &'static str,
    shows: String,
    way: Way,
    host: Option<Duration>,
    took: Duration,
}

/// Collected on the way.
#[derive(Debug, Default)]
pub(super) struct Report {
    steps: Vec<(&'static str, Duration)>,
    calls: Vec<Call>,
    spun: Option<Spun>,
    spoken: Vec<Spoken>,
    contained: Option<Contained>,
    walk: Vec<walk::Step>,
}

impl Report {
    /// Runs a step under a heading and times it.
    pub(super) fn step<T>(&mut self, name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        say::heading(name);
        let started = Instant::now();
        let value = run()?;
        self.steps.push((name, started.elapsed()));
        Ok(value)
    }

    /// A call that went as it should.
    pub(super) fn called(&mut self, rule: &Rule, way: Way, answer: &Answer) {
        let host = answer.wall_micros().map(Duration::from_micros);
        self.calls.push(Call { extension: rule.extension, shows: rule.shows.clone(), way, host, took: answer.took });
    }

    /// The spinning guest's end.
    pub(super) fn spun(&mut self, spun: Spun) {
        self.spun = Some(spun);
    }

    /// What the compile worker built, and what it held back.
    pub(super) fn compiled(&mut self, spoken: Vec<Spoken>, contained: Contained) {
        self.spoken = spoken;
        self.contained = Some(contained);
    }

    /// The rule's way to production and back.
    pub(super) fn walked(&mut self, steps: Vec<walk::Step>) {
        self.walk = steps;
    }

    /// The page.
    pub(super) fn render(&self, total: Duration) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "\n{:<16} {:<12} {:>12} {:>12}  Shows", "Extension", "Over", "In the host", "With `ext`");
        for call in &self.calls {
            let host = call.host.map_or_else(|| "–".to_owned(), |time| format!("{} µs", time.as_micros()));
            let _ = writeln!(page, "{:<16} {:<12} {host:>12} {:>12}  {}", call.extension, call.way.name(), say::duration(call.took), call.shows);
        }
        if let Some(Spun { code, spins, longest, others, slowest }) = &self.spun {
            let _ = writeln!(
                page,
                "\nA guest that spins was stopped {spins} times with {code}, each within {}; meanwhile {others} calls of another were answered, the slowest within {:.1} ms in the host.",
                say::duration(*longest),
                slowest.as_secs_f64() * 1e3,
            );
        }
        self.render_compiled(&mut page);
        if !self.walk.is_empty() {
            let _ = writeln!(page, "\n{:<9} {:>9}  A version's way", "Who", "With `ext`");
            for walk::Step { who, what, took } in &self.walk {
                let _ = writeln!(page, "{who:<9} {:>9}  {what}", say::duration(*took));
            }
        }
        let steps: Vec<_> = self.steps.iter().map(|(name, time)| format!("{name} {}", say::duration(*time))).collect();
        let _ = write!(page, "\n{} · total {}. The platform is stopped, its files are removed.", steps.join(" · "), say::duration(total));
        page
    }

    fn render_compiled(&self, page: &mut String) {
        let _ = writeln!(
            page,
            "\n{:<16} {:>12} {:>12} {:>12}  The same rule, built by the compile worker",
            "Language", "Pushed in", "Component", "A call"
        );
        for Spoken { language, pushed, component_bytes, called } in &self.spoken {
            let called = called.map_or_else(|| "–".to_owned(), |time| format!("{} µs", time.as_micros()));
            let _ = writeln!(page, "{language:<16} {:>12} {:>8} KiB {called:>12}", say::duration(*pushed), component_bytes >> 10);
        }
        if let Some(Contained { attempts }) = &self.contained {
            let attempts: Vec<_> = attempts.iter().map(|(what, came)| format!("{what}: {came}")).collect();
            let _ = writeln!(page, "A build script that tried to get out: {}.", attempts.join(", "));
        }
    }
}
