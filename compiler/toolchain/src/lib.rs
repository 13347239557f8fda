//! Finds and installs the toolchains that guests are built with, and runs a guest's build.
//!
//! [`Toolchain::find`] only looks, [`install()`] alone downloads anything. A build is one [`Plan`]:
//! a program with an environment of its own, in which nothing of the caller's flags, registries
//! or settings remains, and no network; a [`Runner`] runs it, on this machine as it is
//! ([`Direct`]) or in isolation. It does not judge what comes out: that is the compiler core's part.

mod around;
pub mod assemblyscript;
mod build;
mod child;
mod diagnostic;
mod home;
mod install;
mod plan;
pub mod rust;
pub mod sdk;
pub mod tinygo;
mod toolchain;
mod wasm;

pub use build::{BuildError, BuiltModule, Request};
pub use child::ChildError;
pub use diagnostic::Diagnostic;
pub use home::{Home, NoHome};
pub use install::{InstallError, install};
pub use plan::{Direct, Finished, Plan, Runner};
pub use toolchain::{Missing, Toolchain};
