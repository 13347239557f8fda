//! Tells watches in this process that a history has grown. A lost nudge loses
//! nothing: watches also look by themselves.

use extensions_artifact::Owned;
use tokio::sync::broadcast;

/// Nudges that a slow watch may be behind before it looks at everything instead.
const BEHIND_MAX: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Nudges(broadcast::Sender<Owned>);

impl Default for Nudges {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Nudges {
    /// The history of `of` has grown.
    pub(crate) fn tell(&self, of: &Owned) {
        // Nobody listening is fine.
        let _ = self.0.send(of.clone());
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Owned> {
        self.0.subscribe()
    }
}
