//! Packs the guest SDK and its vendored dependencies into `ext`, so that
//! `ext build` needs neither a checkout nor a network.

use std::{env, path::PathBuf};

fn main() {
    let sdk = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sdk/guest/rust");
    for part in ["Cargo.toml", "Cargo.lock", "src", "macros"] {
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("sdk-rust.tar.zst");
    let packed = extensions_toolchain::sdk::pack(&sdk, &out).unwrap_or_else(|error| panic!("cannot pack the guest SDK: {error}"));
    println!("cargo::rustc-env=EXT_SDK_DIGEST={}", packed.digest);
}
