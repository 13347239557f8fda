//! This host's part of the quotas that its fleet shares: what is asked for here
//! becomes claims, what Redis says becomes shares.
//!
//! No call waits for it: without Redis the last shares hold, and a host that never
//! heard one takes its part of `[quota] hosts`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use extensions_coordination::{Claim, Leases, RENEW_EVERY, Renewed, Scope};
use extensions_quota::{Demand, FleetScope, Fraction, Quotas};
use extensions_types::{Environment, with_causes};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{self, Instant},
};

/// Between two renewals, however short a host is of what it has not claimed.
const RENEW_APART: Duration = Duration::from_millis(50);

/// The sharing of one host, until it leaves.
#[derive(Debug)]
pub(crate) struct Shares {
    sharing: JoinHandle<()>,
    leaving: oneshot::Sender<()>,
}

impl Shares {
    /// Renews shares from now on.
    pub(crate) fn of(leases: Leases, env: Environment, quotas: Arc<Quotas>) -> Self {
        let (leaving, left) = oneshot::channel();
        let short = Arc::new(Notify::new());
        let tell = Arc::clone(&short);
        quotas.when_short(move || tell.notify_one());
        Self { sharing: tokio::spawn(Sharing { leases, env, quotas, short, failing: false }.share(left)), leaving }
    }

    /// Gives back what the host has, so that others may use it at once.
    pub(crate) async fn leave(self) {
        drop(self.leaving);
        // One that failed has nothing to give back.
        let _ = self.sharing.await;
    }
}

struct Sharing {
    leases: Leases,
    env: Environment,
    quotas: Arc<Quotas>,
    short: Arc<Notify>,
    failing: bool,
}

impl Sharing {
    async fn share(mut self, mut left: oneshot::Receiver<()>) {
        let mut read = Instant::now();
        loop {
            let began = Instant::now();
            let claims = claims(self.quotas.demand(), self.env, began - read);
            read = began;
            self.renew(claims).await;
            tokio::select! {
                () = time::sleep_until(began + RENEW_EVERY) => {}
                () = self.short.notified() => time::sleep_until(began + RENEW_APART).await,
                _ = &mut left => break,
            }
        }
        if let Err(error) = self.leases.give_back().await {
            tracing::debug!(error = with_causes(&error), "shares of quotas are not given back; others have them in seconds");
        }
    }

    async fn renew(&mut self, claims: Vec<Claim>) {
        let claimed: HashSet<Scope> = claims.iter().map(|claim| claim.scope.clone()).collect();
        match self.leases.renew(claims).await {
            Ok(renewed) => {
                self.take(renewed, &claimed);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("shares of the fleet's quotas are renewed again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(error = with_causes(&error), "shares of the fleet's quotas are not renewed; the last ones hold");
                }
            }
        }
    }

    /// What is claimed no more has the part of what never was.
    fn take(&self, Renewed { shares, unclaimed, left: _ }: Renewed, claimed: &HashSet<Scope>) {
        let fraction = |share: extensions_coordination::Share| Fraction::of_parts(share.ppm());
        self.quotas.set_unclaimed(self.env, fraction(unclaimed));
        for (scope, share) in shares {
            let part = claimed.contains(&scope).then(|| fraction(share));
            let Scope { tenant, extension } = scope;
            self.quotas.set_share(self.env, &FleetScope { tenant, extension }, part);
        }
    }
}

/// Claims of what was asked for in the time since it was last read.
fn claims(demand: Vec<Demand>, of: Environment, since: Duration) -> Vec<Claim> {
    let millis = u64::try_from(since.max(RENEW_APART).as_millis()).unwrap_or(u64::MAX);
    let claim = |Demand { scope: FleetScope { tenant, extension }, calls, .. }| Claim {
        scope: Scope { tenant, extension },
        demand: (u64::from(calls) * 1_000).div_ceil(millis),
    };
    demand.into_iter().filter(|demand| demand.env == of).map(claim).collect()
}

#[cfg(test)]
mod tests {
    use extensions_types::TenantId;

    use super::*;

    #[test]
    fn demand_is_told_by_the_second_and_for_one_environment() {
        let scope = FleetScope { tenant: TenantId::parse("acme").unwrap(), extension: None };
        let demand = |env, calls| Demand { env, scope: scope.clone(), calls };
        let both = vec![demand(Environment::Prod, 7), demand(Environment::Dev, 9)];
        let of_second = claims(both, Environment::Prod, Duration::from_secs(2));
        assert_eq!(of_second.iter().map(|claim| claim.demand).collect::<Vec<_>>(), [4]);
        let at_once = claims(vec![demand(Environment::Prod, 5)], Environment::Prod, Duration::ZERO);
        assert_eq!(at_once[0].demand, 100, "what was asked in no time is no endless rate");
    }
}
