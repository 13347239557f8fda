//! Repairs what a killed registry left behind: every ten seconds what markers
//! name and the controls, and everything once after the start.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use extensions_artifact::{Key, Owned, Prefix};
use extensions_registry_core::Extension;
use extensions_types::Environment;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    Ledger, LedgerError, compiles, control,
    documents::raise,
    entries::{self, Settled},
    erased, markers,
    read::{self, Known},
};

/// Between two looks at the markers.
pub const EVERY: Duration = Duration::from_secs(10);
/// Markers looked at in one round; the next round takes the rest.
const MARKERS_MAX: usize = 10_000;
/// Histories repaired at once: quick after a crash, and a small part of what a store serves.
const AT_ONCE: usize = 8;
/// Histories looked at at once after the start, beside the commands that run.
const AT_ONCE_IN_SWEEP: usize = 4;
/// A marker whose event has not come after this long of our own monotonic
/// clock is given up. Its command had at most [`TURN_WAIT`](crate::ledger::TURN_WAIT)
/// and a few tries of a few seconds, and no network keeps a request for
/// minutes. Should a process sleep that long between marker and event and then
/// die before the entry, the next command or start repairs it.
const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

/// Since when markers have been seen whose event has not come.
#[derive(Debug, Default)]
pub(crate) struct Abandoned(Mutex<HashMap<Key, Instant>>);

impl Abandoned {
    /// Whether `key` has waited too long.
    fn is_given_up(&self, key: &Key) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MARKERS_MAX && !seen.contains_key(key) {
            // Better to wait anew for some than to grow.
            seen.clear();
        }
        seen.entry(key.clone()).or_insert_with(Instant::now).elapsed() >= ABANDONED_AFTER
    }

    fn forget(&self, keys: &[Key]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|key, _| !keys.contains(key));
    }
}

/// What a round found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Histories looked at.
    pub looked_at: u64,
    /// Entries that were behind.
    pub entries_written: u64,
    /// Controls that were behind.
    pub controls_written: u64,
    /// Markers that are gone.
    pub markers_removed: u64,
    /// Markers whose event may still come.
    pub markers_kept: u64,
    /// Histories and controls that could not be repaired now; the log says why.
    pub failed: u64,
}

impl Reconciled {
    fn add(mut self, other: Self) -> Self {
        self.looked_at += other.looked_at;
        self.entries_written += other.entries_written;
        self.controls_written += other.controls_written;
        self.markers_removed += other.markers_removed;
        self.markers_kept += other.markers_kept;
        self.failed += other.failed;
        self
    }
}

/// The reconciler's task. It ends with this.
#[derive(Debug)]
pub struct Reconciler(JoinHandle<()>);

impl Drop for Reconciler {
    fn drop(&mut self) {
        // Wherever it stops, another round takes it up again.
        self.0.abort();
    }
}

impl Ledger {
    /// Starts to repair, on the current tokio runtime, until the answer is dropped.
    #[must_use]
    pub fn reconcile(&self) -> Reconciler {
        let (rounds, sweep) = (self.clone(), self.clone());
        Reconciler(tokio::spawn(async move {
            let sweep = async {
                match sweep.reconcile_all().await {
                    Ok(done) => tracing::info!(?done, "looked at all entries after the start"),
                    Err(error) => tracing::warn!(%error, "the look at all entries after the start did not end"),
                }
            };
            tokio::join!(rounds.rounds(), sweep);
        }))
    }

    async fn rounds(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.reconcile_pending().await {
                Ok(done) if done.entries_written + done.controls_written + done.failed > 0 => tracing::info!(?done, "repaired entries"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "markers cannot be read; entries may be behind"),
            }
        }
    }

    /// One round: everything that a marker names, and the controls.
    ///
    /// # Errors
    /// When the markers cannot be listed.
    pub async fn reconcile_pending(&self) -> Result<Reconciled, LedgerError> {
        let rows: Vec<_> = self.stores().registry().list(&Prefix::Pending, None).take(MARKERS_MAX).try_collect().await?;
        let mut groups: BTreeMap<(Environment, Owned), Vec<u64>> = BTreeMap::new();
        for row in rows {
            if let Key::Pending { env, of, seq } = row.key {
                groups.entry((env, of)).or_default().push(seq);
            }
        }
        let repairs = groups.into_iter().map(|((env, of), seqs)| self.repair(env, of, seqs));
        let done = stream::iter(repairs).buffer_unordered(AT_ONCE).fold(Reconciled::default(), |sum, one| async move { sum.add(one) }).await;
        Ok(done.add(self.reconcile_controls().await))
    }

    async fn repair(&self, env: Environment, of: Owned, seqs: Vec<u64>) -> Reconciled {
        // A command of this registry is at it: it writes the entry and takes its marker away itself.
        let Some(_turn) = self.inner.histories.try_turn(&of) else { return Reconciled::default() };
        let mut done = Reconciled { looked_at: 1, ..Reconciled::default() };
        match self.repair_entry(env, &of).await {
            Ok((reached, written)) => {
                let (gone, kept) = self.sort_markers(env, &of, seqs, reached);
                done.entries_written = u64::from(written);
                (done.markers_removed, done.markers_kept) = (gone.len() as u64, kept as u64);
                self.inner.abandoned.forget(&gone);
                markers::remove(self.stores(), gone).await;
            }
            Err(error) => {
                tracing::warn!(%of, %env, %error, "an entry cannot be repaired yet");
                done.failed = 1;
            }
        }
        done
    }

    /// How far the history has come, and whether the entry was behind.
    async fn repair_entry(&self, env: Environment, of: &Owned) -> Result<(u64, bool), LedgerError> {
        if self.withdraw_erased(env, of).await? {
            return Ok((u64::MAX, false));
        }
        let mut state = read::latest(self.stores(), of).await?.state;
        let settled = entries::settle(self.stores(), of, &mut state, env).await?;
        if matches!(settled, Settled::Written(_)) {
            // Erased meanwhile: what was just written must not stay.
            self.withdraw_erased(env, of).await?;
        }
        Ok((state.applied_seq, matches!(settled, Settled::Written(_))))
    }

    /// Takes the entry of an erased tenant away; true where the tenant is one.
    async fn withdraw_erased(&self, env: Environment, of: &Owned) -> Result<bool, LedgerError> {
        let erased = erased::is_erased(self.stores(), &of.tenant).await?;
        if erased {
            self.stores().env(env).delete(&of.entry(env)).await?;
        }
        Ok(erased)
    }

    /// Markers that may go: their event can no longer come, or will not.
    fn sort_markers(&self, env: Environment, of: &Owned, seqs: Vec<u64>, reached: u64) -> (Vec<Key>, usize) {
        let keys = seqs.into_iter().map(|seq| (seq <= reached, of.pending(env, seq)));
        let (gone, kept): (Vec<_>, Vec<_>) = keys.partition(|(past, key)| *past || self.inner.abandoned.is_given_up(key));
        (gone.into_iter().map(|(_, key)| key).collect(), kept.len())
    }

    async fn reconcile_controls(&self) -> Reconciled {
        let mut done = Reconciled::default();
        for &env in Environment::ALL {
            if let Err(error) = self.expire_switches(env).await {
                tracing::warn!(%env, %error, "switches whose time is over cannot be cleared away yet");
                done.failed += 1;
            }
            match control::settle(self.stores(), env).await {
                Ok(written) => done.controls_written += u64::from(written),
                Err(error) => {
                    tracing::warn!(%env, %error, "the control's state cannot be repaired yet");
                    done.failed += 1;
                }
            }
        }
        done
    }

    /// Everything, whether or not a marker names it: entries, snapshots, controls.
    ///
    /// # Errors
    /// When extensions or markers cannot be listed; what was repaired stays so.
    pub async fn reconcile_all(&self) -> Result<Reconciled, LedgerError> {
        let sum = Mutex::new(Reconciled::default());
        self.for_each_extension(None, AT_ONCE_IN_SWEEP, |of| {
            let sum = &sum;
            async move {
                let one = self.repair_all(&of).await;
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                *sum = sum.add(one);
            }
        })
        .await?;
        let swept = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(swept.add(self.reconcile_pending().await?))
    }

    async fn repair_all(&self, of: &Owned) -> Reconciled {
        let mut done = Reconciled { looked_at: 1, ..Reconciled::default() };
        let result = async {
            if erased::is_erased(self.stores(), &of.tenant).await? {
                return Ok(());
            }
            let Known { mut state, head } = read::latest(self.stores(), of).await?;
            for env in serving(&state) {
                let settled = entries::settle(self.stores(), of, &mut state, env).await?;
                if matches!(settled, Settled::Written(_)) {
                    done.entries_written += 1;
                    self.withdraw_erased(env, of).await?;
                }
            }
            compiles::ensure(self.stores(), of, &state, self.clock().now_ms()).await?;
            let behind = head.as_ref().is_none_or(|slot| slot.order().1 < state.applied_seq);
            if behind && !state.is_new() {
                raise(self.stores().registry(), &of.head(), state, head).await?;
            }
            Ok::<_, LedgerError>(())
        };
        if let Err(error) = result.await {
            tracing::warn!(%of, %error, "an extension cannot be repaired yet");
            done.failed = 1;
        }
        done
    }
}

fn serving(state: &Extension) -> Vec<Environment> {
    state.environments.keys().copied().collect()
}
