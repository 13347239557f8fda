//! What a caller reads.

use extensions_quota::{QuotaScope, QuotaSettings};
use extensions_types::{EffectiveQuota, QuotaLimits};

use crate::kit::{Desk, NONE, of_tenant, secs};

#[test]
fn a_refusal_names_the_quota_and_when_to_retry() {
    let desk = Desk::new();
    let rate = QuotaLimits { rate_per_s: Some(10), burst: Some(1), ..NONE };
    assert!(desk.ask("x", of_tenant(rate), 1, secs(0)).is_ok());
    let over = desk.ask("x", of_tenant(rate), 1, secs(0)).unwrap_err();
    assert_eq!(over.to_string(), "the tenant's quota rate_per_s of 10 calls a second is used up; retry after 100 ms");
    let of_extension = EffectiveQuota { tenant: NONE, extension: QuotaLimits { memory_mb: Some(64), ..NONE } };
    let over = desk.ask("x", of_extension, 65, secs(0)).unwrap_err();
    assert_eq!(over.scope, QuotaScope::Extension);
    assert_eq!(over.to_string(), "extension `x`'s quota memory_mb of 64 MiB of memory in flight is less than this one call needs");
}

#[test]
fn settings_that_cannot_work_are_named() {
    assert!(QuotaSettings::default().check().is_ok());
    assert_eq!(QuotaSettings { hosts: 0 }.check().unwrap_err().to_string(), "quota.hosts is 0; it must be between 1 and 10000");
    assert!(QuotaSettings { hosts: 10_001 }.check().is_err());
}
