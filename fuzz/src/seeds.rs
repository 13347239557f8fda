//! Writes what fuzzing begins with: `seeds FOLDER` makes one folder for each target.
//!
//! It is built with coverage as the targets are, so it links libFuzzer, whose
//! main it has; its own work is done before that has read any argument.
#![no_main]

mod requests;

use std::{env, fs, io, path::Path, process::exit};

use extensions_compile_jobs::Bundle;
use extensions_compiler_core::testing::{corpus, seeds};
use libfuzzer_sys::fuzz_target;

/// Larger ones slow every step down and teach little.
const SEED_BYTES_MAX: usize = 16 << 10;
const MANIFEST: &str = include_str!("../../guest-examples/order-discount/extension.toml");
const SOURCE: &str = include_str!("../../guest-examples/order-discount/src/lib.rs");
/// One line for each sort of secret and for each thing that looks like one.
const SECRETS: &str = "let password = \"hunter2hunter2\"; // ext:allow-secret a test account\nAPI_TOKEN=7f3kd92mzq81\n\
    postgres://app:h7Kq92mX@db/orders\neyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n\n\
    -----BEGIN EC PRIVATE KEY-----\nsha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n6ba7b810-9dad-11d1-80b4-00c04fd430c8\n";

fuzz_target!(init: write_and_exit(), |_bytes: &[u8]| {});

fn write_and_exit() {
    let Err(error) = write_all() else { exit(0) };
    eprintln!("seeds: {error}");
    exit(1);
}

fn write_all() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds FOLDER"))?;
    let write = |target: &str, name: &str, bytes: &[u8]| put(&Path::new(&folder).join(target), name, bytes);
    for (name, bytes) in seeds() {
        for target in ["prescan", "componentize", "adapter", "secrets"] {
            write(target, name, &bytes)?;
        }
    }
    for bad in corpus().filter(|bad| bad.bytes.len() <= SEED_BYTES_MAX && !bad.name.starts_with("random/") && !bad.name.starts_with("flipped/")) {
        for target in ["prescan", "componentize"] {
            write(target, &bad.name.replace(['/', ':'], "-"), &bad.bytes)?;
        }
    }
    write("manifest", "order-discount", MANIFEST.as_bytes())?;
    write("secrets", "lines", SECRETS.as_bytes())?;
    write("secrets", "source", SOURCE.as_bytes())?;
    for (target, name, text) in requests::all() {
        write(target, name, &text)?;
    }
    let mut bundle = Bundle::default();
    for (name, text) in [("extension.toml", MANIFEST), ("src/lib.rs", SOURCE)] {
        bundle.insert(name, text.as_bytes().into()).map_err(io::Error::other)?;
    }
    let packed = bundle.pack()?;
    write("bundle", "packed", &packed)?;
    write("bundle", "archive", &zstd::decode_all(&*packed)?)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}
