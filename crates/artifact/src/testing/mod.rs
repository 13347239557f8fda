//! For tests only (feature `testing`): what can go wrong between a store and its
//! backend, on demand; a log of what was asked; a backend in memory.
//!
//! ```
//! # use extensions_artifact::testing::{Fault, Faults, in_memory};
//! let faults = Faults::default();
//! let store = in_memory().through(|backend| faults.over(backend));
//! faults.at(3, Fault::Lost);
//! ```

mod faults;
mod log;
mod memory;
mod over;

use std::sync::Arc;

pub use self::{
    faults::{Fault, Faults, Injected},
    log::{Call, round_trips},
    memory::Memory,
};
use crate::store::Store;

/// A store in memory: etags, conditional puts and ordered pages, gone with the last clone.
#[must_use]
pub fn in_memory() -> Store {
    Store::over(Arc::new(Memory::default()))
}
