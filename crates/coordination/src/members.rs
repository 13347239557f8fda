//! Membership: which hosts live, and what they serve.

use std::time::Duration;

use extensions_types::Environment;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    Heartbeat, HostId, OperationError, Trust,
    heartbeat::HEARTBEAT_BYTES_MAX,
    key::{Said, Unsealed},
    metrics::Dropped,
    shared::Shared,
};

/// A host says what it serves this often, whatever happens.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Beside that it says so soon after a change, but not more often than this.
pub const BEAT_APART: Duration = Duration::from_millis(50);
/// Missed heartbeats after which a host counts as gone.
const BEATS_MISSED: u32 = 3;
/// Hosts that a fleet's list shows.
pub const HOSTS_MAX: usize = 1_000;
/// A list takes some hundred answers of a quick Redis; a slow one is not waited for so often.
const OPERATIONS_OF_A_LIST: u32 = 4;
/// Keys that Redis looks at in one step: well under a millisecond of its time.
const SCAN_COUNT: usize = 1_000;
/// Steps of a scan: a Redis with more keys than these cover is not ours alone.
const SCAN_STEPS_MAX: usize = 200;
/// Heartbeats asked for at once.
const READS_AT_ONCE: usize = 32;
/// The MAC and the spaces before a heartbeat.
const SEAL_BYTES: usize = 80;

/// A host that lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// What it said last.
    pub heartbeat: Heartbeat,
    /// How far that may be believed.
    pub trust: Trust,
}

/// The hosts of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Members {
    /// By id.
    pub hosts: Vec<Member>,
    /// Heartbeats that were not believed: forged, of another key, or not of our form.
    pub refused: usize,
    /// False where there are more hosts, or keys, than are looked at.
    pub whole: bool,
}

impl Shared {
    pub(crate) async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), OperationError> {
        let payload = heartbeat.to_text(HEARTBEAT_BYTES_MAX - SEAL_BYTES);
        let sealed = self.seal(heartbeat.env).seal(Said::Heartbeat { host: heartbeat.host.as_str() }, &payload);
        let expiry_ms = u64::try_from((BEAT_EVERY * BEATS_MISSED).as_millis()).unwrap_or(u64::MAX);
        let key = self.names.host(heartbeat.env, &heartbeat.host);
        let said = self.ask::<()>(redis::cmd("SET").arg(key).arg(sealed).arg("PX").arg(expiry_ms)).await;
        self.metrics.beat(said.is_ok());
        said
    }

    pub(crate) async fn hosts(&self, env: Environment) -> Result<Members, OperationError> {
        let within = self.settings.timeout() * OPERATIONS_OF_A_LIST;
        timeout(within, self.list(env)).await.map_err(|_| OperationError::TimedOut { within })?
    }

    async fn list(&self, env: Environment) -> Result<Members, OperationError> {
        let (ids, whole) = self.host_ids(env).await?;
        let mut read = stream::iter(ids).map(|(key, id)| async move { self.heard(env, &key, &id).await }).buffered(READS_AT_ONCE);
        let mut members = Members { whole, ..Members::default() };
        while let Some(heard) = read.next().await {
            match heard? {
                Some(Ok(member)) => members.hosts.push(member),
                Some(Err(reason)) => {
                    self.metrics.forged(reason);
                    members.refused += 1;
                }
                None => {}
            }
        }
        members.hosts.sort_by(|one, other| one.heartbeat.host.cmp(&other.heartbeat.host));
        Ok(members)
    }

    /// Keys of heartbeats with the host that each is of, and whether these are all.
    async fn host_ids(&self, env: Environment) -> Result<(Vec<(String, HostId)>, bool), OperationError> {
        let prefix = self.names.hosts(env);
        let mut ids = std::collections::BTreeMap::new();
        let mut cursor = 0_u64;
        for _ in 0..SCAN_STEPS_MAX {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(SCAN_COUNT);
            let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            for key in keys {
                let key = String::from_utf8(key).ok();
                // A name that no host has is nobody's heartbeat.
                let known = key.and_then(|key| HostId::parse(key.strip_prefix(&prefix)?).ok().map(|id| (key, id)));
                match known {
                    Some((key, id)) => drop(ids.insert(key, id)),
                    None => self.metrics.forged(Dropped::Malformed),
                }
            }
            if ids.len() > HOSTS_MAX {
                return Ok((ids.into_iter().take(HOSTS_MAX).collect(), false));
            }
            if next == 0 {
                return Ok((ids.into_iter().collect(), true));
            }
            cursor = next;
        }
        Ok((ids.into_iter().collect(), false))
    }

    /// What a host said last; none where it has just expired.
    async fn heard(&self, env: Environment, key: &str, id: &HostId) -> Result<Option<Result<Member, Dropped>>, OperationError> {
        // One byte more than any of ours: more of a foreign value is never read.
        let read = self.ask::<Vec<u8>>(redis::cmd("GETRANGE").arg(key).arg(0).arg(HEARTBEAT_BYTES_MAX)).await;
        let bytes = match read {
            Ok(bytes) => bytes,
            // A list or a set under a host's name.
            Err(OperationError::Redis(error)) if error.code() == Some("WRONGTYPE") => return Ok(Some(Err(Dropped::Malformed))),
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.believed(env, id, &bytes)))
    }

    fn believed(&self, env: Environment, id: &HostId, bytes: &[u8]) -> Result<Member, Dropped> {
        if bytes.len() > HEARTBEAT_BYTES_MAX {
            return Err(Dropped::TooLong);
        }
        let unsealed = self.seal(env).unseal(Said::Heartbeat { host: id.as_str() }, bytes);
        let (payload, trust) = unsealed.map_err(Dropped::from)?;
        let heartbeat = Heartbeat::parse(payload).filter(|said| said.env == env && said.host == *id).ok_or(Dropped::Malformed)?;
        Ok(Member { heartbeat, trust })
    }
}

impl From<Unsealed> for Dropped {
    fn from(why: Unsealed) -> Self {
        match why {
            Unsealed::Malformed => Self::Malformed,
            Unsealed::Unauthenticated => Self::Unauthenticated,
        }
    }
}
