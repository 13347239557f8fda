//! The registry over gRPC and HTTP.
//!
//! [`Service`] is what the registry does for a request, whatever brought it:
//! it reads the request's fields, has the lifecycle decide, and audits every
//! refusal. Both transports are thin: messages of registry.proto in, views out.
//! [`router()`] puts them behind one gate that authenticates before the first
//! byte of a body is read.
//!
//! It names no engine and no host: source is compiled by workers, who take jobs
//! of its board ([`Service::in_process`], or the gRPC service `CompileJobs`). Who
//! erases tenants and who hears of changes is given to it.

pub mod audit;
mod board;
mod call;
mod fleet;
mod gate;
mod grpc;
mod http;
mod metrics;
mod notify;
mod router;
pub mod service;
pub mod view;

pub use audit::{Audit, LogAudit};
pub use board::{ATTEMPTS_MAX, BoardSettings, JobKey, JobKeyError};
pub use call::Call;
pub use extensions_compile_jobs::{Bundle, BundleError, COMPONENT_FILE, TOOL_FILE};
pub use fleet::{About, Asking, Fleet, Membership, NobodyKnows, Unknown};
pub use gate::{Connection, Gate};
pub use metrics::Metrics;
pub use notify::{NobodyToTell, Notify};
pub use router::{GRPC_JOBS_SERVICE, GRPC_SERVICE, HTTP_PREFIX, owns, router};
pub use service::{Feeder, InProcess, Keeper, LOOK_EVERY, Operations, Parts, Service, UpkeepReport, UpkeepTask};
