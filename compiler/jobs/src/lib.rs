//! What registry and compile worker say to each other about a job.
//!
//! The registry holds the requests, a worker compiles. [`Queue`] gives hints:
//! which job may be waiting. [`Claims`] gives the job itself, for a lease, and
//! takes progress and result. Both have one form in process (a registry's own
//! board) and one over gRPC (`CompileJobs`); a worker cannot tell them apart.
//! Hints may also come from the stream that a fleet's registries share
//! ([`StreamQueue`]), beside a registry's own ([`EitherQueue`]).
//!
//! Nothing here decides: who may claim, which token holds and which result is
//! admitted is the registry's to say.

mod bundle;
mod claims;
mod either;
mod error;
mod event;
mod id;
mod queue;
mod result;
mod stream;
mod token;

pub use bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, COMPONENT_FILE, FILES_MAX, TOOL_FILE, UNPACKED_BYTES_MAX};
pub use claims::{Claimed, Claims, LEASE, REPORT_EVENTS_MAX, WorkerName};
pub use either::EitherQueue;
pub use error::{JobRefused, JobsError};
pub use event::{CompileEvent, TEXT_BYTES_MAX, WORD_BYTES_MAX};
pub use id::{BadJobId, JobId};
pub use queue::{HINTS_MAX, HINTS_OF_TENANT_MAX, LocalQueue, Queue};
pub use result::{Compiled, NotCompiled};
pub use stream::StreamQueue;
pub use token::{JobToken, NotAToken, TOKEN_BYTES_MAX};
