//! From a path back to its key.

use std::str::FromStr;

use extensions_types::Version;

use super::{Key, Owned};

/// Digits of a sequence number in a path: as many as the largest u64 has, so that texts sort as numbers.
const SEQ_DIGITS: usize = 20;
/// More parts than any key has.
const PARTS_MAX: usize = 7;

pub(super) fn key(path: &str) -> Option<Key> {
    let parts: Vec<&str> = path.splitn(PARTS_MAX, '/').collect();
    match *parts.as_slice() {
        ["_env", env, "control", "events", file] => Some(Key::ControlEvent { env: word(env)?, seq: seq(file)? }),
        ["_env", env, "control", "state.json"] => Some(Key::ControlState { env: word(env)? }),
        ["_env", env, "entries", tenant, file] => Some(Key::Entry { env: word(env)?, of: owned(tenant, file.strip_suffix(".json")?)? }),
        ["_pending", env, tenant, extension, at] => Some(Key::Pending { env: word(env)?, of: owned(tenant, extension)?, seq: number(at)? }),
        ["_compile", tenant, extension, version] => Some(Key::Compile { of: owned(tenant, extension)?, version: word(version)? }),
        ["_erased", file] => Some(Key::Erased { tenant: word(file.strip_suffix(".json")?)? }),
        ["_aot", compat, "signer.json"] => Some(Key::Signer { compat: word(compat)? }),
        ["_aot", compat, file] => Some(Key::Precompiled { compat: word(compat)?, component: word(file.strip_suffix(".cwasm")?)? }),
        ["_upkeep", "clock"] => Some(Key::Clock),
        ["_upkeep", "gc", file] => Some(Key::GcRun { run: seq(file)? }),
        ["_backup", "runs", run, "manifest.json"] => Some(Key::BackupRun { run: number(run)? }),
        ["_backup", "runs", run, "tenants", file] => Some(Key::BackupTenant { run: number(run)?, tenant: word(file.strip_suffix(".json")?)? }),
        ["_backup", "generations", file] => Some(Key::BackupGeneration { generation: seq(file)? }),
        ["_backup", "lost", generation, tenant, extension, file] => {
            Some(Key::BackupLost { generation: number(generation)?, of: owned(tenant, extension)?, seq: seq(file)? })
        }
        [tenant, extension, "events", file] => Some(Key::Event { of: owned(tenant, extension)?, seq: seq(file)? }),
        [tenant, extension, "source", file] => Some(Key::Source { of: owned(tenant, extension)?, version: word(file.strip_suffix(".tar.zst")?)? }),
        [tenant, extension, "head.json"] => Some(Key::Head { of: owned(tenant, extension)? }),
        [tenant, extension, file] => versioned(owned(tenant, extension)?, file),
        _ => None,
    }
}

fn versioned(of: Owned, file: &str) -> Option<Key> {
    if let Some(version) = file.strip_suffix(".wasm") {
        return Some(Key::Component { of, version: word::<Version>(version)? });
    }
    Some(Key::Definition { of, version: word::<Version>(file.strip_suffix(".json")?)? })
}

fn owned(tenant: &str, extension: &str) -> Option<Owned> {
    Some(Owned::new(word(tenant)?, word(extension)?))
}

/// A word with one text only, so that what parses also prints as it was.
fn word<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn seq(file: &str) -> Option<u64> {
    number(file.strip_suffix(".json")?)
}

fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() == SEQ_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}
