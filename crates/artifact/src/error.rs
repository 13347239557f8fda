//! How an operation of the store can fail. The set is closed: callers decide by
//! variant. Texts name paths, so they are for logs, not for other tenants.

use std::{error::Error, fmt, sync::Arc};

/// What was asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An object with its bytes.
    Get,
    /// An object's size and etag.
    Head,
    /// A page of keys.
    List,
    /// Put where nothing is.
    Create,
    /// Put over what was read.
    Swap,
    /// Put over whatever is there.
    Put,
    /// Take away.
    Delete,
}

impl Operation {
    /// A word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Create => "create",
            Self::Swap => "swap",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the backend said.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why an operation did not end as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Not reached, or no good answer within the time and tries; nothing was changed. Later it may go.
    #[error("the store did not {operation} `{path}`; try again, and look at the store if it stays so")]
    Unavailable {
        /// What was asked.
        operation: Operation,
        /// Of which object or folder.
        path: String,
        /// The last try's failure.
        #[source]
        source: Cause,
    },
    /// The answer to a write was lost and reading did not settle it: it may be done, may still be done, or not.
    #[error("whether the store did {operation} `{path}` is not known: read it before deciding")]
    Lost {
        /// What was asked.
        operation: Operation,
        /// Of which object.
        path: String,
        /// The last try's failure.
        #[source]
        source: Cause,
    },
    /// More bytes than an object of this kind may have; nothing was written or buffered.
    #[error("`{path}` has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Which object.
        path: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        max: u64,
    },
    /// The disk or quota is full; nothing was changed.
    #[error("no space is left to {operation} `{path}`; free some, or raise the quota")]
    Full {
        /// What was asked.
        operation: Operation,
        /// Of which object.
        path: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// Credentials or permissions do not allow it; nothing was changed.
    #[error("the store does not let us {operation} `{path}`; check its credentials and permissions")]
    Denied {
        /// What was asked.
        operation: Operation,
        /// Of which object or folder.
        path: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// There is no such bucket or folder, or it lacks what we need (conditional puts, etags).
    #[error("the store is not as configured ({operation} `{path}`); check bucket, endpoint and folder")]
    Misconfigured {
        /// What was asked.
        operation: Operation,
        /// Of which object or folder.
        path: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// Whether the write may have been done: the caller reads before it decides.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Whether the same could succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Lost { .. } | Self::Full { .. })
    }
}
