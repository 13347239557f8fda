//! Packs the guest SDKs with what they depend on, so that a build of a guest
//! needs neither a checkout nor a network.

use std::{
    env,
    path::{Path, PathBuf},
};

use extensions_toolchain::sdk;

fn main() {
    let sdks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk/guest");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    rust(&sdks.join("rust"), &out.join("sdk-rust.tar.zst"));
}

fn rust(sdk: &Path, out: &Path) {
    for part in ["Cargo.toml", "Cargo.lock", "src", "macros"] {
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
    }
    let packed = sdk::pack(sdk, out).unwrap_or_else(|error| panic!("cannot pack the Rust SDK: {error}"));
    println!("cargo::rustc-env=EXT_SDK_RUST={}", packed.digest);
}
