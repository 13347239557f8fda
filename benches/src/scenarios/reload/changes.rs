//! How soon a change reaches both hosts.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use super::stage::rule_frame;
use crate::load::{Answer, Line};

/// Between two looks at a host: the figures are that coarse.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Much longer than any poll.
const PATIENCE: Duration = Duration::from_secs(60);

/// A change that has reached both hosts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// From the command.
    pub(super) from_asked: Duration,
    /// From the command's answer; 0 where hosts were faster.
    pub(super) from_answered: Duration,
}

/// Makes a change and asks every host, again and again, until it shows what was wanted.
pub(super) async fn reach<F>(hosts: &[SocketAddr], token: &str, wanted: fn(&Answer, u64) -> bool, version: u64, change: F) -> anyhow::Result<Reached>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut shown = JoinSet::new();
    for host in hosts {
        let line = Line::open(*host, token, rule_frame()).await?;
        shown.spawn(until(line, wanted, version));
    }
    let asked = Instant::now();
    change.await?;
    let answered = Instant::now();
    let mut last = asked;
    while let Some(moment) = shown.join_next().await {
        last = last.max(moment??);
    }
    Ok(Reached { from_asked: last - asked, from_answered: last.saturating_duration_since(answered) })
}

/// When a host first showed it.
async fn until(mut line: Line, wanted: fn(&Answer, u64) -> bool, version: u64) -> anyhow::Result<Instant> {
    let started = Instant::now();
    loop {
        let answer = line.call().await.context("a call broke")?;
        if wanted(&answer, version) {
            return Ok(Instant::now());
        }
        ensure!(started.elapsed() < PATIENCE, "a host still says {answer:?} after {PATIENCE:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// An answer by this version.
pub(super) fn served(answer: &Answer, version: u64) -> bool {
    matches!(answer, Answer::Version { version: by, .. } if *by == version)
}

/// No answer of the extension any more.
pub(super) fn refused(answer: &Answer, _: u64) -> bool {
    !matches!(answer, Answer::Version { .. })
}
