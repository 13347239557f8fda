//! A whole fleet on one machine: Redis, MinIO, registry, signer, compile worker
//! and hosts as child processes, each with a settings file of its own.
//!
//! For `cargo xtask fleet`, tests and benches. Ports are free ones of the
//! loopback, everything lies in one folder, and every process ends with this one.
//! Programs come from one build's folder; nothing is built or installed here.

pub mod announce;
mod fleet;
mod people;
mod program;
mod settings;
pub mod walk;

use std::{io, path::PathBuf};

use extensions_test_servers::ServerError;
use extensions_types::Environment;

pub use self::{
    fleet::{Fleet, HostProgram},
    people::People,
    program::Program,
};

/// What a fleet is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder of the platform's programs.
    pub programs: PathBuf,
    /// Settings, logs and data; made when it is not there.
    pub home: PathBuf,
    /// The folder that `ext toolchain install` filled; none: no compile worker.
    pub toolchains: Option<PathBuf>,
    /// The environment of each host.
    pub hosts: Vec<Environment>,
    /// Whether hosts, registry and worker know Redis.
    pub redis: bool,
    /// Whether machine code is compiled, signed and stored for all hosts.
    pub signer: bool,
    /// What hosts have in `[catalog]`, as TOML lines; empty: their defaults.
    pub catalog: String,
}

impl Plan {
    /// Two hosts of prod and one of dev, with everything there is: a promotion
    /// is tried in dev, and has to reach more than one host in prod.
    #[must_use]
    pub fn whole(programs: PathBuf, home: PathBuf, toolchains: PathBuf) -> Self {
        Self {
            programs,
            home,
            toolchains: Some(toolchains),
            hosts: vec![Environment::Dev, Environment::Prod, Environment::Prod],
            redis: true,
            signer: true,
            catalog: String::new(),
        }
    }
}

/// Why a fleet does not run, or a walk did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A child does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A program of ours is not built.
    #[error("{} is missing: `cargo build --release --workspace` makes it", .0.display())]
    NotBuilt(PathBuf),
    /// This machine refused something.
    #[error("cannot {action} {}", path.display())]
    System {
        /// What.
        action: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A key cannot be made.
    #[error("cannot make a key")]
    Key(#[from] extensions_identity::KeyRejected),
    /// A command did not end as it should.
    #[error("`{command}` ended with {ended}: {said}")]
    Command {
        /// As typed.
        command: String,
        /// Its exit code, or what happened instead.
        ended: String,
        /// What it wrote.
        said: String,
    },
    /// Something else came than what must come.
    #[error("{0}")]
    Unexpected(String),
}

impl FleetError {
    /// The error of a system's refusal to do `action` with `path`.
    pub fn system(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { action, path, source }
    }
}
