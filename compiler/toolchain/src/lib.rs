//! Finds and installs the toolchains that guests are built with, and runs a guest's build.
//!
//! `find` only looks, `install` alone downloads anything. The build gets an
//! environment of its own: nothing of the caller's flags, registries or
//! settings reaches it, and no network. It does not judge what comes out:
//! that is the compiler core's part.

mod child;
mod home;
pub mod rust;
pub mod sdk;

pub use home::{Home, NoHome};
