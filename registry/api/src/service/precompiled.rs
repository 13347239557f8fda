//! How far signers have come, by their own accounts beside the code.

use extensions_artifact::{Cursor, Key, Prefix, Store, StoreError, document};
use extensions_proto::v1;
use extensions_types::{Refusal, Sha256, SignerAccount, with_causes};

use super::{Named, Service, parse, refuse::unavailable};
use crate::{
    Call,
    view::{EngineView, PrecompiledView},
};

/// Engines of some months; garbage collection takes those that nobody cares for.
const ENGINES_MAX: usize = 64;

impl Service {
    /// How much of what an environment serves has code, for each engine.
    ///
    /// # Errors
    /// Refuses by name.
    pub async fn list_precompiled(&self, call: &Call, request: v1::ListPrecompiledRequest) -> Result<PrecompiledView, Refusal> {
        self.audited(call, Named { operation: "ListPrecompiled", tenant: "", on: &request.env }, async {
            call.operator()?;
            let env = parse::environment("env", &request.env)?;
            let accounts = accounts(self.ledger().stores().env(env)).await.map_err(|error| {
                tracing::warn!(%env, error = with_causes(&error), "signers' accounts cannot be read");
                unavailable("the environment's store does not answer; try again")
            })?;
            let now_ms = self.now_ms();
            Ok(PrecompiledView { engines: accounts.into_iter().map(|account| EngineView::new(account, env, now_ms)).collect() })
        })
        .await
    }
}

/// The account of each engine with code in a store, by hash. One short list and one read each: the code itself is not gone through.
async fn accounts(store: &Store) -> Result<Vec<SignerAccount>, StoreError> {
    let mut all = Vec::new();
    let mut after: Option<Cursor> = None;
    for _ in 0..ENGINES_MAX {
        let page = store.page(&Prefix::Precompiled, after.as_ref(), 1).await?;
        let engine = page.rows.first().and_then(|row| match row.key {
            Key::Precompiled { compat, .. } | Key::Signer { compat } => Some(compat),
            _ => None,
        });
        let Some(engine) = engine else {
            // Something foreign lies between; or nothing follows.
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
            continue;
        };
        all.extend(account(store, engine).await?);
        // Digests are hexadecimal, so the account is the last of its folder.
        after = Some(Cursor::from(&Key::Signer { compat: engine }));
    }
    Ok(all)
}

async fn account(store: &Store, engine: Sha256) -> Result<Option<SignerAccount>, StoreError> {
    let key = Key::Signer { compat: engine };
    let Some(object) = store.get(&key).await? else { return Ok(None) };
    match document::decode::<SignerAccount>(&object.bytes) {
        Ok(account) if account.engine == engine => Ok(Some(account)),
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::warn!(%key, %error, "a signer's account cannot be read");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use extensions_artifact::testing::in_memory;
    use extensions_types::{Coverage, Environment, SchemaV1};

    use super::*;

    fn told(engine: Sha256) -> SignerAccount {
        let coverage = Coverage { served: 3, ready: 2, refused: 0 };
        SignerAccount {
            schema: SchemaV1,
            engine,
            profile: "guards".to_owned(),
            build: "1".to_owned(),
            key: "k".to_owned(),
            at_ms: 7,
            environments: [(Environment::Prod, coverage)].into(),
            refused: Vec::new(),
        }
    }

    #[tokio::test]
    async fn each_engine_is_found_however_much_code_it_has() {
        let store = in_memory();
        let engines = [1, 2, 3].map(|byte| Sha256::new([byte; 32]));
        for engine in engines {
            for byte in 0..20 {
                let key = Key::Precompiled { compat: engine, component: Sha256::new([byte * 13; 32]) };
                store.put(&key, "code".into()).await.unwrap();
            }
        }
        for engine in [engines[0], engines[2]] {
            store.put(&Key::Signer { compat: engine }, document::encode(&told(engine)).unwrap()).await.unwrap();
        }
        let found: Vec<_> = accounts(&store).await.unwrap().into_iter().map(|account| account.engine).collect();
        assert_eq!(found, [engines[0], engines[2]], "nobody has spoken for the second");
        store.put(&Key::Signer { compat: engines[1] }, "nonsense".into()).await.unwrap();
        store.put(&Key::Signer { compat: engines[0] }, document::encode(&told(engines[2])).unwrap()).await.unwrap();
        assert_eq!(accounts(&store).await.unwrap().len(), 1, "damaged and misplaced accounts count for nothing");
    }

    #[test]
    fn a_view_is_of_one_environment() {
        let view = |env| EngineView::new(told(Sha256::new([1; 32])), env, 10);
        assert_eq!((view(Environment::Prod).ready, view(Environment::Prod).complete, view(Environment::Prod).age_ms), (2, false, 3));
        assert_eq!((view(Environment::Dev).served, view(Environment::Dev).complete), (0, true));
    }
}
