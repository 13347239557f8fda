//! The one release of TinyGo that guests are built with, and where its parts lie.

use std::path::{Path, PathBuf};

use crate::Home;

/// Built from this Go module; `install/go.sum` beside this file pins it and all that it needs.
pub(super) const MODULE: &str = "github.com/tinygo-org/tinygo";
pub(super) const VERSION: &str = "0.41.1";
/// A compiler that someone else installed must be of this release or a later one: earlier
/// ones write other exports.
pub(super) const MINOR_MIN: u32 = 41;
/// The releases of Go whose library this TinyGo compiles: 1.23 to 1.26.
pub(super) const GO_MINORS: std::ops::RangeInclusive<u32> = 23..=26;

/// LLVM as Debian packs it; TinyGo links it, and runs its clang and its linker.
pub(super) const LLVM: &str = "/usr/lib/llvm-19";
/// What building and running it needs of Debian.
pub(super) const PACKAGES: [&str; 8] =
    ["binaryen", "llvm-19-dev", "libclang-19-dev", "clang-19", "lld-19", "libclang-rt-19-dev-wasm32", "wasi-libc", "g++"];
/// Debian's C functions for wasm, and the compiler's own helpers.
pub(super) const LIBRARIES: [&str; 2] = ["/usr/lib/wasm32-wasi/libc.a", "/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"];

/// Where ours lies. It is there as a whole or not at all.
pub(super) fn ours(home: &Home) -> PathBuf {
    home.path().join("tinygo").join(VERSION)
}

/// The compiler below its folder.
pub(super) fn program_below(dir: &Path) -> PathBuf {
    dir.join("bin/tinygo")
}

/// What builds keep for the next: compiled packages of this compiler with this Go.
pub(super) fn cache(home: &Home, identity: &str) -> PathBuf {
    home.prebuilt().join("tinygo").join(format!("cache-{}", &crate::sdk::hex_digest(identity.as_bytes())[..16]))
}

/// Our target files.
pub(super) fn targets(home: &Home) -> PathBuf {
    home.path().join("tinygo/targets")
}
