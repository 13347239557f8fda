//! What the signer says of its work, beside the code: for operators who wait,
//! and for garbage collection, which keeps what somebody cares for.

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use extensions_types::{Coverage, Environment, RefusedComponent, SchemaV1, Sha256, SignerAccount};

use crate::{
    engine::{Engine, Shelf},
    have::Have,
    index::Index,
    plan::Wanted,
};

/// What an account is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Books<'s> {
    pub(crate) shelves: &'s [Shelf],
    pub(crate) index: &'s Index,
    pub(crate) have: &'s Have,
    pub(crate) wanted: &'s [Wanted],
    pub(crate) refused: &'s HashMap<(usize, Sha256), String>,
}

impl Books<'_> {
    /// The account of one engine, by its place in the list of all.
    pub(crate) fn account(self, at: usize, engine: &Engine, key: String) -> SignerAccount {
        let refused = self.wanted.iter().filter_map(|wanted| {
            let why = self.refused.get(&(at, wanted.component))?.clone();
            let Wanted { component, tenant, extension, version, .. } = wanted.clone();
            Some(RefusedComponent { component, tenant, extension, version, why })
        });
        SignerAccount {
            schema: SchemaV1,
            engine: engine.compat(),
            profile: engine.profile.name().to_owned(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            key,
            at_ms: now_ms(),
            refused: refused.take(SignerAccount::REFUSED_MAX).collect(),
            environments: self.environments(at),
        }
    }

    fn environments(self, engine: usize) -> BTreeMap<Environment, Coverage> {
        let shelves = self.shelves.iter().enumerate();
        let each = shelves.flat_map(|(at, shelf)| shelf.envs.iter().map(move |&env| (at, env)));
        each.map(|(shelf, env)| {
            let mut coverage = Coverage::default();
            for component in self.index.components(env) {
                coverage.served += 1;
                if self.have.has(engine, shelf, &component) {
                    coverage.ready += 1;
                } else if self.refused.contains_key(&(engine, component)) {
                    coverage.refused += 1;
                }
            }
            (env, coverage)
        })
        .collect()
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
