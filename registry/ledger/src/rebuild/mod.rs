//! Deriving everything anew: snapshots, entries and controls from events alone,
//! under a generation that outranks whatever was served before. For a restored
//! backup, a lost snapshot, a store that somebody repaired by hand.

mod objects;
mod report;

use extensions_artifact::{Key, Owned, Prefix};
use extensions_registry_core::Extension;
use extensions_types::{Environment, TenantId, with_causes};
use futures_util::{StreamExt as _, future::try_join_all};

use self::report::Reporting;
pub use self::report::{FINDINGS_MAX, Finding, RebuildReport, Wrong};
use crate::{
    Ledger, LedgerError, control,
    documents::{Found, raise, read_derived},
    entries::{self, Definitions, Draft, FoundEntry},
    erased, events, read,
};

/// Extensions rebuilt at once, beside the commands that run.
const AT_ONCE: usize = 4;
/// Stranded events that are named; a stretch of them is one loss.
const STRANDED_MAX: usize = 100;

/// What to rebuild.
#[derive(Debug, Clone, Default)]
pub struct RebuildOptions {
    /// Generations will be at least this: that of a restore.
    pub at_least_generation: u64,
    /// Only this tenant's extensions, and no control.
    pub only: Option<TenantId>,
    /// Whether sources, components and documents are read and compared with their digests.
    pub verify_objects: bool,
}

impl Ledger {
    /// Derives everything anew from the events. Commands may run meanwhile.
    /// What cannot be done is in the report, and does not keep from the rest.
    ///
    /// # Errors
    /// When extensions cannot be listed; what was rebuilt stays so.
    pub async fn rebuild(&self, options: &RebuildOptions) -> Result<RebuildReport, LedgerError> {
        let report = Reporting::default();
        self.for_each_extension(options.only.as_ref(), AT_ONCE, |of| {
            let report = &report;
            async move {
                if let Err(error) = self.rebuild_extension(&of, options, report).await {
                    report.find(&of.head(), Wrong::Unreadable, with_causes(&error));
                }
            }
        })
        .await?;
        if options.only.is_none() {
            for &env in Environment::ALL {
                if let Err(error) = self.rebuild_control(env, options, &report).await {
                    report.find(&Key::ControlState { env }, Wrong::Unreadable, with_causes(&error));
                }
            }
        }
        Ok(report.into_report())
    }

    async fn rebuild_extension(&self, of: &Owned, options: &RebuildOptions, report: &Reporting) -> Result<(), LedgerError> {
        let _turn = self.inner.histories.turn(of).await;
        let stores = self.stores();
        if erased::is_erased(stores, &of.tenant).await? {
            return Ok(());
        }
        let mut state = self.fold_reporting(of, report).await?;
        let head: Option<Found<Extension>> = read_derived(stores.registry(), &of.head()).await?;
        let found =
            try_join_all(Environment::ALL.iter().map(|&env| async move { Ok::<_, LedgerError>((env, entries::found(stores, of, env).await?)) }));
        let found = found.await?;
        if state.is_new() && head.is_none() && found.iter().all(|(_, found)| found.is_none()) {
            return Ok(());
        }
        let heads = head.iter().filter_map(|found| found.value.as_ref()).map(|head| head.generation);
        let known = found.iter().filter_map(|(_, found)| found.as_ref()?.value.as_ref()).map(|entry| entry.generation).chain(heads);
        state.generation = (known.max().unwrap_or(0) + 1).max(options.at_least_generation);
        report.count(|report| {
            report.extensions += 1;
            report.events += state.applied_seq;
            report.generation = report.generation.max(state.generation);
        });
        self.check_objects(of, &state, options.verify_objects, report).await;
        for (env, found) in found {
            let key = of.entry(env);
            if let Err(error) = self.rebuild_entry(of, &state, env, found, report).await {
                report.find(&key, Wrong::NotWritten, with_causes(&error));
            }
        }
        match raise(stores.registry(), &of.head(), state, head.map(|found| found.slot())).await {
            Ok(_) => report.count(|report| report.heads += 1),
            Err(error) => report.find(&of.head(), Wrong::NotWritten, with_causes(&error)),
        }
        Ok(())
    }

    /// The events as far as they hold together; what does not is reported.
    async fn fold_reporting(&self, of: &Owned, report: &Reporting) -> Result<Extension, LedgerError> {
        let store = self.stores().registry();
        let mut state = read::nothing(of);
        loop {
            let next = state.applied_seq + 1;
            // Many at once while all is well; one by one where something is not.
            let (events, count) = match events::some(store, of, next, events::PARALLEL).await {
                Ok(events) => (events, events::PARALLEL),
                Err(LedgerError::Store(error)) => return Err(error.into()),
                Err(_) => match events::one(store, of, next).await {
                    Ok(event) => (event.into_iter().collect(), 1),
                    Err(error @ (LedgerError::Document { .. } | LedgerError::Corrupt { .. })) => {
                        report.find(&of.event(next), Wrong::EventBroken, with_causes(&error));
                        break;
                    }
                    Err(error) => return Err(error),
                },
            };
            let broken = events.iter().find_map(|event| Some((event.seq, state.apply(event).err()?)));
            if let Some((seq, error)) = &broken {
                report.find(&of.event(*seq), Wrong::EventBroken, error.to_string());
            }
            if broken.is_some() || events.len() < count {
                break;
            }
        }
        self.report_stranded(of, state.applied_seq, report).await?;
        Ok(state)
    }

    /// Events that lie behind the end.
    async fn report_stranded(&self, of: &Owned, end: u64, report: &Reporting) -> Result<(), LedgerError> {
        let rows = self.stores().registry().list(&Prefix::Events(of.clone()), Some(&(&of.event(end)).into()));
        let mut rows = std::pin::pin!(rows.take(STRANDED_MAX));
        let mut first = true;
        while let Some(row) = rows.next().await {
            let key = row?.key;
            let Key::Event { seq, .. } = key else { continue };
            if seq == end + 1 {
                // Broken, and named already; or it came just now.
                first = false;
                continue;
            }
            if std::mem::take(&mut first) {
                report.find(&of.event(end + 1), Wrong::EventMissing, format!("event {seq} is there"));
            }
            report.find(&key, Wrong::EventStranded, format!("the history ends with event {end}"));
        }
        Ok(())
    }

    async fn rebuild_entry(
        &self,
        of: &Owned,
        state: &Extension,
        env: Environment,
        before: FoundEntry,
        report: &Reporting,
    ) -> Result<(), LedgerError> {
        let stores = self.stores();
        // From the documents themselves, unless one is lost: then what is served is all there is.
        let derived = match entries::derive(stores, of, state, env, &None, &Definitions::new()).await {
            Err(LedgerError::Corrupt { .. } | LedgerError::Document { .. }) => {
                entries::derive(stores, of, state, env, &before, &Definitions::new()).await?
            }
            derived => derived?,
        };
        let Some(entry) = derived else {
            return if before.is_some() { self.remove_entry(of, env, report).await } else { Ok(()) };
        };
        self.put_in_place(of, state, &entry, report).await;
        entries::write(stores, of, Draft { env, before, entry }).await?;
        report.count(|report| report.entries += 1);
        Ok(())
    }

    /// The history knows nothing of the entry. Should a promotion come at this
    /// very moment, its event is there before its entry: looking again finds it.
    async fn remove_entry(&self, of: &Owned, env: Environment, report: &Reporting) -> Result<(), LedgerError> {
        self.stores().env(env).delete(&of.entry(env)).await?;
        report.count(|report| report.entries_removed += 1);
        let mut state = read::fold(self.stores(), of).await?;
        entries::settle(self.stores(), of, &mut state, env).await.map(drop)
    }

    async fn rebuild_control(&self, env: Environment, options: &RebuildOptions, report: &Reporting) -> Result<(), LedgerError> {
        let _turn = self.inner.controls.turn(&env).await;
        let mut control = control::fold(self.stores(), env).await?;
        let found = control::found(self.stores(), env).await?;
        if control.state.applied_seq == 0 && found.is_none() {
            return Ok(());
        }
        let known = found.as_ref().and_then(|found| found.value.as_ref()).map_or(0, |found| found.state.generation);
        control.state.generation = (known + 1).max(options.at_least_generation);
        control::write(self.stores(), env, control, found.map(|found| found.slot())).await?;
        report.count(|report| report.controls += 1);
        Ok(())
    }
}
