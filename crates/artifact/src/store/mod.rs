//! The store: typed keys over a backend, with time-outs, bounded tries and
//! answers that say whether a write was done.

mod attempt;
mod failure;
mod list;
mod read;
mod write;

pub use self::list::PAGE_ROWS_MAX;

use std::{fmt, sync::Arc, time::Duration};

use object_store::{ObjectStore, list::PaginatedListStore};

use crate::{
    error::{Cause, Operation, StoreError},
    local::{LocalDisk, Swept},
    s3,
    settings::{SettingsError, StoreSettings},
};

/// What a store stands on: an object store with conditional puts whose lists
/// come page by page, in the order of the paths' bytes.
pub trait Backend: ObjectStore + PaginatedListStore {}

impl<T: ObjectStore + PaginatedListStore> Backend for T {}

/// How long and how often the store tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// One try of an operation without much content; each mebibyte adds a second.
    pub try_timeout: Duration,
    /// Tries of one operation, from 1.
    pub tries: u32,
    /// The pause before the second try; it doubles, and varies by half.
    pub pause: Duration,
}

impl Default for Timing {
    /// A store that works answers within a second; three tries ride out a leader election or a dropped connection.
    fn default() -> Self {
        Self { try_timeout: Duration::from_secs(5), tries: 3, pause: Duration::from_millis(50) }
    }
}

/// An object store with the platform's layout. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    /// Inside the bucket; empty or ending with a slash.
    root: Arc<str>,
    timing: Timing,
    /// Which place this is; equal for two stores of one place.
    place: Arc<str>,
    local: Option<LocalDisk>,
}

impl Store {
    /// The store of the settings. Files are opened, the network is not asked: see [`Store::probe`].
    ///
    /// # Errors
    /// When the settings name no or two places, or the place cannot be used.
    pub fn open(settings: &StoreSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let store = match (&settings.dir, &settings.s3) {
            (Some(dir), None) => Self::local(dir)?,
            (None, Some(s3)) => Self::s3(s3)?,
            _ => return Err(SettingsError::OnePlace),
        };
        Ok(store.with_timing(settings.timing()))
    }

    /// A store in a folder of this machine, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn local(dir: &std::path::Path) -> Result<Self, SettingsError> {
        let disk = LocalDisk::open(dir)?;
        let place = format!("file://{}", disk.root().display()).into();
        Ok(Self { place, local: Some(disk.clone()), ..Self::over(Arc::new(disk)) })
    }

    /// A store in a bucket.
    ///
    /// # Errors
    /// When the settings are wrong or a file of credentials cannot be read.
    pub fn s3(settings: &s3::S3Settings) -> Result<Self, SettingsError> {
        let store = Self::over(Arc::new(s3::client(settings)?));
        Ok(Self { root: settings.root().into(), place: settings.place().into(), ..store })
    }

    /// A store over another backend: for tests that inject faults.
    #[must_use]
    pub fn over(backend: Arc<dyn Backend>) -> Self {
        let place = format!("{:p}", Arc::as_ptr(&backend)).into();
        Self { backend, root: "".into(), timing: Timing::default(), place, local: None }
    }

    /// The same store with other time-outs and tries.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// The same place through another backend: for tests that put something between.
    #[must_use]
    pub fn through(&self, between: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>) -> Self {
        Self { backend: between(Arc::clone(&self.backend)), ..self.clone() }
    }

    /// The place's name, for whoever keeps copies of what lies there: no secrets.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether both are the same place: what is taken away from one is gone from the other.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// Removes what writers left that ended in the middle of a write; with `dry_run` only counts.
    /// A bucket has no such files.
    ///
    /// # Errors
    /// When the folder cannot be read or cleaned.
    pub async fn sweep_staged(&self, dry_run: bool) -> Result<Swept, StoreError> {
        let Some(disk) = self.local.clone() else { return Ok(Swept::default()) };
        let failed = |source: Cause| StoreError::Unavailable { operation: Operation::Delete, path: "staged files".to_owned(), source };
        let swept = tokio::task::spawn_blocking(move || disk.sweep(dry_run)).await;
        swept.map_err(|error| failed(Arc::new(error)))?.map_err(|error| failed(Arc::new(error)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.place)
    }
}
