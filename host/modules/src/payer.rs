//! Who pays for compiles.

use std::{fmt, time::Duration};

use extensions_types::ExtensionDefinition;

/// Is told what compile children used, once for each, whatever they came to.
pub trait Payer: Send + Sync + fmt::Debug {
    /// A child of this host took `cpu` for the component of `definition`.
    fn compiled(&self, definition: &ExtensionDefinition, cpu: Duration);
}

/// Where nobody keeps accounts, as in a builder's workbench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nobody;

impl Payer for Nobody {
    fn compiled(&self, _: &ExtensionDefinition, _: Duration) {}
}
