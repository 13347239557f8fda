//! The guest SDKs with their dependencies, packed by the build script, for programs that build guests.

use extensions_toolchain::sdk::{Sdk, Sdks};

/// One for each language.
pub static SDKS: Sdks = Sdks {
    rust: Sdk { archive: include_bytes!(concat!(env!("OUT_DIR"), "/sdk-rust.tar.zst")), digest: env!("EXT_SDK_RUST") },
    tinygo: Sdk { archive: include_bytes!(concat!(env!("OUT_DIR"), "/sdk-go.tar.zst")), digest: env!("EXT_SDK_GO") },
    assemblyscript: Sdk { archive: include_bytes!(concat!(env!("OUT_DIR"), "/sdk-assemblyscript.tar.zst")), digest: env!("EXT_SDK_ASSEMBLYSCRIPT") },
};
