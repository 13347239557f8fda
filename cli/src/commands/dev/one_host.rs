//! A fleet of one: this process is the only host of each environment.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use extensions_catalog::Catalog as _;
use extensions_engine::Engine;
use extensions_modules::Modules;
use extensions_registry::{About, Asking, ControlAt, EntryState, Heartbeat, HostChange, HostId, Member, Members, Membership, Recent, Trust, Unknown};
use extensions_types::{Environment, with_causes};

use super::environments::Environments;

/// Its name among hosts.
const THIS_PROCESS: &str = "ext-dev";

/// What this process says of itself.
#[derive(Debug)]
pub(super) struct OneHost {
    environments: Environments,
    engine: Arc<Engine>,
    modules: Arc<Modules>,
    started_ms: u64,
}

impl OneHost {
    pub(super) fn new(environments: Environments, engine: Arc<Engine>, modules: Arc<Modules>) -> Self {
        Self { environments, engine, modules, started_ms: now_ms() }
    }

    fn heartbeat(&self, host: HostId, env: Environment, recent: Recent, at_ms: u64) -> Heartbeat {
        let catalog = self.environments.of(env);
        let status = catalog.status();
        Heartbeat {
            host,
            env,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            compat: self.engine.compatibility().to_string(),
            started_ms: self.started_ms,
            at_ms,
            // Whoever asks has just been here.
            address: None,
            ready: status.ready,
            draining: false,
            control: status.ready.then_some(ControlAt { generation: status.control.generation, seq: status.control.seq }),
            listed_age_ms: catalog.listed_age().map(millis),
            extensions: status.entries as u64,
            // Of all environments: one process loads for each.
            loaded: self.modules.loaded() as u64,
            // `ext dev` tells them where it runs.
            problems: Vec::new(),
            recent,
        }
    }
}

/// Whoever asks which hosts serve a change finds one, which has just taken it or
/// cannot.
impl Membership for OneHost {
    fn hosts(&self, env: Environment, about: Option<About>) -> Asking<'_> {
        Box::pin(async move {
            let now_ms = now_ms();
            let mut recent = Recent::since(now_ms);
            if let Some(About { tenant, extension, generation, seq }) = about {
                let state = match self.environments.of(env).refresh(&tenant, &extension).await {
                    Ok(()) => EntryState::Served,
                    Err(error) => EntryState::Kept { problem: with_causes(&error) },
                };
                recent.note(HostChange { tenant, extension, generation, seq, version: None, state, at_ms: now_ms });
            }
            let host = HostId::parse(THIS_PROCESS).map_err(|error| Unknown { because: error.to_string() })?;
            let member = Member { heartbeat: self.heartbeat(host, env, recent, now_ms), trust: Trust::Authenticated };
            Ok(Arc::new(Members { hosts: vec![member], refused: 0, whole: true }))
        })
    }
}

/// Milliseconds since the Unix epoch, by this machine's clock.
fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
