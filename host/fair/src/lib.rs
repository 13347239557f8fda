//! Shares CPU time between tenants: who paid how much, and whose turn it is.
//!
//! Pure: it names no thread, lane or clock. Time and CPU time are told to it.
//! A [`Share`] is one tenant's claim, held by everyone who does something for
//! the tenant; a [`FairQueue`] says whose turn it is; a [`Room`] has so many
//! places, of which no tenant can take the last ones from the others; a
//! [`Warning`] tells guests that run long from a machine that stood still.

mod late;
mod payer;
mod queue;
mod room;
mod share;
mod warning;

pub use payer::{Nobody, Payer};
pub use queue::{FairQueue, Full, Ticket, Turn};
pub use room::{Place, Purpose, Room, RoomSize};
pub use share::{Lane, Share};
pub use warning::{Outlived, Told, Warning};
