//! A command from question to answer.
//!
//! Read the history, decide, announce (markers), place components, create the
//! event, write entries and snapshot, take the markers away, answer. Requests
//! that do not need each other go at the same time: a promotion takes six
//! sequential round trips. Killed anywhere, it leaves a history that is legal,
//! and a marker wherever an entry is behind.

use std::{collections::BTreeSet, time::Duration};

use extensions_artifact::{Key, Owned};
use extensions_registry_core::{Action, Authority, Caller, Change, Command, Decision, Event, Extension, Surroundings, decide};
use extensions_types::{ControlState, Environment, Version};
use futures_util::future::{join, join_all, join3, try_join_all};
use tokio::time::{Instant, timeout};

use crate::{
    Awaited, Ledger, LedgerError, Stores, blobs, compiles, control,
    documents::raise,
    entries::{self, Definitions, Draft},
    erased,
    ledger::TURN_WAIT,
    markers,
    read::{self, Known, both},
    record::{self, Attempt, TRIES_MAX},
    versions,
};

/// An event is created this soon after its marker or not at all: whoever finds
/// a marker much older than that knows that its command is gone. Copying
/// components of 4 MiB takes seconds.
const ANNOUNCED_FOR: Duration = Duration::from_secs(120);

/// What became of a command that was not refused.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The event that records it; where nothing had to change, the last event.
    pub seq: u64,
    /// The version concerned: for `CreateVersion` the number that was allotted.
    pub version: Option<Version>,
    /// False when it had been so before.
    pub changed: bool,
    /// Entries that the command is about, as they are served now: generation and last event.
    pub entries: Vec<(Environment, (u64, u64))>,
    /// The extension after it.
    pub extension: Extension,
}

impl Ledger {
    /// Runs a command. Answered when its event is recorded and every entry that
    /// it changes is written; the same command id with the same content gets
    /// the same answer again.
    ///
    /// # Errors
    /// See [`LedgerError`]: each says whether something was recorded.
    pub async fn run(&self, of: &Owned, command: &Command, caller: &Caller) -> Result<Outcome, LedgerError> {
        let _turn = timeout(TURN_WAIT, self.inner.histories.turn(of)).await.map_err(|_| LedgerError::Busy)?;
        let stores = self.stores();
        let (known, control) = both(read::latest(stores, of), surroundings(stores, of, &command.action)).await?;
        let at_ms = self.inner.clock.now_ms();
        let mut run = Run { ledger: self, of, command, caller, control, known, at_ms, announced: BTreeSet::new(), open: None };
        run.answer().await
    }
}

/// The control that decides with; for what concerns no environment, whether
/// the tenant is erased is read at the same time instead.
async fn surroundings(stores: &Stores, of: &Owned, action: &Action) -> Result<Option<ControlState>, LedgerError> {
    match action.environment() {
        Some(env) => control::snapshot(stores, env).await.map(|known| Some(known.control.state)),
        None => erased::check(stores, &of.tenant).await.map(|()| None),
    }
}

struct Run<'a> {
    ledger: &'a Ledger,
    of: &'a Owned,
    command: &'a Command,
    caller: &'a Caller,
    control: Option<ControlState>,
    known: Known,
    at_ms: u64,
    /// Markers of this and of earlier tries.
    announced: BTreeSet<Key>,
    /// The number of an event that was sent and may still be recorded.
    open: Option<u64>,
}

impl Run<'_> {
    async fn answer(&mut self) -> Result<Outcome, LedgerError> {
        let result = self.tries().await;
        // While an event that was sent may still be recorded, no error is the last word.
        result.map_err(|error| if self.open.is_some() { LedgerError::Unsettled(Box::new(error)) } else { error })
    }

    async fn tries(&mut self) -> Result<Outcome, LedgerError> {
        for tried in 0..TRIES_MAX {
            if let Some(outcome) = self.attempt().await? {
                return Ok(outcome);
            }
            record::pause(tried).await;
            read::catch_up(self.ledger.stores(), self.of, &mut self.known.state).await?;
            // What is recorded under that number is known now, and nothing else will be.
            self.open = self.open.filter(|&seq| seq > self.known.state.applied_seq);
        }
        match self.decide()? {
            Decision::Repeated { seq, version } => self.confirm(seq, version, true).await,
            Decision::Record(_) | Decision::AlreadySo => Err(LedgerError::Contended { tries: TRIES_MAX }),
        }
    }

    fn stores(&self) -> &Stores {
        self.ledger.stores()
    }

    fn decide(&self) -> Result<Decision, LedgerError> {
        let around = Surroundings { policy: self.ledger.policy(), control: self.control.as_ref() };
        decide(&self.known.state, self.command, self.caller, around).map_err(LedgerError::Refused)
    }

    /// None: the history has moved on, or it is not known whether it has.
    async fn attempt(&mut self) -> Result<Option<Outcome>, LedgerError> {
        match self.decide()? {
            Decision::Record(change) => self.record(change).await,
            Decision::AlreadySo => self.confirm(self.known.state.applied_seq, None, false).await.map(Some),
            Decision::Repeated { seq, version } => self.confirm(seq, version, true).await.map(Some),
        }
    }

    /// Nothing is to be recorded: only makes sure that what the answer says is served.
    async fn confirm(&mut self, seq: u64, version: Option<Version>, changed: bool) -> Result<Outcome, LedgerError> {
        let envs = concerned(&self.command.action);
        let mut entries = Vec::new();
        self.ask_again().await?;
        if !envs.is_empty() {
            erased::check(self.stores(), &self.of.tenant).await?;
            let (stores, of) = (self.stores(), self.of);
            let settled = envs.iter().map(|&env| {
                let mut state = self.known.state.clone();
                async move { (env, entries::settle(stores, of, &mut state, env).await) }
            });
            for (env, settled) in join_all(settled).await {
                let settled = settled.map_err(|error| unserved(seq, env, error))?;
                entries.extend(settled.order().map(|order| (env, order)));
            }
            if changed {
                self.announced.extend(envs.iter().map(|&env| self.of.pending(env, seq)));
            }
            self.take_markers_away().await;
        }
        let extension = self.known.state.clone();
        Ok(Outcome { seq, version, changed, entries, extension })
    }

    /// A compile that is awaited was asked for again: whoever withdrew it is overruled.
    async fn ask_again(&self) -> Result<(), LedgerError> {
        let Action::RequestCompile { version } = self.command.action else { return Ok(()) };
        match Awaited::of(&self.known.state, version) {
            Awaited::Attempt(_) => self.ask_compile(version).await,
            Awaited::Nothing | Awaited::Over => Ok(()),
        }
    }

    /// Before the event: a compile that is in the history and lacks its marker would be lost.
    async fn ask_compile(&self, version: Version) -> Result<(), LedgerError> {
        let pusher = self.known.state.versions.get(&version).map(|record| record.created_by.iss.as_str());
        // The registry asks in the name of who pushed.
        let asked_by = match self.caller.authority {
            Authority::Registry => pusher.unwrap_or_default(),
            Authority::Tenant { .. } | Authority::Operator => &self.caller.actor.iss,
        };
        compiles::ask(self.stores(), self.of, version, asked_by, self.at_ms).await
    }

    async fn record(&mut self, change: Change) -> Result<Option<Outcome>, LedgerError> {
        let before = &self.known.state;
        let envs = before.touched_by(&change);
        let event = Event::new(before.applied_seq + 1, self.at_ms, self.command, self.caller, change);
        let mut after = before.clone();
        read::apply(self.of, &mut after, &event)?;
        versions::check_built(self.stores(), self.of, &event.change).await?;
        let announced = Instant::now();
        if let Change::CompileRequested { version, .. } = event.change {
            self.ask_compile(version).await?;
        }
        let Some(drafts) = self.prepare(&envs, &event, &after).await? else { return Ok(None) };
        if announced.elapsed() >= ANNOUNCED_FOR {
            return Ok(None);
        }
        let key = self.of.event(event.seq);
        let create = record::create(self.stores().registry(), &key, &event);
        // Read once more behind the marker: whoever erases a tenant writes that first, then waits for markers.
        let (created, gone) = join(create, self.is_erased_for(&envs)).await;
        // A failure leaves open what an earlier try left open.
        if created? == Attempt::Open {
            self.open = Some(event.seq);
            return Ok(None);
        }
        self.open = None;
        self.known.state = after;
        self.ledger.inner.nudges.tell(self.of);
        self.serve(event, drafts, gone).await.map(Some)
    }

    async fn is_erased_for(&self, envs: &[Environment]) -> Result<bool, LedgerError> {
        if envs.is_empty() { Ok(false) } else { erased::is_erased(self.stores(), &self.of.tenant).await }
    }

    /// Everything that must be there before the event: markers, components, and
    /// the entries to write. None: the history has moved on.
    async fn prepare(&mut self, envs: &[Environment], event: &Event, after: &Extension) -> Result<Option<Vec<Draft>>, LedgerError> {
        self.announced.extend(envs.iter().map(|&env| self.of.pending(env, event.seq)));
        let put = markers::put(self.stores(), self.of, envs, event.seq, &self.command.id, self.at_ms);
        let drafts = try_join_all(envs.iter().map(|&env| self.draft(env, after)));
        let ((), drafts) = both(put, drafts).await?;
        for draft in &drafts {
            if let Some(seq) = entries::ahead(&draft.before, &self.known.state) {
                let had = self.known.state.applied_seq;
                read::catch_up(self.ledger.stores(), self.of, &mut self.known.state).await?;
                return if self.known.state.applied_seq > had { Ok(None) } else { Err(LedgerError::Ahead { env: draft.env, seq }) };
            }
        }
        try_join_all(drafts.iter().map(|draft| self.place(draft, after))).await?;
        Ok(Some(drafts))
    }

    /// The entry that `env` will have. What it lists newly is read at the same time as the entry before.
    async fn draft(&self, env: Environment, after: &Extension) -> Result<Draft, LedgerError> {
        let new = after.listed(env).difference(&self.known.state.listed(env)).copied().collect::<Vec<_>>();
        let (before, fresh): (_, Definitions) =
            both(entries::found(self.stores(), self.of, env), entries::definitions(self.stores(), self.of, after, new)).await?;
        let entry = entries::derive(self.stores(), self.of, after, env, &before, &fresh).await?;
        let entry = entry.ok_or_else(|| LedgerError::corrupt(&self.of.entry(env), "a touched environment serves nothing"))?;
        Ok(Draft { env, before, entry })
    }

    /// What is listed newly, or switched on, must be in place; the rest should.
    async fn place(&self, draft: &Draft, after: &Extension) -> Result<(), LedgerError> {
        let before = self.known.state.listed(draft.env);
        let was_on = self.known.state.serving(draft.env).is_some_and(|serving| serving.enabled);
        let must = |version| draft.entry.enabled && (!before.contains(&version) || (!was_on && version == draft.entry.current));
        let versions = draft.entry.versions.keys().map(|&version| (version, must(version)));
        blobs::place(self.stores(), self.of, after, draft.env, versions).await
    }

    /// The event is recorded: entries and snapshot follow, then the markers go.
    async fn serve(&mut self, event: Event, drafts: Vec<Draft>, gone: Result<bool, LedgerError>) -> Result<Outcome, LedgerError> {
        let seq = event.seq;
        let first = drafts.first().map(|draft| draft.env);
        match (gone, first) {
            (Ok(true), _) => return Err(LedgerError::Erased(self.of.tenant.clone())),
            (Err(error), Some(env)) => return Err(unserved(seq, env, error)),
            (Ok(false), _) | (Err(_), None) => {}
        }
        let (stores, of) = (self.stores(), self.of);
        let writes = drafts.into_iter().map(|draft| async move { (draft.env, entries::write(stores, of, draft).await) });
        let (written, (), ()) = join3(join_all(writes), self.keep_head(), compiles::ended(stores, of, &event.change)).await;
        let mut entries = Vec::with_capacity(written.len());
        for (env, order) in written {
            entries.push((env, order.map_err(|error| unserved(seq, env, error))?));
        }
        self.take_markers_away().await;
        let extension = self.known.state.clone();
        Ok(Outcome { seq, version: event.change.version(), changed: true, entries, extension })
    }

    /// The entries are as the history says: nobody needs this command's markers any more.
    async fn take_markers_away(&mut self) {
        let announced = std::mem::take(&mut self.announced);
        markers::remove(self.stores(), announced).await;
    }

    /// The snapshot only saves reading: without it the next command reads one event more.
    async fn keep_head(&self) {
        let Known { state, head } = &self.known;
        if let Err(error) = raise(self.stores().registry(), &self.of.head(), state.clone(), head.clone()).await {
            tracing::debug!(of = %self.of, %error, "the snapshot stays behind");
        }
    }
}

/// The environments whose entries must be as the answer says.
fn concerned(action: &Action) -> Vec<Environment> {
    match action {
        Action::Promote { env, .. } | Action::RollBack { env, .. } | Action::Pin { env, .. } | Action::SetEnabled { env, .. } => vec![*env],
        Action::Retire { .. } | Action::DeleteVersion { .. } => Environment::ALL.to_vec(),
        Action::CreateVersion(_)
        | Action::RequestCompile { .. }
        | Action::ReportBuilt { .. }
        | Action::ReportFailed { .. }
        | Action::Submit { .. }
        | Action::Approve { .. }
        | Action::Reject { .. }
        | Action::RequestWaiver { .. }
        | Action::GrantWaiver { .. }
        | Action::LowerTier { .. }
        | Action::DeleteSource { .. } => Vec::new(),
    }
}

fn unserved(seq: u64, env: Environment, source: LedgerError) -> LedgerError {
    LedgerError::Unserved { seq, env, source: Box::new(source) }
}
