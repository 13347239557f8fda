//! The signer's rounds: look, compile what lacks code, look after what is there, say so.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use extensions_aot::keys::{KeyId, SigningKey};
use extensions_artifact::{Key, Store, StoreError, document};
use extensions_engine_config::ConfigError;
use extensions_types::{Environment, Sha256, SignerAccount, with_causes};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::{
    Metrics, SettingsError, SignerSettings,
    account::Books,
    check::{Checked, Checks, Place},
    engine::{Engine, Shelf},
    have::Have,
    index::Index,
    plan::{Job, Wanted, jobs, wanted},
    work::{Hands, NoCode, Worked},
};

/// Code is listed anew so often: others may have taken some away.
const LIST_EVERY: Duration = Duration::from_secs(60);
/// An unchanged account is written again so often: whoever waits sees that somebody is there.
const ACCOUNT_EVERY: Duration = Duration::from_secs(15);
/// Nudges closer together are one.
const NUDGE_GAP: Duration = Duration::from_millis(250);
/// What failed for a passing reason is tried again after this.
const FAILED_AGAIN: Duration = Duration::from_secs(30);
/// Jobs for each compile place before the entries are looked at again: what was
/// promoted meanwhile goes first.
const JOBS_EACH: usize = 4;

/// What a signer is made of.
pub struct Parts {
    /// Every environment's store.
    pub stores: Vec<(Environment, Store)>,
    /// The key of this moment: it may be rotated.
    pub key: Box<dyn Fn() -> Arc<SigningKey> + Send + Sync>,
    /// A binary that calls [`run_compile_child_if_asked`](crate::run_compile_child_if_asked).
    pub compile_child: PathBuf,
    /// The rest.
    pub settings: SignerSettings,
    /// Where it counts.
    pub metrics: Metrics,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("stores", &self.stores).field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Why a signer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No such engine.
    #[error(transparent)]
    Engine(#[from] ConfigError),
}

/// What was done until nothing was left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Compiled and signed.
    pub compiled: u64,
    /// Objects stored, in whatever store lacked them.
    pub stored: u64,
    /// Objects that did not carry this key's signature and do now.
    pub replaced: u64,
    /// Jobs that failed for a passing reason: run it again.
    pub failed: u64,
    /// What there is now, for each engine.
    pub engines: Vec<SignerAccount>,
}

impl Report {
    /// Whether running it again would change nothing.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.failed == 0
    }
}

/// Tells a signer to look now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Something has changed somewhere.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Compiles and signs what environments serve.
#[derive(Debug)]
pub struct Signer {
    parts: Parts,
    engines: Vec<Engine>,
    shelves: Vec<Shelf>,
    index: Index,
    have: Have,
    wanted: Vec<Wanted>,
    refused: HashMap<(usize, Sha256), String>,
    later: HashMap<(usize, Sha256), Instant>,
    checks: Checks,
    signs_with: KeyId,
    listed: Option<Instant>,
    told: Option<Instant>,
    /// What the accounts said, without their time.
    said: HashMap<usize, SignerAccount>,
    nudge: Nudge,
    report: Report,
}

impl Signer {
    /// A signer that has not looked yet.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(parts: Parts) -> Result<Self, StartError> {
        let profiles = parts.settings.check()?;
        let engines = profiles.into_iter().map(|profile| Engine::new(profile, &parts.compile_child)).collect::<Result<Vec<_>, _>>()?;
        let shelves = Shelf::of(parts.stores.clone());
        let signs_with = (parts.key)().id();
        Ok(Self {
            have: Have::nothing(engines.len(), shelves.len()),
            engines,
            shelves,
            index: Index::default(),
            wanted: Vec::new(),
            refused: HashMap::new(),
            later: HashMap::new(),
            checks: Checks::default(),
            signs_with,
            listed: None,
            told: None,
            said: HashMap::new(),
            nudge: Nudge(Arc::new(Notify::new())),
            report: Report::default(),
            parts,
        })
    }

    /// Tells it to look now.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        self.nudge.clone()
    }

    /// The name of the key, and each engine with its profile, for the log.
    #[must_use]
    pub fn describe(&self) -> (KeyId, String) {
        let engines: Vec<_> = self.engines.iter().map(|engine| format!("{} {}", engine.profile.name(), engine.hash)).collect();
        (self.signs_with, engines.join(", "))
    }

    /// Follows the environments until the future is dropped.
    pub async fn run(mut self) {
        let poll = Duration::from_millis(self.parts.settings.poll_ms);
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(error = with_causes(&error), "a store cannot be read; what is known goes on");
            }
            // From here on: a store that answers slowly must not use up the time for work.
            let looked = Instant::now();
            while self.work().await && looked.elapsed() < poll {}
            self.tell().await;
            // Who nudged while this worked has left a permit.
            if timeout(poll.saturating_sub(looked.elapsed()), self.nudge.0.notified()).await.is_ok() {
                tokio::time::sleep(NUDGE_GAP.saturating_sub(looked.elapsed())).await;
            }
        }
    }

    /// Works until nothing is left, and says what it did.
    ///
    /// # Errors
    /// When a store cannot be listed: then nobody knows what is left.
    pub async fn once(mut self) -> Result<Report, StoreError> {
        self.look().await?;
        while self.work().await {}
        self.tell().await;
        let mut engines: Vec<_> = self.said.into_iter().collect();
        engines.sort_by_key(|(at, _)| *at);
        Ok(Report { engines: engines.into_iter().map(|(_, account)| account).collect(), ..self.report })
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        self.follow_key();
        let mut failed = None;
        for shelf in &self.shelves {
            for &env in &shelf.envs {
                // One store that is gone does not keep the others waiting.
                if let Err(error) = self.index.follow(env, &shelf.store).await {
                    failed = Some(error);
                }
            }
        }
        if self.listed.is_none_or(|at| at.elapsed() >= LIST_EVERY) {
            match self.have.list(&self.engines, &self.shelves).await {
                Ok(()) => self.listed = Some(Instant::now()),
                Err(error) => failed = Some(error),
            }
        }
        self.wanted = wanted(self.index.uses());
        let served: HashSet<_> = self.wanted.iter().map(|one| one.component).collect();
        self.refused.retain(|(_, component), _| served.contains(component));
        self.later.retain(|(_, component), at| served.contains(component) && *at > Instant::now());
        failed.map_or(Ok(()), Err)
    }

    /// A new key signs everything anew.
    fn follow_key(&mut self) {
        let id = (self.parts.key)().id();
        if id != self.signs_with {
            tracing::info!(key = %id, before = %self.signs_with, "the signing key was replaced; everything is signed with the new one");
            self.checks = Checks::default();
            self.signs_with = id;
        }
    }

    /// Does some of what is left; whether there was any.
    async fn work(&mut self) -> bool {
        let most = self.parts.settings.compiles() * JOBS_EACH;
        let (have, refused, later) = (&self.have, &self.refused, &self.later);
        let skip = |engine, component: &Sha256| refused.contains_key(&(engine, *component)) || later.contains_key(&(engine, *component));
        let planned =
            jobs(&self.wanted, self.engines.len(), self.shelves.len(), |engine, shelf, component| have.lacks(engine, shelf, component), skip, most);
        if planned.is_empty() {
            return self.check_one().await;
        }
        let key = (self.parts.key)();
        let hands = Hands { engines: &self.engines, shelves: &self.shelves, key: &key };
        let at_once = stream::iter(planned).map(|job| async move { (hands.fill(&job).await, job) });
        let done: Vec<_> = at_once.buffer_unordered(self.parts.settings.compiles()).collect().await;
        done.into_iter().for_each(|(worked, job)| self.worked(&job, worked));
        true
    }

    fn worked(&mut self, job: &Job, worked: Result<Worked, NoCode>) {
        let component = job.wanted.component;
        match worked {
            Ok(Worked { compiled, stored, failed }) => {
                if compiled {
                    self.report.compiled += 1;
                    self.parts.metrics.signed(self.engines[job.engine].profile.name());
                }
                for (shelf, etag) in stored {
                    if let Some(etag) = &etag {
                        self.report.stored += 1;
                        self.checks.good((job.engine, shelf, component), etag.clone());
                    }
                    self.have.put(job.engine, shelf, component, etag);
                }
                if let Some(error) = failed {
                    self.failed(job.engine, &job.wanted, &error.into());
                }
            }
            Err(why) => self.failed(job.engine, &job.wanted, &why),
        }
    }

    fn failed(&mut self, engine: usize, wanted: &Wanted, why: &NoCode) {
        let Wanted { component, tenant, extension, version, .. } = wanted;
        let text = with_causes(why);
        tracing::warn!(%tenant, %extension, %version, %component, why = text, "no code");
        if let NoCode::Refused(_) = why {
            self.parts.metrics.failed("refused");
            self.refused.insert((engine, *component), text);
        } else {
            self.parts.metrics.failed("passing");
            self.report.failed += 1;
            self.later.insert((engine, *component), Instant::now() + FAILED_AGAIN);
        }
    }

    /// Looks at one object that this process did not write; whether there was one.
    async fn check_one(&mut self) -> bool {
        let later = &self.later;
        let skip = |place: &Place| later.contains_key(&(place.0, place.2));
        let next = self.checks.next(&self.wanted, &self.have, self.engines.len(), self.shelves.len(), skip);
        let Some((place, wanted, etag)) = next.map(|(place, wanted, etag)| (place, wanted.clone(), etag)) else { return false };
        let key = (self.parts.key)();
        let hands = Hands { engines: &self.engines, shelves: &self.shelves, key: &key };
        match hands.check(place, &wanted, &etag, self.checks.is_contested(&place)).await {
            Ok(Checked::Good(etag)) => self.checks.good(place, etag),
            Ok(Checked::Replaced(etag)) => {
                self.report.replaced += 1;
                self.parts.metrics.replaced();
                self.have.put(place.0, place.1, place.2, Some(etag.clone()));
                self.checks.replaced(place, etag);
            }
            // The next list says what is there.
            Ok(Checked::Changed) => self.have.put(place.0, place.1, place.2, None),
            Err(why) => {
                if let NoCode::Refused(_) = why {
                    // Code of other making for what cannot be compiled: hosts refuse it as well.
                    self.checks.good(place, etag);
                }
                self.failed(place.0, &wanted, &why);
            }
        }
        true
    }

    /// Writes the accounts where they have changed or grown old.
    async fn tell(&mut self) {
        if self.listed.is_none() || !self.index.has_seen(self.shelves.iter().flat_map(|shelf| shelf.envs.iter().copied())) {
            return;
        }
        let old = self.told.is_none_or(|at| at.elapsed() >= ACCOUNT_EVERY);
        let books = Books { shelves: &self.shelves, index: &self.index, have: &self.have, wanted: &self.wanted, refused: &self.refused };
        let mut told = old;
        for (at, engine) in self.engines.iter().enumerate() {
            let account = books.account(at, engine, self.signs_with.to_string());
            self.parts.metrics.covered(&account);
            let same = self.said.get(&at).is_some_and(|said| SignerAccount { at_ms: said.at_ms, ..account.clone() } == *said);
            if same && !old {
                continue;
            }
            match write(&self.shelves, &account).await {
                Ok(()) => drop(self.said.insert(at, account)),
                Err(error) => {
                    told = false;
                    tracing::warn!(error = with_causes(&error), "the account of what is compiled cannot be written");
                }
            }
        }
        if told {
            self.told = Some(Instant::now());
        }
    }
}

async fn write(shelves: &[Shelf], account: &SignerAccount) -> Result<(), StoreError> {
    let Ok(bytes) = document::encode(account) else { return Ok(()) };
    for shelf in shelves {
        shelf.store.put(&Key::Signer { compat: account.engine }, bytes.clone()).await?;
    }
    Ok(())
}
