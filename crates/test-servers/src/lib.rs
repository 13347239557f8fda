//! Real servers for tests: started on free ports, ended with the test.
//!
//! A server's data lies in a temporary folder. It ends when its handle is
//! dropped and when this process ends, however that happens: the kernel sends
//! the signal (`PR_SET_PDEATHSIG`). Nothing is installed here and nothing is
//! skipped: a program that is missing is an error that says what to run.

mod authority;
mod child;
mod fault_proxy;
mod http_get;
mod minio;
mod programs;
mod redis;
mod start;
mod tls;

pub use authority::{Authority, Pair, Validity};
pub use child::Owned;
pub use fault_proxy::FaultProxy;
pub use minio::{Bucket, Minio};
pub use redis::Redis;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program is nowhere.
    #[error("{name} is not installed: run `cargo xtask test --only servers` once, put it on PATH, or name it in {variable}")]
    NotInstalled {
        /// Its name.
        name: &'static str,
        /// The variable that may name its path.
        variable: &'static str,
    },
    /// The system refused something that every server needs.
    #[error("{name}: cannot {action}")]
    System {
        /// The server.
        name: &'static str,
        /// What.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It ended, or did not answer in time.
    #[error("{name} {problem}; it wrote:\n{log}")]
    NotReady {
        /// The server.
        name: &'static str,
        /// What happened instead.
        problem: String,
        /// The end of its log.
        log: String,
    },
    /// It answered something else than it should.
    #[error("{name} answered {answer}")]
    Answer {
        /// The server.
        name: &'static str,
        /// The answer.
        answer: String,
    },
}
