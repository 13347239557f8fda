//! Imports that no host provides, where the component model or WASI would have them.

use super::{
    Bad,
    guests::{domain_hook_with, import},
    raw::{component, id, items, sized},
};
use crate::Code;

pub(super) fn all() -> impl Iterator<Item = Bad> {
    modules().into_iter().chain(components()).map(|(name, bytes)| Bad::new(format!("smuggled/{name}"), Code::UnknownImport, bytes))
}

fn modules() -> Vec<(String, Vec<u8>)> {
    let imports = [
        ("wasi_snapshot_preview1", "fd_write"),
        ("wasi_snapshot_preview1", "random_get"),
        ("wasi_unstable", "path_open"),
        ("env", "host_call"),
        ("env", "memory_grow_notify"),
        ("", ""),
        ("ameide", "log"),
    ];
    let one = |(from, name): (&str, &str)| (format!("{from}.{name}"), domain_hook_with(&[import(from, name, 1)]));
    imports.into_iter().map(one).collect()
}

/// Components that import an instance without anything in it.
fn components() -> Vec<(String, Vec<u8>)> {
    let names = [
        "wasi:io/poll@0.2.0",
        "wasi:filesystem/preopens@0.2.0",
        "wasi:sockets/tcp@0.2.0",
        "ameide:extensions/logging@9.0.0",
        "ameide:extensions/secrets@1.0.0",
        "a:b/c",
        "plain-name",
    ];
    let instance = items(id::COMPONENT_TYPE, &[vec![0x42, 0]]);
    let one = |name: &str| {
        let import = [vec![0], sized(name.as_bytes()), vec![5, 0]].concat();
        (name.to_owned(), component(&[instance.clone(), items(id::COMPONENT_IMPORT, &[import])]))
    };
    names.into_iter().map(one).collect()
}
