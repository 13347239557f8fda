//! Events as they happen, for as long as the caller's token lasts.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use extensions_artifact::Owned;
use extensions_proto::v1;
use extensions_registry_core::check_read;
use extensions_registry_ledger::WatchItem;
use extensions_types::{ErrorCode, Refusal, TenantId};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    Named, Service,
    read::{lifecycle, readable},
    refusal,
    refuse::{overloaded, unavailable},
};
use crate::{Call, call::bad, view::WatchView};

/// Watches at once: each looks at the store every few seconds.
const WATCHES_MAX: usize = 1_000;
/// Of one tenant: its dashboards and pipelines, with room for others.
const WATCHES_OF_TENANT_MAX: usize = 50;
/// A sign of life, so that proxies keep the connection and a dead one is noticed.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Events and signs of life.
pub type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchView, Refusal>> + Send>>;

/// Watches under way, by tenant.
#[derive(Debug, Default)]
pub(super) struct Watches {
    open: Mutex<BTreeMap<TenantId, usize>>,
}

/// One watch's place among them.
#[derive(Debug)]
struct Place {
    watches: Arc<Watches>,
    tenant: TenantId,
}

impl Watches {
    fn enter(self: &Arc<Self>, tenant: &TenantId) -> Result<Place, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(tenant).copied().unwrap_or(0);
        if open.values().sum::<usize>() >= WATCHES_MAX || own >= WATCHES_OF_TENANT_MAX {
            return Err(overloaded("as many watches as there is room for are open; close one, or try again"));
        }
        open.insert(tenant.clone(), own + 1);
        Ok(Place { watches: Arc::clone(self), tenant: tenant.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.watches.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.tenant) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(open.remove(&self.tenant)),
        }
    }
}

impl Service {
    /// The events of one extension or of a tenant, from a place on.
    ///
    /// # Errors
    /// Refuses by name; what ends the stream later stands in the stream.
    pub async fn watch(&self, call: &Call, request: v1::WatchRequest) -> Result<WatchStream, Refusal> {
        self.audited(call, Named { operation: "Watch", tenant: &request.tenant_id, on: &request.extension_id }, async {
            let views = if request.extension_id.is_empty() { self.watch_tenant(call, &request)? } else { self.watch_one(call, &request).await? };
            Ok(alive(views, call.principal.expires(), self.inner.parts.leaving.clone()))
        })
        .await
    }

    async fn watch_one(&self, call: &Call, request: &v1::WatchRequest) -> Result<WatchStream, Refusal> {
        let of = readable(call, &request.tenant_id, &request.extension_id)?;
        let after = match (request.cursor.as_str(), request.after_seq) {
            ("", Some(after)) => after,
            ("", None) => self.known(&of).await?.applied_seq,
            (cursor, _) => cursor.parse().map_err(|_| bad("cursor", &"send the cursor of the last event as it is, or none"))?,
        };
        let place = self.inner.watches.enter(&of.tenant)?;
        let extension = of.extension.clone();
        let views = self.ledger().watch(&of, after).map(move |item| {
            let _ = &place;
            let event = item.map_err(|error| refusal(&error))?;
            Ok(WatchView { cursor: event.seq.to_string(), extension_id: Some(extension.clone()), event: Some(event.into()) })
        });
        Ok(views.boxed())
    }

    fn watch_tenant(&self, call: &Call, request: &v1::WatchRequest) -> Result<WatchStream, Refusal> {
        let caller = call.caller()?;
        let tenant = call.tenant(&caller, &request.tenant_id)?;
        check_read(&tenant, &caller).map_err(lifecycle)?;
        if request.after_seq.is_some() {
            return Err(bad("after_seq", &"each extension counts for itself; resume a tenant's watch with its cursor"));
        }
        let place = self.inner.watches.enter(&tenant)?;
        let cursor = (!request.cursor.is_empty()).then_some(request.cursor.as_str());
        let views = self.ledger().watch_tenant(&tenant, cursor).map(move |item| {
            let _ = &place;
            Ok(match item.map_err(|error| refusal(&error))? {
                WatchItem::Event { of: Owned { extension, .. }, event } => {
                    WatchView { cursor: String::new(), extension_id: Some(extension), event: Some((*event).into()) }
                }
                WatchItem::Checkpoint(cursor) => WatchView { cursor, extension_id: None, event: None },
            })
        });
        Ok(views.boxed())
    }
}

/// Puts signs of life between events, and ends with the token or the registry.
fn alive(views: WatchStream, expires: SystemTime, leaving: CancellationToken) -> WatchStream {
    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
    let until = Instant::now() + left;
    stream::unfold(Some((views, leaving)), move |watch| async move {
        let (mut views, leaving) = watch?;
        let next_sign = Instant::now() + ALIVE_EVERY;
        let next = tokio::select! {
            biased;
            () = leaving.cancelled() => return Some((Err(unavailable("the registry stops; resume the watch with the last cursor")), None)),
            next = timeout_at(next_sign.min(until), views.next()) => next,
        };
        match next {
            Ok(None) => None,
            Ok(Some(Err(refusal))) => Some((Err(refusal), None)),
            Ok(Some(Ok(view))) => Some((Ok(view), Some((views, leaving)))),
            Err(_) if Instant::now() >= until => {
                let text = "the token has expired; resume the watch with a new one and the last cursor";
                Some((Err(Refusal::new(ErrorCode::Unauthenticated, text)), None))
            }
            Err(_) => Some((Ok(WatchView { cursor: String::new(), extension_id: None, event: None }), Some((views, leaving)))),
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_watches_and_leaves_room() {
        let watches = Arc::new(Watches::default());
        let (acme, other) = (TenantId::parse("acme").unwrap(), TenantId::parse("other").unwrap());
        let mut places: Vec<_> = (0..WATCHES_OF_TENANT_MAX).map(|_| watches.enter(&acme).unwrap()).collect();
        assert_eq!(watches.enter(&acme).unwrap_err().code, ErrorCode::Overloaded);
        assert!(watches.enter(&other).is_ok());
        places.pop();
        assert!(watches.enter(&acme).is_ok());
        drop(places);
        assert!(watches.open.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_shows_that_it_lives_and_ends_with_the_token() {
        let expires = SystemTime::now() + ALIVE_EVERY * 5 / 2;
        let items: Vec<_> = alive(stream::pending().boxed(), expires, CancellationToken::new()).collect().await;
        assert_eq!(items.len(), 3);
        assert!(items[..2].iter().all(|item| item.as_ref().is_ok_and(|view| view.event.is_none())));
        assert_eq!(items[2].as_ref().unwrap_err().code, ErrorCode::Unauthenticated);
    }

    #[tokio::test]
    async fn a_watch_ends_with_the_registry() {
        let leaving = CancellationToken::new();
        leaving.cancel();
        let items: Vec<_> = alive(stream::pending().boxed(), SystemTime::now() + ALIVE_EVERY, leaving).collect().await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].as_ref().unwrap_err().code, ErrorCode::Unavailable);
    }
}
