//! Leases: which share of a fleet-wide quota each host may use.
//!
//! A host tells every second what it was asked for, and gets its part by demand.
//! A part holds for [`LEASE`] on Redis's clock and is free when it is not
//! renewed, so a host that is gone gives way. Of every quota a [`RESERVE`] is
//! spread evenly over the hosts that live, whoever asks: a host that was not
//! asked for long can begin with it.
//!
//! What all hosts hold together is never more than the whole: what one is to give
//! up counts as its own until it says that it has. Only hosts that cannot reach
//! Redis break this: each goes on with what it held last, so each adds at most
//! its one lease to the whole. A Redis that forgot everything is told again what
//! is held.
//!
//! Whoever may write to Redis can move shares between hosts, and can free none
//! beyond the whole on any: for Redis's own access control, all keys begin with
//! `<namespace>:<environment>:lease`.

mod claim;
mod held;
mod metrics;
mod scripts;
mod share;

use std::{sync::Arc, time::Duration};

use extensions_types::Environment;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::{Coordination, HostId, OperationError};
pub use claim::{Claim, Scope};
use held::Held;
use metrics::Metrics;
pub use share::Share;

/// How long a share holds on Redis's clock.
pub const LEASE: Duration = Duration::from_secs(3);
/// How often shares are to be renewed: two renewals may be lost.
pub const RENEW_EVERY: Duration = Duration::from_secs(1);
/// Of each quota, what all hosts that live have evenly, claimed or not.
pub const RESERVE: Share = Share::of_ppm(250_000);
/// Scopes of one question: about a millisecond of Redis's time.
pub const BATCH_SCOPES_MAX: usize = 256;
/// Scopes of one renewal, those of greatest demand; the others keep to the reserve.
pub const CLAIMS_MAX: usize = 16 * BATCH_SCOPES_MAX;
/// A renewal stops after this, so that the next one is in time.
const RENEW_WITHIN: Duration = RENEW_EVERY;
/// Hosts that share a quota: what a fleet's list shows, too.
const HOSTS_MAX: &str = "1000";
/// More demand than this is this much; all hosts' together is still exact in Redis's numbers.
const DEMAND_MAX: u64 = 1_000_000_000;

/// What a host may use from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Of each scope that was claimed, and of those whose lease ran out because
    /// they are claimed no more: these are down at [`unclaimed`](Self::unclaimed).
    pub shares: Vec<(Scope, Share)>,
    /// Of any other scope. The whole on a fleet's only host.
    pub unclaimed: Share,
    /// Claims that were left out: beyond [`CLAIMS_MAX`], or of Redis's time. They
    /// keep what they had.
    pub left: usize,
}

/// One host's leases. A renewal that fails changes nothing: what was held last is
/// held on, until Redis answers.
#[derive(Debug)]
pub struct Leases {
    coordination: Coordination,
    env: Environment,
    host: HostId,
    held: Held,
    metrics: Arc<Metrics>,
}

impl Leases {
    /// The leases of one start of a host, which holds none yet.
    #[must_use]
    pub fn of(coordination: &Coordination, env: Environment, host: HostId) -> Self {
        Self { coordination: coordination.clone(), env, host, held: Held::default(), metrics: Arc::default() }
    }

    /// Shows what is counted here in `registry`.
    pub fn show(&self, registry: &mut Registry) {
        self.metrics.show(registry);
    }

    /// Renews what is claimed, in questions of [`BATCH_SCOPES_MAX`]: every
    /// [`RENEW_EVERY`], without claims too, and sooner where a scope that is not
    /// leased is asked for more than its unclaimed share. Name a scope once.
    ///
    /// # Errors
    /// When Redis answered no question within its time: keep the last shares.
    pub async fn renew(&mut self, claims: Vec<Claim>) -> Result<Renewed, OperationError> {
        let started = Instant::now();
        let claimed = claims.len();
        let claims = self.held.bounded(claims);
        let mut shares = Vec::with_capacity(claims.len());
        let mut batches = claims.chunks(BATCH_SCOPES_MAX);
        // Without claims too: a host that is not asked lives all the same.
        let mut batch = batches.next().unwrap_or_default();
        loop {
            match self.ask(batch).await {
                Ok(more) => shares.extend(more),
                Err(error) if shares.is_empty() => {
                    self.metrics.failed();
                    return Err(error);
                }
                Err(_) => {
                    self.metrics.failed();
                    break;
                }
            }
            match batches.next() {
                Some(next) if started.elapsed() < RENEW_WITHIN => batch = next,
                _ => break,
            }
        }
        let left = claimed - shares.len();
        self.metrics.renewed(shares.len(), left, self.held.len());
        let unclaimed = self.held.unclaimed();
        shares.extend(self.held.lapsed(started).into_iter().map(|scope| (scope, unclaimed)));
        Ok(Renewed { shares, unclaimed, left })
    }

    /// Gives everything back, at the end of a drain: others have it at once.
    ///
    /// # Errors
    /// When Redis did not do it: what was held is free after [`LEASE`].
    pub async fn give_back(&mut self) -> Result<(), OperationError> {
        let shared = self.coordination.shared();
        let names = &shared.names;
        let mut keys: Vec<String> = self.held.scopes().map(|scope| names.lease(self.env, scope)).collect();
        // Last, since what a host has of scopes must not outlive what says that it lives.
        keys.push(names.unclaimed(self.env));
        for batch in keys.chunks(BATCH_SCOPES_MAX) {
            scripts::GIVE_BACK.run::<u64>(shared, batch, &[self.host.as_str()]).await?;
        }
        self.held = Held::default();
        Ok(())
    }

    /// One question, and what its answer says.
    async fn ask(&mut self, claims: &[Claim]) -> Result<Vec<(Scope, Share)>, OperationError> {
        let shared = self.coordination.shared();
        let asked_at = Instant::now();
        let mut keys = vec![shared.names.unclaimed(self.env)];
        let mut arguments =
            vec![self.host.to_string(), LEASE.as_millis().to_string(), RESERVE.ppm().to_string(), HOSTS_MAX.to_owned(), DEMAND_MAX.to_string()];
        arguments.push(self.held.unclaimed().ppm().to_string());
        for claim in claims {
            keys.push(shared.names.lease(self.env, &claim.scope));
            arguments.push(claim.demand.min(DEMAND_MAX).to_string());
            arguments.push(self.held.of(&claim.scope).ppm().to_string());
        }
        let answer: Vec<u32> = scripts::RENEW.run(shared, &keys, &arguments).await?;
        let [unclaimed, shares @ ..] = &answer[..] else { return Err(OperationError::Nonsense) };
        if shares.len() != claims.len() {
            return Err(OperationError::Nonsense);
        }
        let unclaimed = Share::of_ppm(*unclaimed);
        self.held.renewed(unclaimed, claims.iter().map(|claim| &claim.scope).zip(shares.iter().copied().map(Share::of_ppm)), asked_at);
        Ok(claims.iter().map(|claim| (claim.scope.clone(), self.held.of(&claim.scope).with(unclaimed))).collect())
    }
}
