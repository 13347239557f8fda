//! The engines that are compiled for, and the stores that are filled.

use std::path::Path;

use extensions_aot::Compiler;
use extensions_artifact::{Key, Store};
use extensions_engine_config::{CompatibilityHash, ConfigError, Profile};
use extensions_types::{Environment, Sha256};

/// One engine: a profile of this program's wasmtime.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) profile: Profile,
    pub(crate) hash: CompatibilityHash,
    pub(crate) compiler: Compiler,
}

impl Engine {
    pub(crate) fn new(profile: Profile, compile_child: &Path) -> Result<Self, ConfigError> {
        let hash = CompatibilityHash::of_profile(profile)?;
        Ok(Self { profile, hash, compiler: Compiler::new(compile_child.to_owned(), profile) })
    }

    /// The hash as stores and documents have it.
    pub(crate) fn compat(&self) -> Sha256 {
        Sha256::new(*self.hash.as_bytes())
    }

    pub(crate) fn key(&self, component: Sha256) -> Key {
        Key::Precompiled { compat: self.compat(), component }
    }
}

/// A store, with the environments whose hosts read it.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) store: Store,
    pub(crate) envs: Vec<Environment>,
}

impl Shelf {
    /// Each store once.
    pub(crate) fn of(stores: Vec<(Environment, Store)>) -> Vec<Self> {
        let mut shelves: Vec<Self> = Vec::new();
        for (env, store) in stores {
            match shelves.iter_mut().find(|shelf| shelf.store.same_as(&store)) {
                Some(shelf) => shelf.envs.push(env),
                None => shelves.push(Self { store, envs: vec![env] }),
            }
        }
        shelves
    }
}
