//! The environment's switches: looked at by etag, never back in their history.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_artifact::{Etag, Key, Object, Store, StoreError, Timing, document};
use extensions_catalog::Switches;
use extensions_types::{ControlState, Environment};

use crate::document::Order;

/// One look at control takes no longer; the next look is the next try.
const LOOK: Timing = Timing { try_timeout: Duration::from_secs(2), tries: 1, pause: Duration::from_millis(1) };

/// What is in force.
#[derive(Debug, Default)]
pub(crate) struct InForce {
    /// Whether the store, or a last copy, has ever said.
    pub(crate) is_known: bool,
    pub(crate) order: Order,
    pub(crate) switches: Switches,
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

/// What a look at the store gave.
#[derive(Debug)]
pub(crate) enum Look {
    /// As before.
    Same,
    /// Nothing was ever switched.
    Absent,
    /// Another content.
    Changed(Object),
}

/// Looks whether control differs from `etag`.
pub(crate) async fn look(store: &Store, env: Environment, etag: Option<&Etag>) -> Result<Look, StoreError> {
    let (store, key) = (store.clone().with_timing(LOOK), Key::ControlState { env });
    if let Some(etag) = etag {
        match store.head(&key).await? {
            Some(row) if row.etag == *etag => return Ok(Look::Same),
            Some(_) => {}
            None => return Ok(Look::Absent),
        }
    }
    Ok(store.get(&key).await?.map_or(Look::Absent, Look::Changed))
}

/// Why a state is not acted upon. For logs and operators.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Document(#[from] document::DocumentError),
    #[error("it rules {0}, not {1}")]
    Place(Environment, Environment),
    #[error("it is older ({0:?}) than what is in force ({1:?}); was the store restored without raising its generation?")]
    Older(Order, Order),
}

/// What shall be in force after `now`, by a document.
pub(crate) fn check(bytes: &[u8], env: Environment, now: &InForce) -> Result<Arc<InForce>, Refused> {
    let state: ControlState = document::decode(bytes)?;
    if state.env != env {
        return Err(Refused::Place(state.env, env));
    }
    if now.is_known && state.order() < now.order {
        return Err(Refused::Older(state.order(), now.order));
    }
    Ok(Arc::new(InForce { is_known: true, order: state.order(), switches: Switches::of(&state) }))
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
        let now = check(&state(env, (1, 7)), env, &InForce::default()).unwrap();
        assert!(matches!(check(&state(env, (1, 6)), env, &now), Err(Refused::Older((1, 6), (1, 7)))));
        assert_eq!(check(&state(env, (2, 1)), env, &now).unwrap().order, (2, 1), "a raised generation outranks");
        assert!(matches!(check(&state(Environment::Dev, (3, 1)), env, &now), Err(Refused::Place(..))));
        assert!(matches!(check(b"{\"schema\":2}", env, &now), Err(Refused::Document(_))));
    }
}
