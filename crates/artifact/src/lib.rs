//! The object store: typed keys, documents, compare-and-swap, verified blobs, on disk and on S3.
//!
//! A [`Store`] is a folder or a bucket with the platform's layout. Its keys are
//! [`Key`]s, built from typed ids; nothing here joins texts to a path elsewhere.
//! History is made with [`Store::create`] (of all who try, one wins), derived
//! documents with [`Store::swap`] (never over what was not read). A lost answer
//! is settled by reading, or named [`StoreError::Lost`]. Components are read
//! through [`Blobs`], which checks their digest each time they leave the store.
//!
//! It knows no meaning of a document: that is the ledger's and the catalog's.

mod blobs;
mod error;
mod key;
mod local;
mod object;
mod s3;
mod settings;
mod store;

pub mod document;
#[cfg(feature = "testing")]
pub mod testing;

pub use blobs::{BlobError, BlobSettings, Blobs, digest};
pub use error::{Cause, Operation, StoreError};
pub use key::{Key, Owned, Prefix};
pub use local::Swept;
pub use object::{Created, Cursor, Etag, Names, Object, Page, Row, Swapped};
pub use s3::S3Settings;
pub use settings::{Secret, SettingsError, StoreSettings};
pub use store::{Backend, PAGE_ROWS_MAX, Store, Timing};
