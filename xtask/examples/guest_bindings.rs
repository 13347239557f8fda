//! Writes the guest SDK's bindings into the folder given. Apart from xtask,
//! which answers within seconds because it never links the generator.

use std::path::Path;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (wit, folder) = arguments.next().zip(arguments.next()).context("usage: guest_bindings WIT_FOLDER OUT_FOLDER")?;
    for (name, text) in extensions_guest_bindgen::generate(Path::new(&wit))? {
        std::fs::write(Path::new(&folder).join(&name), text).with_context(|| format!("{name} cannot be written"))?;
    }
    Ok(())
}
