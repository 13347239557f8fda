//! Every ten seconds: which compiles wait, whose lease is over, what has ended elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use extensions_artifact::Etag;
use extensions_registry_core::{Action, Build, Caller, Command};
use extensions_registry_ledger::{Awaited, CompileMarker, FoundCompile};
use extensions_types::Refusal;
use futures_util::{StreamExt as _, stream};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    board::{ATTEMPTS_MAX, COMPILE_WITHIN, Draft, job_of},
    call::Target,
    service::{
        CompileView, Service, refusal,
        refuse::unavailable,
        upload::{part, record},
    },
    view::Changed,
};

/// Between two looks at the markers.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Histories looked at at once, beside the requests that run.
const AT_ONCE: usize = 4;
/// Clocks of two registries differ by less: a lease of another one is over only then.
const CLOCKS_DIFFER_MS: u64 = 10_000;
/// A marker whose event has not come after this long is given up: its command is gone.
const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);
/// Who waits is told after this long that nobody compiles.
const LONELY_AFTER: Duration = Duration::from_secs(30);
/// And again after this long.
const LONELY_EVERY: Duration = Duration::from_secs(60);

/// Looks after the jobs until it is dropped.
#[derive(Debug)]
pub struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        // Wherever it stops, another registry or the next start takes it up.
        self.0.abort();
    }
}

/// What is known of the markers that were seen in the last look.
#[derive(Debug, Default)]
struct Seen(HashMap<Draft, (Etag, CompileMarker, Instant)>);

impl Service {
    /// Starts to look after the jobs, on the current tokio runtime: at once, then every ten seconds.
    #[must_use]
    pub fn keep_jobs(&self) -> Keeper {
        let service = self.clone();
        Keeper(tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(refusal) = service.look(&mut seen).await {
                    tracing::warn!(%refusal, "waiting compiles cannot be looked for");
                }
                service.look_after_followers().await;
            }
        }))
    }

    async fn look(&self, seen: &mut Seen) -> Result<(), Refusal> {
        let listed = Instant::now();
        let rows = self.ledger().compiles().await.map_err(|error| refusal(&error))?;
        let mut now = HashMap::with_capacity(rows.len());
        for (of, version, etag) in rows {
            let draft = (of, version);
            let known = seen.0.remove(&draft);
            let since = known.as_ref().map_or_else(Instant::now, |(_, _, since)| *since);
            let fresh = known.filter(|(was, _, _)| *was == etag);
            if let Some((etag, marker, _)) = match fresh {
                Some(fresh) => Some(fresh),
                None => self.marker(&draft).await?.map(|found| (found.etag, found.marker, since)),
            } {
                now.insert(draft, (etag, marker, since));
            }
        }
        *seen = Seen(now);
        let is_claim = |(_, marker, _): &(Etag, CompileMarker, Instant), claim| marker.lease.as_ref().is_some_and(|lease| lease.claim == claim);
        self.inner.board.holds.keep(listed, |draft, claim| seen.0.get(draft).is_some_and(|known| is_claim(known, claim)));
        stream::iter(&seen.0)
            .for_each_concurrent(AT_ONCE, |(draft, (etag, marker, since))| async move {
                if let Err(refusal) = self.look_at(draft, etag, marker, *since).await {
                    tracing::warn!(extension = %draft.0, version = %draft.1, %refusal, "a waiting compile cannot be looked after");
                }
            })
            .await;
        Ok(())
    }

    async fn look_at(&self, draft: &Draft, etag: &Etag, marker: &CompileMarker, since: Instant) -> Result<(), Refusal> {
        let (of, version) = draft;
        let attempt = match self.ledger().awaited(of, *version).await.map_err(|error| refusal(&error))? {
            Awaited::Attempt(attempt) => attempt,
            Awaited::Nothing if since.elapsed() < ABANDONED_AFTER => return Ok(()),
            Awaited::Nothing | Awaited::Over => {
                return self.ledger().forget_compile(of, *version).await.map_err(|error| refusal(&error));
            }
        };
        let Some(lease) = &marker.lease else {
            if !marker.withdrawn {
                self.inner.board.hints.offer(job_of(draft, attempt));
            }
            return Ok(());
        };
        let by_its_clock = || self.now_ms() > lease.until_ms.saturating_add(CLOCKS_DIFFER_MS);
        if !self.inner.board.holds.is_over(draft, lease.claim, etag).unwrap_or_else(by_its_clock) {
            return Ok(());
        }
        tracing::warn!(extension = %of, %version, attempt = lease.attempt, by = lease.by, "a worker lost its compile");
        let found = FoundCompile { marker: marker.clone(), etag: etag.clone() };
        self.lapse(draft, found, lease.claim, attempt).await
    }

    /// A lease is over: first nobody has the job, then the next attempt is in the history.
    async fn lapse(&self, draft: &Draft, found: FoundCompile, claim: u64, attempt: u32) -> Result<(), Refusal> {
        let (of, version) = draft;
        let was_of = found.marker.lease.as_ref().map_or(0, |lease| lease.attempt);
        let marker = CompileMarker { lease: None, ..found.marker };
        let swapped = self.ledger().swap_compile(of, *version, &marker, &found.etag).await.map_err(|error| refusal(&error))?;
        if swapped.is_none() {
            // Renewed, or taken care of by another registry.
            return Ok(());
        }
        self.inner.board.holds.remove(draft, claim);
        // A lease of an earlier attempt has been counted.
        if was_of == attempt && attempt >= ATTEMPTS_MAX {
            return self.poison(draft, attempt).await;
        }
        let next = if was_of == attempt { self.next_attempt(draft, attempt).await? } else { attempt };
        self.inner.followers.tell(draft, CompileView::note("its worker was lost; the compile begins anew at another one"));
        self.inner.board.hints.offer(job_of(draft, next));
        Ok(())
    }

    async fn next_attempt(&self, (of, version): &Draft, attempt: u32) -> Result<u32, Refusal> {
        let target = Target { tenant: of.tenant.clone(), extension: of.extension.clone(), caller: Caller::registry(part("builds")) };
        let id = part(&format!("lost-{version}-{attempt}"));
        let why = format!("the worker of attempt {attempt} was lost");
        let command = Command { id, expected_seq: None, why, from: None, action: Action::RequestCompile { version: *version } };
        let outcome = self.run(&target, &command).await?;
        Ok(match Awaited::of(&outcome.extension, *version) {
            Awaited::Attempt(attempt) => attempt,
            Awaited::Nothing | Awaited::Over => attempt,
        })
    }

    /// Those who wait hear what another registry recorded, and that nobody compiles.
    async fn look_after_followers(&self) {
        let lonely: BTreeMap<_, _> = self.inner.followers.all().into_iter().collect();
        for (draft, followed) in lonely {
            match self.end_of(&draft).await {
                Ok(Some(end)) => self.inner.followers.end(&draft, end),
                Ok(None) if followed.waits() >= COMPILE_WITHIN => {
                    let text =
                        format!("the compile has not ended within {} minutes; it goes on: ask again to wait for it", COMPILE_WITHIN.as_secs() / 60);
                    self.inner.followers.end(&draft, Err(unavailable(text)));
                }
                Ok(None) => {
                    let nobody = !self.inner.board.presence.is_anyone() && !self.inner.board.holds.contains(&draft);
                    if nobody && followed.waits() >= LONELY_AFTER {
                        let text = "no compile worker is there; it is compiled as soon as one is (an operator starts `extensions-compiler`)";
                        followed.tell_rarely(LONELY_EVERY, CompileView::note(text));
                    }
                }
                Err(refusal) => tracing::warn!(%refusal, "the end of a compile cannot be looked for"),
            }
        }
    }

    /// How a draft ended, if it did.
    async fn end_of(&self, draft: &Draft) -> Result<Option<Result<CompileView, Refusal>>, Refusal> {
        let (of, version) = draft;
        let state = self.ledger().read(of).await.map_err(|error| refusal(&error))?;
        let change = Changed::of(&state, state.applied_seq, false, Some(*version), None);
        let record = match record(&state, *version) {
            Ok(record) => record,
            Err(gone) => return Ok(Some(Err(gone))),
        };
        Ok(match &record.build {
            Build::Built(built) => Some(Ok(CompileView::Built { change, digest: built.component_sha256, component_bytes: built.component_bytes })),
            Build::Failed { seq, .. } => {
                let findings = self.findings(of, *seq).await?;
                Some(Ok(CompileView::Failed { change, findings: findings.into_iter().map(Into::into).collect() }))
            }
            Build::Waiting | Build::Requested { .. } if record.retired_at_ms.is_some() => {
                Some(Err(crate::service::refuse::precondition(format!("version {version} was retired"))))
            }
            Build::Waiting | Build::Requested { .. } => None,
        })
    }
}
