//! Shares of fleet-wide quotas.

mod bounds;
mod faults;
mod races;
mod shares;

use extensions_coordination::{Claim, Coordination, HostId, Leases, Renewed, Scope, Share};
use extensions_types::{ExtensionId, TenantId};

use crate::kit::DEV;

fn scope(tenant: &str) -> Scope {
    Scope { tenant: TenantId::parse(tenant).unwrap(), extension: None }
}

fn of_extension(tenant: &str, extension: &str) -> Scope {
    Scope { extension: Some(ExtensionId::parse(extension).unwrap()), ..scope(tenant) }
}

fn claim(tenant: &str, demand: u64) -> Claim {
    Claim { scope: scope(tenant), demand }
}

/// A host with what it holds of the tenant `acme`.
struct Host {
    leases: Leases,
    holds: u32,
    unclaimed: u32,
}

impl Host {
    fn of(coordination: &Coordination, name: &str) -> Self {
        Self { leases: Leases::of(coordination, DEV, HostId::parse(name).unwrap()), holds: 0, unclaimed: 0 }
    }

    async fn renew(&mut self, demand: u64) -> u32 {
        let renewed = self.leases.renew(vec![claim("acme", demand)]).await.unwrap();
        self.take(&renewed);
        self.holds
    }

    fn take(&mut self, renewed: &Renewed) {
        self.unclaimed = renewed.unclaimed.ppm();
        self.holds = of(renewed, &scope("acme")).unwrap_or(self.unclaimed);
    }
}

fn of(renewed: &Renewed, scope: &Scope) -> Option<u32> {
    renewed.shares.iter().find(|(of, _)| of == scope).map(|(_, share)| share.ppm())
}

/// What all hosts hold together.
fn together(hosts: &[Host]) -> u32 {
    hosts.iter().map(|host| host.holds).sum()
}

const WHOLE: u32 = Share::WHOLE.ppm();

/// A share is rounded down to a millionth, twice.
fn nearly(share: u32, expected: f64) -> bool {
    (f64::from(share) - expected * 1e6).abs() <= 4.0
}
