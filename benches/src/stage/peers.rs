//! Other systems that run small pieces of foreign code behind HTTP, as their
//! own documentation starts them: workerd and `wasmtime serve`.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;
use wit_component::ComponentEncoder;

use crate::{
    harness::{Ended, Servers},
    load::Endpoint,
};

/// A peer that does not listen by then has failed.
const START_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// An instance of `wasmtime serve` that is used so often is used for all of a measurement.
const REUSES: &str = "1000000000";
/// What workerd runs: its rule lies beside it.
const WORKERD_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/workerd/config.capnp");

/// Their programs, installed by `cargo xtask bench --peers`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PeerFiles {
    /// workerd's program.
    #[arg(long, requires_all = ["wasmtime", "wasi_http"])]
    workerd: Option<PathBuf>,
    /// wasmtime's program, with `serve`.
    #[arg(long)]
    wasmtime: Option<PathBuf>,
    /// The discount rule over wasi:http: the core module that rustc made.
    #[arg(long)]
    wasi_http: Option<PathBuf>,
}

/// One that listens.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) endpoint: Endpoint,
    child: Ended,
    _home: tempfile::TempDir,
}

impl PeerFiles {
    /// All of them, listening; none where they are not installed.
    pub(crate) fn start(&self) -> anyhow::Result<Option<[Peer; 3]>> {
        let (Some(workerd), Some(wasmtime), Some(module)) = (&self.workerd, &self.wasmtime, &self.wasi_http) else { return Ok(None) };
        let module = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        let component = ComponentEncoder::default().validate(true).module(&module)?.encode().context("the wasi:http rule is no component")?;
        let serve = |name, reuses| {
            Peer::start(name, |address, home| {
                let path = home.join("rule.wasm");
                std::fs::write(&path, &component)?;
                let mut command = Command::new(wasmtime);
                command.args(["serve", "--addr", &address.to_string(), "--max-instance-reuse-count", reuses]).arg(path);
                Ok(command)
            })
        };
        let workerd = Peer::start("workerd, JavaScript", |address, _| {
            let mut command = Command::new(workerd);
            command.args(["serve", WORKERD_CONFIG, "--socket-addr", &format!("http={address}")]);
            Ok(command)
        })?;
        Ok(Some([workerd, serve("wasmtime serve, reused", REUSES)?, serve("wasmtime serve, fresh", "1")?]))
    }
}

impl Peer {
    fn start(name: &'static str, command: impl FnOnce(SocketAddr, &std::path::Path) -> anyhow::Result<Command>) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        // Free a moment ago: neither can be handed a socket, nor says which port it chose.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = command(address, home.path())?;
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child = Ended(spawned.with_context(|| format!("{name} cannot be started"))?);
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = child.0.try_wait()? {
                bail!("{name} ended with {status} before it listened");
            }
            anyhow::ensure!(start.elapsed() < START_MAX, "{name} does not listen on {address} after {START_MAX:?}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(Self { name, endpoint: address.into(), child, _home: home })
    }

    /// What its calls cost.
    pub(crate) fn threads(&self) -> Servers {
        Servers::Process(self.child.0.id())
    }
}
