//! What programs of a fleet tell each other through Redis: that something
//! changed, who serves what, and which share of a quota each host may use.
//!
//! Nothing here is truth. Whoever hears of a change reads it from the store;
//! whoever hears nothing polls. So everything said is a hint, bounded in size,
//! rate and time, and nobody waits for a Redis that is gone.
//!
//! [`Coordination`] is the connection, which repairs itself; [`Changes`] are
//! heard over a second one. With a key file, messages and heartbeats carry a
//! MAC, so that one environment's programs cannot speak for another's.

mod change;
mod changes;
mod coordination;
mod ear;
mod heartbeat;
mod host_id;
mod key;
mod leases;
mod link;
mod members;
mod metrics;
mod names;
mod pending;
mod resp;
mod script;
mod serves;
mod settings;
mod shared;
mod stream;
mod unsaid;

pub use change::{Change, Heard};
pub use changes::Changes;
pub use coordination::Coordination;
pub use heartbeat::{
    CHANGES_MAX, ControlAt, EntryState, HEARTBEAT_BYTES_MAX, Heartbeat, HostChange, HostProblem, PROBLEM_BYTES_MAX, PROBLEMS_MAX, Recent,
};
pub use host_id::{HostId, NotAHostId};
pub use key::Trust;
pub use leases::{BATCH_SCOPES_MAX, CLAIMS_MAX, Claim, LEASE, Leases, RENEW_EVERY, RESERVE, Renewed, Scope, Share};
pub use members::{BEAT_APART, BEAT_EVERY, HOSTS_MAX, Member, Members};
pub use serves::{Asked, Serves, serves};
pub use settings::{KeyFiles, RedisSettings, SettingsError};
pub use shared::{OperationError, RedisStatus};
pub use stream::{CompileStream, Entry, Offered, Reader, STREAM_WAITING_MAX, Tended};
