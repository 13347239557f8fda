//! What requests carry: JSON bodies and queries. Unknown keys are refused.

use extensions_types::{ControlScope, QuotaLimits, SwitchTarget};
use serde::Deserialize;

/// Every query's own key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Common {
    pub(super) tenant_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListQuery {
    pub(super) tenant_id: String,
    pub(super) page_size: u32,
    pub(super) page_token: String,
    pub(super) kind: String,
    pub(super) risk_tier: String,
    pub(super) env: String,
    pub(super) tag: String,
    pub(super) id_prefix: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HistoryQuery {
    pub(super) tenant_id: String,
    pub(super) after_seq: u64,
    pub(super) page_size: u32,
    pub(super) newest_first: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VersionQuery {
    pub(super) tenant_id: String,
    pub(super) with_wit: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HostsQuery {
    pub(super) tenant_id: String,
    pub(super) extension_id: String,
    pub(super) seq: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WatchQuery {
    pub(super) tenant_id: String,
    pub(super) cursor: String,
    pub(super) after_seq: Option<u64>,
}

/// What every change may say of itself.
#[derive(Debug, Default)]
pub(super) struct Reason {
    pub(super) expected_seq: Option<u64>,
    pub(super) why: String,
}

/// A body of a change: its own fields beside those of [`Reason`].
macro_rules! body {
    ($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$attribute])* pub(super) $field: $type,)*
            #[serde(default)]
            expected_seq: Option<u64>,
            #[serde(default)]
            why: String,
        }

        impl $name {
            pub(super) fn reason(&mut self) -> Reason {
                Reason { expected_seq: self.expected_seq, why: std::mem::take(&mut self.why) }
            }
        }
    };
}

body!(CreateBody { origin: String, manifest_toml: String, bundle_sha256: String, bundle_bytes: u64 });
body!(PlainBody {});
body!(ToEnvBody { to_env: String });
body!(DecideBody {
    to_env: String,
    decision: String,
    #[serde(default)]
    digest: String
});
body!(RollbackBody { env: String, to_version: u64 });
body!(PinBody {
    env: String,
    #[serde(default)]
    caller: Option<String>,
    #[serde(default)]
    hook_point: Option<String>,
    #[serde(default)]
    version: Option<u64>,
});
body!(EnabledBody { env: String, enabled: bool });
body!(FindingBody { finding: String });
body!(TierBody { tier: String });
body!(ControlBody {
    #[serde(default)]
    target: Option<SwitchTarget>,
    #[serde(default)]
    off: bool,
    #[serde(default)]
    until_ms: Option<u64>,
    #[serde(default)]
    abort: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    quota: Option<QuotaBody>,
    #[serde(default)]
    weight: Option<WeightBody>,
    #[serde(default)]
    policy: Option<PolicyBody>,
    #[serde(default)]
    tightening: Option<TighteningBody>,
});

/// Limits of a scope; without limits, they are taken away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaBody {
    pub(super) target: ControlScope,
    #[serde(default)]
    pub(super) limits: Option<QuotaLimits>,
}

/// A tenant's share; without one, it is taken away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightBody {
    pub(super) tenant_id: String,
    #[serde(default)]
    pub(super) weight: Option<u32>,
}

/// A policy; without a mode, it is taken away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyBody {
    pub(super) name: String,
    #[serde(default)]
    pub(super) target: Option<ControlScope>,
    #[serde(default)]
    pub(super) mode: String,
    #[serde(default)]
    pub(super) methods: Vec<String>,
}

/// Failures that no contract answers for; without causes, they are left to the contracts again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TighteningBody {
    pub(super) target: ControlScope,
    #[serde(default)]
    pub(super) causes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseBody {
    pub(super) why: String,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpkeepBody {
    pub(super) task: String,
    #[serde(default)]
    pub(super) dry_run: bool,
    #[serde(default)]
    pub(super) tenant_id: String,
    #[serde(default)]
    pub(super) why: String,
}
