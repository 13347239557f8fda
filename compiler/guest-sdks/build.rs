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
    tinygo(&sdks.join("go"), &out.join("sdk-go.tar.zst"));
    assemblyscript(&sdks.join("assemblyscript"), &out.join("sdk-assemblyscript.tar.zst"));
}

fn rust(sdk: &Path, out: &Path) {
    for part in ["Cargo.toml", "Cargo.lock", "src", "macros"] {
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
    }
    let packed = sdk::pack(sdk, out).unwrap_or_else(|error| panic!("cannot pack the Rust SDK: {error}"));
    println!("cargo::rustc-env=EXT_SDK_RUST={}", packed.digest);
}

/// Sources alone: the SDK for Go depends on nothing but Go's library.
fn tinygo(sdk: &Path, out: &Path) {
    let parts = ["go.mod", "extension.go", "verdict.go", "agenttool", "domainhook", "host", "internal", "json", "log", "processhook"];
    for part in parts {
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
    }
    let packed = sdk::pack_plain(sdk, &parts, out).unwrap_or_else(|error| panic!("cannot pack the Go SDK: {error}"));
    println!("cargo::rustc-env=EXT_SDK_GO={}", packed.digest);
}

/// Sources alone, under the name that authors import.
fn assemblyscript(sdk: &Path, out: &Path) {
    let parts = ["ameide-extension"];
    println!("cargo::rerun-if-changed={}", sdk.join(parts[0]).display());
    let packed = sdk::pack_plain(sdk, &parts, out).unwrap_or_else(|error| panic!("cannot pack the AssemblyScript SDK: {error}"));
    println!("cargo::rustc-env=EXT_SDK_ASSEMBLYSCRIPT={}", packed.digest);
}
