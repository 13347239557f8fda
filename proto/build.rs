//! Generates messages, client and server from runtime.proto, registry.proto and compile.proto.
//!
//! protox parses the files, so no `protoc` needs to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

/// Within this folder, which is also the include path; the second imports the first, the third the second.
const FILES: [&str; 3] = ["ameide/extensions/v1/runtime.proto", "ameide/extensions/v1/registry.proto", "ameide/extensions/v1/compile.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // `Bytes`: inputs and outputs are shared, not copied, between transport and engine.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
