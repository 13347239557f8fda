//! How large each kind of object may be: what is larger is neither written nor read.

use super::Key;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A component: larger ones load too slowly for a call to wait.
pub(crate) const COMPONENT_BYTES_MAX: u64 = 4 * MIB;
/// A source bundle: text, schemas and tests of one extension.
pub(crate) const SOURCE_BYTES_MAX: u64 = 8 * MIB;
/// One event: the largest carries a version's summary and reasons of a refusal.
const EVENT_BYTES_MAX: u64 = 256 * KIB;
/// A definition (64 KiB by itself) with its evidence: imports, tests, toolchain.
const DEFINITION_BYTES_MAX: u64 = 512 * KIB;
/// A snapshot: 1,000 versions of about 1 KiB, and the commands of a day.
const HEAD_BYTES_MAX: u64 = 8 * MIB;
/// An entry: whole definitions of current, last good and pinned versions.
const ENTRY_BYTES_MAX: u64 = 4 * MIB;
/// An environment's switches, quotas and weights over all tenants.
const CONTROL_BYTES_MAX: u64 = 8 * MIB;
/// Markers say who wrote them and when.
const MARKER_BYTES_MAX: u64 = 64 * KIB;
/// Plans and manifests name objects one by one: some 200 bytes each, 160,000 of a tenant.
const REPORT_BYTES_MAX: u64 = 32 * MIB;
/// Machine code is some ten times its component.
const PRECOMPILED_BYTES_MAX: u64 = 64 * MIB;

impl Key {
    /// The most bytes that an object of this kind may have.
    #[must_use]
    pub const fn bytes_max(&self) -> u64 {
        match self {
            Self::Event { .. } | Self::ControlEvent { .. } | Self::BackupLost { .. } => EVENT_BYTES_MAX,
            Self::Head { .. } => HEAD_BYTES_MAX,
            Self::Component { .. } => COMPONENT_BYTES_MAX,
            Self::Definition { .. } => DEFINITION_BYTES_MAX,
            Self::Source { .. } => SOURCE_BYTES_MAX,
            Self::ControlState { .. } => CONTROL_BYTES_MAX,
            Self::GcRun { .. } | Self::BackupRun { .. } | Self::BackupTenant { .. } => REPORT_BYTES_MAX,
            Self::Entry { .. } => ENTRY_BYTES_MAX,
            Self::Pending { .. } | Self::Compile { .. } | Self::Erased { .. } | Self::Signer { .. } | Self::Clock | Self::BackupGeneration { .. } => {
                MARKER_BYTES_MAX
            }
            Self::Precompiled { .. } => PRECOMPILED_BYTES_MAX,
        }
    }
}
