//! Generates messages, client and server from runtime.proto.
//!
//! protox parses the file, so no `protoc` needs to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

/// Within this folder, which is also the include path.
const FILE: &str = "ameide/extensions/v1/runtime.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FILE}");
    let descriptors = protox::compile([FILE], ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // `Bytes`: inputs and outputs are shared, not copied, between transport and engine.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
