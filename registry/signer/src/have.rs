//! What code there is, by the stores' lists and by what this process wrote since.

use std::collections::HashMap;

use extensions_artifact::{Etag, Key, Prefix, StoreError};
use extensions_types::Sha256;
use futures_util::TryStreamExt as _;

use crate::engine::{Engine, Shelf};

/// Code of one engine in one store.
#[derive(Debug, Default)]
struct Stock {
    /// Whether the store has ever said what it holds.
    listed: bool,
    /// An etag is missing where another wrote at the same time as this process.
    codes: HashMap<Sha256, Option<Etag>>,
}

/// Code by engine and shelf.
#[derive(Debug)]
pub(crate) struct Have(Vec<Vec<Stock>>);

impl Have {
    pub(crate) fn nothing(engines: usize, shelves: usize) -> Self {
        Self((0..engines).map(|_| (0..shelves).map(|_| Stock::default()).collect()).collect())
    }

    /// Lists everything anew.
    ///
    /// # Errors
    /// That a store cannot be listed; what was known of it stays, and the others are listed.
    pub(crate) async fn list(&mut self, engines: &[Engine], shelves: &[Shelf]) -> Result<(), StoreError> {
        let mut failed = None;
        for (engine, stocks) in engines.iter().zip(&mut self.0) {
            for (shelf, stock) in shelves.iter().zip(stocks) {
                let rows = shelf.store.list(&Prefix::PrecompiledFor(engine.compat()), None);
                let codes = rows.try_filter_map(|row| async move {
                    Ok(match row.key {
                        Key::Precompiled { component, .. } => Some((component, Some(row.etag))),
                        _ => None,
                    })
                });
                match codes.try_collect().await {
                    Ok(codes) => *stock = Stock { listed: true, codes },
                    Err(error) => failed = Some(error),
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether there is code.
    pub(crate) fn has(&self, engine: usize, shelf: usize, component: &Sha256) -> bool {
        self.0[engine][shelf].codes.contains_key(component)
    }

    /// Whether there is none, as far as the store has said.
    pub(crate) fn lacks(&self, engine: usize, shelf: usize, component: &Sha256) -> bool {
        self.0[engine][shelf].listed && !self.has(engine, shelf, component)
    }

    pub(crate) fn etag(&self, engine: usize, shelf: usize, component: &Sha256) -> Option<&Etag> {
        self.0[engine][shelf].codes.get(component)?.as_ref()
    }

    pub(crate) fn put(&mut self, engine: usize, shelf: usize, component: Sha256, etag: Option<Etag>) {
        self.0[engine][shelf].codes.insert(component, etag);
    }
}
