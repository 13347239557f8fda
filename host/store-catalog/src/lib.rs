//! What an environment's store says a host serves.
//!
//! - The index is LISTed (`poll`): names and etags, nothing else.
//! - An entry is read when it is first called (`flight`), checked
//!   (`document`) and kept within a bound; a changed one is read again, and
//!   where its extension is loaded, the new version is loaded before calls see it (`bring`).
//! - Control is polled by etag (`control`).
//! - Hints from outside (`hints`, `heed`) say what to look at before its turn:
//!   they are never believed, and none of the above waits for them.
//! - What became of changes is told to whoever follows (`served`).
//! - Index, used entries and control are copied to disk (`copy`): a host that
//!   starts while the store is gone serves the last copy.
//!
//! Nothing goes back in (generation, seq), and one hostile document concerns
//! its own entry only. Components are fetched by whoever loads them.

mod blob;
mod bring;
mod catalog;
mod control;
mod copy;
mod document;
mod flight;
mod heed;
mod hints;
mod hold;
mod index;
mod memory;
mod metrics;
mod poll;
mod served;
mod settings;
mod slot;
mod troubles;
mod turns;

pub use catalog::{Following, NotFollowed, OpenError, StoreCatalog};
pub use hints::Hint;
pub use served::{Changes, Served, ServedState, Told};
pub use settings::{CatalogSettings, Preload, PreloadError, SettingsError};
