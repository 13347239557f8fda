//! All events of a tenant: each at least once, in order within an extension.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use extensions_artifact::Owned;
use extensions_registry_core::Event;
use extensions_types::{ExtensionId, TenantId};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::broadcast::Receiver, time::Instant};

use super::{AHEAD, LOOK_EVERY, WatchItem, Woken, cursor::Cursor, read_some, wake};
use crate::{Ledger, LedgerError, events, read};

/// Extensions that one watch follows: ten times what a tenant is expected to have.
pub const EXTENSIONS_MAX: usize = 100_000;
/// Names asked for in one request.
const NAMES: usize = 1_000;
/// Histories looked at between two waits: with [`LOOK_EVERY`] 64 requests a second for each watch.
const LOOKS: usize = 128;
/// Requests at once.
const PARALLEL: usize = 8;
/// Events between two checkpoints: what comes again after a resume.
const CHECKPOINT_EVERY: usize = 64;

struct Watch {
    ledger: Ledger,
    tenant: TenantId,
    nudges: Receiver<Owned>,
    /// The last event handed out of each extension.
    places: BTreeMap<ExtensionId, u64>,
    /// Read ahead, of one extension.
    ahead: VecDeque<(Owned, Event)>,
    /// Extensions known to have grown.
    grown: BTreeSet<ExtensionId>,
    /// Where the round of looks goes on; none: it begins again, with the names.
    look_after: Option<ExtensionId>,
    next_look: Instant,
    /// Events since the last checkpoint.
    unmarked: usize,
    /// Whether anything was handed out since the last checkpoint, or none was given yet.
    stale: bool,
    from: Start,
}

/// Where a watch begins.
enum Start {
    Now,
    After(Cursor),
    Begun,
}

impl Ledger {
    /// The events of all of a tenant's extensions after `cursor`, or from now
    /// on; those of this registry at once, those of others as it comes round to
    /// each extension. Never ends by itself; ends after an error: resume at the
    /// last checkpoint, and events since come again.
    pub fn watch_tenant(&self, tenant: &TenantId, cursor: Option<&str>) -> impl Stream<Item = Result<WatchItem, LedgerError>> + Send + 'static {
        let from = cursor.map(|text| Cursor::decode(text, tenant)).transpose();
        let nudges = self.inner.nudges.listen();
        let (ledger, tenant) = (self.clone(), tenant.clone());
        let begin = async move {
            let from = from?.map_or(Start::Now, Start::After);
            Ok::<_, LedgerError>(Watch {
                ledger,
                tenant,
                nudges,
                places: BTreeMap::new(),
                ahead: VecDeque::new(),
                grown: BTreeSet::new(),
                look_after: None,
                next_look: Instant::now(),
                unmarked: 0,
                stale: true,
                from,
            })
        };
        let items = |watch| {
            stream::try_unfold(watch, |mut watch: Watch| async move {
                let item = watch.next().await?;
                Ok::<_, LedgerError>(Some((item, watch)))
            })
        };
        stream::once(begin).map_ok(items).try_flatten().boxed()
    }
}

impl Watch {
    async fn next(&mut self) -> Result<WatchItem, LedgerError> {
        self.begin().await?;
        loop {
            if self.unmarked >= CHECKPOINT_EVERY {
                return Ok(self.checkpoint());
            }
            if let Some((of, event)) = self.ahead.pop_front() {
                self.places.insert(of.extension.clone(), event.seq);
                self.unmarked += 1;
                self.stale = true;
                return Ok(WatchItem::Event { of, event: Box::new(event) });
            }
            if let Some(extension) = self.grown.pop_first() {
                self.read_ahead(extension).await?;
            } else if Instant::now() >= self.next_look {
                self.look().await?;
            } else if self.stale {
                return Ok(self.checkpoint());
            } else {
                self.sleep().await;
            }
        }
    }

    fn checkpoint(&mut self) -> WatchItem {
        self.unmarked = 0;
        self.stale = false;
        WatchItem::Checkpoint(Cursor::of(self.places.iter().map(|(id, seq)| (id, *seq))).encode(&self.tenant))
    }

    /// Before the first item: the places to begin with.
    async fn begin(&mut self) -> Result<(), LedgerError> {
        match std::mem::replace(&mut self.from, Start::Begun) {
            Start::Begun => return Ok(()),
            Start::After(cursor) => {
                let ledger = &self.ledger;
                let places = self.names().await?.into_iter().map(|id| {
                    let (of, place) = (self.of(&id), cursor.place(&id));
                    async move { Ok::<_, LedgerError>((id, known_place(ledger, &of, place).await?)) }
                });
                self.places = stream::iter(places).buffer_unordered(PARALLEL).try_collect().await?;
                self.grown = self.places.keys().cloned().collect();
            }
            Start::Now => {
                let ledger = &self.ledger;
                let names = self.names().await?.into_iter().map(|id| {
                    let of = self.of(&id);
                    async move { Ok::<_, LedgerError>((id, read::latest(ledger.stores(), &of).await?.state.applied_seq)) }
                });
                self.places = stream::iter(names).buffer_unordered(PARALLEL).try_collect().await?;
            }
        }
        self.next_look = Instant::now() + LOOK_EVERY;
        Ok(())
    }

    fn of(&self, extension: &ExtensionId) -> Owned {
        Owned::new(self.tenant.clone(), extension.clone())
    }

    async fn names(&self) -> Result<Vec<ExtensionId>, LedgerError> {
        let mut names: Vec<ExtensionId> = Vec::new();
        loop {
            let (more_names, more) = self.ledger.extensions(&self.tenant, names.last(), NAMES).await?;
            names.extend(more_names);
            if names.len() > EXTENSIONS_MAX {
                return Err(LedgerError::TooMany { max: EXTENSIONS_MAX });
            }
            if !more {
                return Ok(names);
            }
        }
    }

    async fn read_ahead(&mut self, extension: ExtensionId) -> Result<(), LedgerError> {
        let of = self.of(&extension);
        let place = self.places.get(&extension).copied().unwrap_or(0);
        let found = read_some(&self.ledger, &of, place).await?;
        if found.len() == AHEAD {
            self.grown.insert(extension);
        }
        self.ahead.extend(found.into_iter().map(|event| (of.clone(), event)));
        Ok(())
    }

    /// Asks the next few extensions whether they have grown.
    async fn look(&mut self) -> Result<(), LedgerError> {
        if self.look_after.is_none() {
            for name in self.names().await? {
                self.places.entry(name).or_insert(0);
            }
        }
        let after = self.look_after.take();
        let due = self.places.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        let due: Vec<_> = due.take(LOOKS).map(|(id, seq)| (id.clone(), *seq)).collect();
        if due.len() == LOOKS {
            self.look_after = due.last().map(|(id, _)| id.clone());
        }
        let ledger = &self.ledger;
        let looks = due.into_iter().map(|(id, seq)| {
            let of = self.of(&id);
            async move { Ok::<_, LedgerError>(events::one(ledger.stores().registry(), &of, seq + 1).await?.map(|_| id)) }
        });
        let grown: Vec<_> = stream::iter(looks).buffer_unordered(PARALLEL).try_collect().await?;
        self.grown.extend(grown.into_iter().flatten());
        self.next_look = Instant::now() + LOOK_EVERY;
        Ok(())
    }

    async fn sleep(&mut self) {
        loop {
            match wake(&mut self.nudges, self.next_look).await {
                Woken::By(of) if of.tenant != self.tenant => {}
                Woken::By(of) => {
                    self.grown.insert(of.extension);
                    return;
                }
                Woken::ToLook => return,
            }
        }
    }
}

/// `place`, if the history has come that far; a restored one begins anew.
async fn known_place(ledger: &Ledger, of: &Owned, place: u64) -> Result<u64, LedgerError> {
    let known = place == 0 || events::one(ledger.stores().registry(), of, place).await?.is_some();
    Ok(if known { place } else { 0 })
}
