//! This program as its own child: what is measured of a whole process (its
//! memory) must not hold what the bench itself holds.

use std::process::{Child, Command};

use extensions_host::THIS_BINARY;

/// A child that ends with its measurement.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing else to do about it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program in the part of `name`; see `CHILDREN` in `main.rs`.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(THIS_BINARY);
    command.arg(name);
    command
}
