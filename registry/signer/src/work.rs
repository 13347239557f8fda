//! One component for one engine: fetch, compile, sign, store.

use std::sync::Arc;

use bytes::Bytes;
use extensions_aot::{
    CompileError, Start, digest,
    keys::{PublicKeys, SigningKey},
    signed::{CodeFor, open, seal},
};
use extensions_artifact::{Created, Etag, Key, StoreError};
use extensions_types::Sha256;

use crate::{
    engine::{Engine, Shelf},
    plan::{Job, Wanted},
};

/// What work needs: shared by all that is done at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hands<'s> {
    pub(crate) engines: &'s [Engine],
    pub(crate) shelves: &'s [Shelf],
    pub(crate) key: &'s Arc<SigningKey>,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) struct Worked {
    pub(crate) compiled: bool,
    /// The shelves that have the code now; without an etag where another stored it first.
    pub(crate) stored: Vec<(usize, Option<Etag>)>,
    /// A shelf that does not have it: later, from one that does.
    pub(crate) failed: Option<StoreError>,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCode {
    /// The same bytes never will; hosts cannot serve them either.
    #[error("{0}")]
    Refused(String),
    /// Later, perhaps.
    #[error("a store does not take part")]
    Store(#[from] StoreError),
    /// Later, perhaps.
    #[error("no store has the component's bytes as they should be")]
    NoComponent,
    /// Later, perhaps.
    #[error("this machine cannot compile now")]
    Machine(#[source] CompileError),
    /// This program's own fault.
    #[error("a task of this process ended before its time")]
    Task,
}

impl Hands<'_> {
    /// Fills every shelf that lacks the code.
    pub(crate) async fn fill(self, job: &Job) -> Result<Worked, NoCode> {
        let (engine, component) = (&self.engines[job.engine], job.wanted.component);
        let (object, compiled) = match self.copy(job, engine).await? {
            Some(object) => (object, false),
            None => (self.make(engine, &job.wanted).await?, true),
        };
        let mut worked = Worked { compiled, stored: Vec::new(), failed: None };
        for &shelf in &job.missing {
            match self.shelves[shelf].store.create(&engine.key(component), object.clone()).await {
                Ok(Created::New(etag)) => worked.stored.push((shelf, Some(etag))),
                Ok(Created::Exists) => worked.stored.push((shelf, None)),
                Err(error) => worked.failed = Some(error),
            }
        }
        Ok(worked)
    }

    /// The object that another shelf has, if it carries this key's signature: it is as if just made.
    async fn copy(self, job: &Job, engine: &Engine) -> Result<Option<Bytes>, NoCode> {
        for (at, shelf) in self.shelves.iter().enumerate() {
            if job.missing.contains(&at) {
                continue;
            }
            // A shelf that cannot be read now is no source; the component may be.
            if let Ok(Some(object)) = shelf.store.get(&engine.key(job.wanted.component)).await
                && self.is_ours(engine, job.wanted.component, object.bytes.clone()).await?
            {
                return Ok(Some(object.bytes));
            }
        }
        Ok(None)
    }

    /// Whether an object carries this key's signature for exactly this.
    pub(crate) async fn is_ours(self, engine: &Engine, component: Sha256, object: Bytes) -> Result<bool, NoCode> {
        let (what, keys) = (CodeFor { engine: engine.hash, component }, PublicKeys::from(self.key.public()));
        tokio::task::spawn_blocking(move || open(&object, what, &keys).is_ok()).await.map_err(|_| NoCode::Task)
    }

    /// Compiles and signs. What is signed is what this process' own child answered, never what a store held.
    pub(crate) async fn make(self, engine: &Engine, wanted: &Wanted) -> Result<Bytes, NoCode> {
        let bytes = self.component(wanted).await?;
        let code = engine.compiler.compile(&bytes).await.code.map_err(|error| match error {
            CompileError::Refused(_) | CompileError::Exhausted => NoCode::Refused(error.to_string()),
            CompileError::Child(_) | CompileError::Pipe(_) => NoCode::Machine(error),
        })?;
        let (what, key) = (CodeFor { engine: engine.hash, component: wanted.component }, Arc::clone(self.key));
        let sealing = tokio::task::spawn_blocking(move || Bytes::from(seal(&key, what, code, Start::of(&bytes))));
        let object = sealing.await.map_err(|_| NoCode::Task)?;
        let max = engine.key(wanted.component).bytes_max();
        if object.len() as u64 > max {
            return Err(NoCode::Refused(format!("its code has {} bytes, and {max} are stored at most; each host compiles it", object.len())));
        }
        Ok(object)
    }

    async fn component(self, wanted: &Wanted) -> Result<Bytes, NoCode> {
        let mut failed = None;
        for (env, key) in &wanted.sources {
            let Some(shelf) = self.shelves.iter().find(|shelf| shelf.envs.contains(env)) else { continue };
            match shelf.store.get(key).await {
                Ok(Some(object)) if is(&object.bytes, wanted.component, key) => return Ok(object.bytes),
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.map_or(NoCode::NoComponent, NoCode::Store))
    }
}

fn is(bytes: &Bytes, wanted: Sha256, key: &Key) -> bool {
    let right = digest(bytes) == wanted;
    if !right {
        tracing::warn!(%key, component = %wanted, "a stored component has other bytes than its entry says");
    }
    right
}
