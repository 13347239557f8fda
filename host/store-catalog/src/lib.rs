//! What an environment's store says a host serves.
//!
//! - The index is LISTed (`poll`): names and etags, nothing else.
//! - An entry is read when it is first called (`flight`), checked
//!   (`document`) and kept within a bound; a changed one is read again, and
//!   where its extension is loaded, the new version is loaded before calls see it.
//! - Control is polled by etag (`control`).
//! - Index, used entries and control are copied to disk (`copy`): a host that
//!   starts while the store is gone serves the last copy.
//!
//! Nothing goes back in (generation, seq), and one hostile document concerns
//! its own entry only. Components are fetched by whoever loads them.

mod blob;
mod catalog;
mod control;
mod copy;
mod document;
mod flight;
mod hold;
mod index;
mod poll;
mod settings;
mod slot;
mod turns;

pub use catalog::{Following, NotFollowed, OpenError, StoreCatalog};
pub use settings::{CatalogSettings, Preload, PreloadError, SettingsError};
