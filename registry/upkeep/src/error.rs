//! Why a command of upkeep ended early. Whatever was done until then stays, and
//! the same command goes on from there.

use extensions_artifact::{StoreError, document::DocumentError};
use extensions_registry_ledger::LedgerError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// A store failed.
    #[error("{place}: {source}")]
    Store {
        /// Which: `the registry's store`, `the backup`, `the store of prod`.
        place: String,
        /// How.
        #[source]
        source: StoreError,
    },
    /// The ledger failed.
    #[error("the ledger: {0}")]
    Ledger(#[source] Box<LedgerError>),
    /// A document of upkeep itself is not what it should be.
    #[error("`{path}` cannot be read: {source}")]
    Document {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// There is nothing to restore from.
    #[error("the backup holds no finished run; check its folder or bucket, or make one with `extensions-registry backup`")]
    NoBackup,
    /// A backup in the store that it should survive.
    #[error("the backup lies in a store that the registry itself uses; name another folder or bucket")]
    SamePlace,
    /// Upkeep by others, without end.
    #[error("another upkeep works on the same store; try again when it is done")]
    Busy,
    /// Ages cannot be told.
    #[error(
        "the store's clock says {store_ms} ms and this machine's {our_ms} ms since 1970; set the wrong one right before anything is deleted by age"
    )]
    Clocks {
        /// The store's.
        store_ms: u64,
        /// Ours.
        our_ms: u64,
    },
    /// Files of logs could not be read or removed.
    #[error("logs: {0}")]
    Logs(#[source] std::io::Error),
    /// A plan that is not of this program's making.
    #[error("the plan names `{0}`, which is no key of the store; make a new plan")]
    Plan(String),
}

impl From<LedgerError> for UpkeepError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Box::new(error))
    }
}
