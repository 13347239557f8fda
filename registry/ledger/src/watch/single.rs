//! One extension's events, from a sequence number on: each exactly once, in order.

use std::collections::VecDeque;

use extensions_artifact::Owned;
use extensions_registry_core::Event;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{sync::broadcast::Receiver, time::Instant};

use super::{LOOK_EVERY, Woken, read_some, wake};
use crate::{Ledger, LedgerError, events};

struct Watch {
    ledger: Ledger,
    of: Owned,
    nudges: Receiver<Owned>,
    /// The last event handed out or read ahead.
    reached: u64,
    ahead: VecDeque<Event>,
    /// Whether `reached` is known to be in the history.
    checked: bool,
}

impl Ledger {
    /// The events after event `after` (0 for all), then those to come; never
    /// ends by itself. Ends after an error: resume after the last event seen.
    /// [`LedgerError::Beyond`] where event `after` is not in the history.
    pub fn watch(&self, of: &Owned, after: u64) -> impl Stream<Item = Result<Event, LedgerError>> + Send + 'static {
        let nudges = self.inner.nudges.listen();
        let watch = Watch { ledger: self.clone(), of: of.clone(), nudges, reached: after, ahead: VecDeque::new(), checked: after == 0 };
        stream::try_unfold(watch, |mut watch| async move {
            let event = watch.next().await?;
            Ok(Some((event, watch)))
        })
        .boxed()
    }
}

impl Watch {
    async fn next(&mut self) -> Result<Event, LedgerError> {
        loop {
            if let Some(event) = self.ahead.pop_front() {
                return Ok(event);
            }
            let store = self.ledger.stores().registry();
            if !self.checked {
                let there = events::one(store, &self.of, self.reached).await?;
                there.ok_or(LedgerError::Beyond { after: self.reached })?;
                self.checked = true;
            }
            let found = read_some(&self.ledger, &self.of, self.reached).await?;
            self.reached += found.len() as u64;
            self.ahead = found.into();
            if self.ahead.is_empty() {
                self.sleep().await;
            }
        }
    }

    /// Until this history has grown, or it is time to look.
    async fn sleep(&mut self) {
        let until = Instant::now() + LOOK_EVERY;
        loop {
            match wake(&mut self.nudges, until).await {
                Woken::By(of) if of != self.of => {}
                Woken::By(_) | Woken::ToLook => return,
            }
        }
    }
}
