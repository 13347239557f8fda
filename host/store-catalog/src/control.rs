//! The environment's switches: looked at by etag, never back in their history.

use std::{sync::Arc, time::Duration};

use extensions_artifact::{Etag, Key, Object, Store, StoreError, Timing, document};
use extensions_catalog::Rules;
use extensions_types::{ControlState, Environment};
use tokio::time::Instant;

use crate::{
    catalog::Inner,
    document::Order,
    poll::{FIRST_PATIENCE, jittered},
};

/// One look at control takes no longer; the next look is the next try.
const LOOK: Timing = Timing { try_timeout: Duration::from_secs(2), tries: 1, pause: Duration::from_millis(1) };

/// Neither hints nor a slow store make more looks than one in this time.
const LOOK_GAP: Duration = Duration::from_millis(20);

/// What is in force.
#[derive(Debug)]
pub(crate) struct InForce {
    /// Whether the store, or a last copy, has ever said.
    pub(crate) is_known: bool,
    pub(crate) order: Order,
    pub(crate) rules: Arc<Rules>,
}

impl InForce {
    /// Before anything is known.
    pub(crate) fn unknown(env: Environment) -> Self {
        Self { is_known: false, order: Order::default(), rules: Arc::new(Rules::of(ControlState::new(env))) }
    }
}

/// How far control follows the store.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) etag: Option<Etag>,
    pub(crate) confirmed: Option<Instant>,
    /// A content that is not acted upon, and why: it is not read again and again.
    pub(crate) refused: Option<(Etag, String)>,
    pub(crate) problem: Option<String>,
}

/// How to look at control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As a rule nothing has changed: the etag alone.
    Glance,
    /// Somebody says that it has: the content at once, in one round trip.
    Closely,
}

/// What a look at the store gave.
#[derive(Debug)]
enum Seen {
    /// As before.
    Same,
    /// Nothing was ever switched.
    Absent,
    /// Another content.
    Changed(Object),
}

/// Looks whether control differs from `etag`.
async fn look(store: &Store, env: Environment, etag: Option<&Etag>, look: Look) -> Result<Seen, StoreError> {
    let (store, key) = (store.clone().with_timing(LOOK), Key::ControlState { env });
    if let (Some(etag), Look::Glance) = (etag, look) {
        match store.head(&key).await? {
            Some(row) if row.etag == *etag => return Ok(Seen::Same),
            Some(_) => {}
            None => return Ok(Seen::Absent),
        }
    }
    Ok(match store.get(&key).await? {
        Some(object) if Some(&object.etag) == etag => Seen::Same,
        Some(object) => Seen::Changed(object),
        None => Seen::Absent,
    })
}

/// Why a state is not acted upon. For logs and operators.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Document(#[from] document::DocumentError),
    #[error("it rules {0}, not {1}")]
    Place(Environment, Environment),
    #[error("it is older ({0:?}) than what is in force ({1:?}); was the store restored without raising its generation?")]
    Older(Order, Order),
}

/// What shall be in force after `now`, by a document.
fn check(bytes: &[u8], env: Environment, now: &InForce) -> Result<Arc<InForce>, Refused> {
    let state: ControlState = document::decode(bytes)?;
    if state.env != env {
        return Err(Refused::Place(state.env, env));
    }
    if now.is_known && state.order() < now.order {
        return Err(Refused::Older(state.order(), now.order));
    }
    Ok(Arc::new(InForce { is_known: true, order: state.order(), rules: Arc::new(Rules::of(state)) }))
}

impl Inner {
    /// Looks at control again and again.
    pub(crate) async fn poll_control(self: Arc<Self>) {
        let mut began = Instant::now();
        let mut first = Box::pin(self.look(Look::Glance));
        if tokio::time::timeout(FIRST_PATIENCE, &mut first).await.is_err() {
            self.adopt_control().await;
            let _ = first.await;
        }
        loop {
            let soon = Instant::now() + LOOK_GAP;
            let how = tokio::select! {
                () = tokio::time::sleep_until(soon.max(began + jittered(self.settings.control_poll()))) => Look::Glance,
                () = self.hints.control.notified() => {
                    tokio::time::sleep_until(soon).await;
                    Look::Closely
                }
            };
            began = Instant::now();
            // What went wrong is in the status, and logged when it begins.
            let _ = self.look(how).await;
        }
    }

    /// One look at control.
    pub(crate) async fn look(&self, how: Look) -> Result<(), String> {
        let _one = self.looking.lock().await;
        let (etag, refused) = {
            let followed = self.followed();
            (followed.etag.clone(), followed.refused.clone())
        };
        let seen = refused.as_ref().map_or(etag.as_ref(), |(etag, _)| Some(etag));
        let looked = look(&self.store, self.env, seen, how).await;
        let taken = match (looked, refused) {
            (Ok(Seen::Same), Some((_, problem))) => Err(problem),
            (Ok(Seen::Same), None) => Ok(()),
            (Ok(Seen::Absent), _) => self.absent().await,
            (Ok(Seen::Changed(object)), _) => self.take_control(object).await,
            (Err(error), _) => Err(error.to_string()),
        };
        if taken.is_err() && !self.control.load().is_known {
            self.adopt_control().await;
        }
        let mut followed = self.followed();
        match &taken {
            Ok(()) => {
                followed.confirmed = Some(Instant::now());
                followed.problem = None;
            }
            Err(problem) => {
                if followed.problem.as_ref() != Some(problem) {
                    tracing::error!(env = %self.env, problem, "control is not followed; the last state holds");
                }
                followed.problem = Some(problem.clone());
            }
        }
        taken
    }

    /// No control in the store: right where nothing was ever switched.
    async fn absent(&self) -> Result<(), String> {
        if !self.control.load().is_known {
            // What was switched before this host's restart is not forgotten by losing it.
            self.adopt_control().await;
        }
        let now = self.control.load_full();
        if now.is_known {
            let lost = "the store has lost control/state.json, the last state holds; have the registry write it anew";
            return if now.order == Order::default() { Ok(()) } else { Err(lost.to_owned()) };
        }
        self.control.store(Arc::new(InForce { is_known: true, ..InForce::unknown(self.env) }));
        let state = document::encode(&ControlState::new(self.env)).map_err(|error| error.to_string())?;
        let copy = self.copy.clone();
        self.on_disk(move || copy.save_control(&state)).await;
        Ok(())
    }

    async fn take_control(&self, object: Object) -> Result<(), String> {
        let Object { bytes, etag } = object;
        if !self.control.load().is_known {
            // The floor below which this host does not go.
            self.adopt_control().await;
        }
        let state = match check(&bytes, self.env, &self.control.load()) {
            Ok(state) => state,
            Err(refused) => {
                self.followed().refused = Some((etag, refused.to_string()));
                return Err(refused.to_string());
            }
        };
        {
            let mut followed = self.followed();
            (followed.etag, followed.refused) = (Some(etag), None);
        }
        let order = state.order;
        self.control.store(state);
        self.recent.stir();
        tracing::info!(env = %self.env, generation = order.0, seq = order.1, "control is in force");
        let copy = self.copy.clone();
        self.on_disk(move || copy.save_control(&bytes)).await;
        Ok(())
    }

    /// Uses the last copy of control, where nothing is known yet.
    async fn adopt_control(&self) {
        let copy = self.copy.clone();
        let Ok(Some(bytes)) = tokio::task::spawn_blocking(move || copy.control()).await else { return };
        let now = self.control.load_full();
        if now.is_known {
            return;
        }
        match check(&bytes, self.env, &now) {
            Ok(state) => self.control.store(state),
            Err(refused) => tracing::warn!(env = %self.env, %refused, "the last copy of control is unusable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(env: Environment, order: Order) -> Vec<u8> {
        let state = ControlState { generation: order.0, applied_seq: order.1, ..ControlState::new(env) };
        document::encode(&state).unwrap().to_vec()
    }

    #[test]
    fn control_only_goes_up() {
        let env = Environment::Prod;
        let now = check(&state(env, (1, 7)), env, &InForce::unknown(env)).unwrap();
        assert!(matches!(check(&state(env, (1, 6)), env, &now), Err(Refused::Older((1, 6), (1, 7)))));
        assert_eq!(check(&state(env, (2, 1)), env, &now).unwrap().order, (2, 1), "a raised generation outranks");
        assert!(matches!(check(&state(Environment::Dev, (3, 1)), env, &now), Err(Refused::Place(..))));
        assert!(matches!(check(b"{\"schema\":2}", env, &now), Err(Refused::Document(_))));
    }
}
