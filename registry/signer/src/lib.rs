//! Compiles and signs what environments serve, ahead of their hosts.
//!
//! A process of its own, since it holds the key that makes hosts run code. It
//! follows the entries of every environment ([`Signer`]), compiles each
//! component once for each engine profile in a child that has nothing but a
//! pipe, signs what that child answered and nothing else, and stores it in
//! every environment's store. It listens for nobody and serves nobody; hosts
//! read what it stored, and do its work themselves where it is missing.

mod account;
mod check;
mod engine;
mod have;
mod index;
mod metrics;
mod plan;
mod settings;
mod signer;
mod work;

pub use extensions_aot::{
    child::run_if_asked as run_compile_child_if_asked,
    keys::{KeyError, KeyFileError, NewKey, SigningKey, make_key_files},
};
pub use metrics::Metrics;
pub use settings::{SettingsError, SignerSettings};
pub use signer::{Nudge, Parts, Report, Signer, StartError};
