//! Says what an environment serves: entries by tenant and extension.
//!
//! A host reads entries through [`Catalog`], one for each environment that it
//! serves ([`Catalogs`]); where they come from is each source's own business.
//! A known entry is answered without waiting; one that is known but not read
//! yet is waited for in [`find()`]. [`Overlay`] is the source that `ext dev`
//! fills, [`Layered`] lays it above another.

mod catalogs;
mod entry;
mod find;
mod layered;
mod overlay;
mod resolve;
mod rules;
mod served;
mod source;
mod switches;
mod urgency;

pub use catalogs::Catalogs;
pub use entry::{Entry, Hook};
pub use find::{Missing, find};
pub use layered::Layered;
pub use overlay::Overlay;
pub use resolve::{NotServed, resolve};
pub use rules::{Allowance, Effective, RuleCounts, Rules};
pub use served::{Component, DefinitionKey, NoComponent, ServedVersion, StoredComponent};
pub use source::{Catalog, CatalogStatus, ControlStatus, Found, Loads, Origin, Problem, Unread};
pub use switches::{Off, Switches};
pub use urgency::Urgency;
