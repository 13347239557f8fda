//! An issuer's keys that are fetched from a URL, again and again.
//!
//! The last good document stays in force until another good one comes, however
//! long that takes; status, metrics and the log say so. A token of a key that is
//! not known asks for a look at once, but not more often than every
//! [`ASKED_APART`], whoever sends how many of them.

mod address;
mod asking;
mod fetch;
#[cfg(test)]
mod tests;

use std::{
    str::from_utf8,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use extensions_tls::{ClientTls, ClientTlsSettings};
use extensions_types::with_causes;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};

use crate::{Algorithm, SettingsError, keys::KeySet, settings::IssuerSettings, status::KeySource};
use address::checked;
pub(crate) use asking::Asking;
use fetch::Fetcher;

/// Bounds what strangers can make us ask an issuer: with made-up `kid`s.
pub(crate) const ASKED_APART: Duration = Duration::from_secs(10);
/// What a caller with an unknown key waits for a look that is under way: a
/// request around the world.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Callers that wait so; more are refused at once.
const WAITING_MAX: usize = 64;
/// Between two looks: below it, a fleet asks its issuer all the time; above it, a
/// key that was withdrawn is believed for too long.
const REFRESH_S: std::ops::RangeInclusive<u64> = 10..=86_400;

/// One issuer's keys at a URL.
#[derive(Debug)]
pub(crate) struct Remote {
    issuer: Arc<str>,
    algorithms: Vec<Algorithm>,
    refresh: Duration,
    fetcher: Fetcher,
    keys: ArcSwapOption<KeySet>,
    generation: AtomicU64,
    seen: Mutex<Seen>,
    asked: Notify,
    /// Looks that have ended.
    rounds: watch::Sender<u64>,
    waiting: Semaphore,
}

/// What the looks found.
#[derive(Debug, Default)]
struct Seen {
    started: Option<Instant>,
    is_under_way: bool,
    /// When a good document was last read, the same one included.
    good: Option<Instant>,
    /// Of the document in force.
    digest: Option<[u8; 32]>,
    problem: Option<String>,
    failed: u64,
}

impl Remote {
    pub(crate) fn new(settings: &IssuerSettings, url: &str) -> Result<Self, SettingsError> {
        let wrong = |problem: &str| SettingsError::KeyUrl { issuer: settings.issuer.clone(), problem: problem.to_owned() };
        let address = checked(url).map_err(|problem| wrong(&format!("jwks_url: {problem}")))?;
        if !REFRESH_S.contains(&settings.jwks_refresh_s) {
            return Err(wrong(&format!("jwks_refresh_s must be between {} and {}", REFRESH_S.start(), REFRESH_S.end())));
        }
        if settings.algorithms.is_empty() {
            return Err(wrong("algorithms is empty; list what its keys may sign with"));
        }
        let tls = ClientTlsSettings { ca_file: settings.jwks_ca_file.clone(), ..ClientTlsSettings::default() };
        let tls = ClientTls::open(&tls).map_err(|error| wrong(&format!("jwks_ca_file: {}", with_causes(&error))))?;
        Ok(Self {
            issuer: settings.issuer.as_str().into(),
            algorithms: settings.algorithms.clone(),
            refresh: Duration::from_secs(settings.jwks_refresh_s),
            fetcher: Fetcher::new(address, &tls),
            keys: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            seen: Mutex::default(),
            asked: Notify::new(),
            rounds: watch::Sender::new(0),
            waiting: Semaphore::new(WAITING_MAX),
        })
    }

    /// The keys in force; none before the first good document.
    pub(crate) fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Asks for a look: somebody brought an unknown key.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits a moment for a look that is under way or may begin now; at once
    /// where there is none, or enough others wait.
    pub(crate) async fn looked(&self) {
        let mut rounds = self.rounds.subscribe();
        let Ok(_place) = self.waiting.try_acquire() else { return };
        {
            let seen = self.seen();
            let is_due = seen.started.is_none_or(|started| started.elapsed() >= ASKED_APART);
            if !seen.is_under_way && !is_due {
                return;
            }
        }
        // Whichever comes first: the keys are looked at again either way.
        let _ = timeout(WAIT_MAX, rounds.changed()).await;
    }

    /// One look; whether it found a good document.
    async fn look(&self) -> bool {
        {
            let mut seen = self.seen();
            seen.started = Some(Instant::now());
            seen.is_under_way = true;
        }
        let fetched = self.fetcher.fetch().await;
        let is_good = match fetched {
            Ok(document) => self.take(&document),
            Err(error) => self.keep(with_causes(&error)),
        };
        self.seen().is_under_way = false;
        self.rounds.send_modify(|rounds| *rounds += 1);
        is_good
    }

    fn take(&self, document: &[u8]) -> bool {
        let hash: [u8; 32] = digest(&SHA256, document).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let mut seen = self.seen();
        if seen.digest != Some(hash) {
            let text = from_utf8(document).map_err(|_| "not UTF-8".to_owned());
            let keys = match text.and_then(|text| KeySet::parse(text, &self.algorithms)) {
                Ok(keys) => keys,
                Err(problem) => {
                    drop(seen);
                    return self.keep(format!("answers with keys that cannot be used: {problem}"));
                }
            };
            tracing::info!(issuer = &*self.issuer, keys = keys.len(), "keys of a token issuer are in force");
            self.keys.store(Some(Arc::new(keys)));
            self.generation.fetch_add(1, Ordering::Release);
            seen.digest = Some(hash);
        }
        if seen.problem.take().is_some() {
            tracing::info!(issuer = &*self.issuer, "keys of a token issuer are fetched again");
        }
        seen.good = Some(Instant::now());
        true
    }

    /// The log has each problem once, not each look.
    fn keep(&self, problem: String) -> bool {
        let mut seen = self.seen();
        seen.failed += 1;
        if seen.problem.as_ref() != Some(&problem) {
            let issuer = &*self.issuer;
            if seen.digest.is_some() {
                tracing::warn!(issuer, problem, "jwks_url of a token issuer; the last good keys stay in force");
            } else {
                tracing::error!(issuer, problem, "jwks_url of a token issuer; its tokens are refused until there are keys");
            }
            seen.problem = Some(problem);
        }
        false
    }

    /// What is known, for people.
    pub(crate) fn status(&self) -> KeySource {
        let seen = self.seen();
        KeySource {
            issuer: self.issuer.to_string(),
            keys: self.keys.load().as_ref().map_or(0, |keys| keys.len()),
            age_s: seen.good.map(|good| good.elapsed().as_secs()),
            replaced: self.generation().saturating_sub(1),
            failed: seen.failed,
            problem: seen.problem.clone(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
