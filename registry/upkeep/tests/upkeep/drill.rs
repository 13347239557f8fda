//! The drill: commands go on while backups are made, the store is lost, the last
//! backup is restored. On folders and on real S3.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use extensions_artifact::{Owned, S3Settings, Store, StoreSettings, digest};
use extensions_registry_ledger::Stores;
use extensions_registry_upkeep::{RestoreOptions, unwatched};
use extensions_test_servers::Minio;
use extensions_types::Environment;
use tokio::sync::watch;

use crate::world::{World, of};

/// How far each extension's accepted commands have come.
type Accepted = Arc<Mutex<BTreeMap<Owned, u64>>>;

fn now(accepted: &Accepted) -> BTreeMap<Owned, u64> {
    accepted.lock().unwrap().clone()
}

/// New versions of one extension, served up to prod, until told to stop.
async fn traffic(world: World, of: Owned, accepted: Accepted, stop: watch::Receiver<bool>) {
    for round in 0.. {
        if *stop.borrow() && round > 1 {
            return;
        }
        let version = world.build(&of, &format!("round {round}")).await.unwrap();
        world.promote(&of, version, Environment::Prod).await.unwrap();
        let seq = world.ledger.read(&of).await.unwrap().applied_seq;
        accepted.lock().unwrap().insert(of.clone(), seq);
    }
}

/// `stores` gives a new, empty store each time.
async fn drill(mut stores: impl FnMut() -> Store) {
    let prod = stores();
    let world = World::over(Stores::single(stores()).with(Environment::Prod, prod.clone()));
    let to = stores();
    let accepted = Accepted::default();
    let (stop, stopped) = watch::channel(false);
    let extensions: Vec<Owned> = ["acme/one", "acme/two", "beta/one"].into_iter().map(of).collect();
    let traffics: Vec<_> =
        extensions.iter().map(|of| tokio::spawn(traffic(world.again(), of.clone(), Arc::clone(&accepted), stopped.clone()))).collect();
    while now(&accepted).len() < extensions.len() {
        tokio::task::yield_now().await;
    }
    let mut known = BTreeMap::new();
    for _ in 0..3 {
        known = now(&accepted);
        let report = world.upkeep.backup(&to, &unwatched).await.unwrap();
        assert!(report.complete(), "{:?}", report.problems);
    }
    stop.send(true).unwrap();
    for traffic in traffics {
        traffic.await.unwrap();
    }
    let verified = world.upkeep.verify_backup(&to, &unwatched).await.unwrap();
    assert!(verified.complete(), "{:?}", verified.problems);

    // Lost: all but what hosts of prod read. They have seen this:
    let mut seen = BTreeMap::new();
    for of in &extensions {
        seen.insert(of.clone(), world.entry(of, Environment::Prod).await.unwrap().order());
    }
    let fresh = World::over(Stores::single(stores()).with(Environment::Prod, prod));
    let report = fresh.upkeep.restore(&to, RestoreOptions::default(), &unwatched).await.unwrap();
    assert!(report.missing_events.is_empty() && report.missing_objects.is_empty() && report.problems.is_empty(), "{report:?}");
    for (of, seq) in known {
        let state = fresh.ledger.fold(&of).await.unwrap();
        assert!(state.applied_seq >= seq, "{of}: event {seq} was accepted before the last backup began");
        for seq in 1..=state.applied_seq {
            let (old, new) = (world.registry().get(&of.event(seq)).await.unwrap(), fresh.registry().get(&of.event(seq)).await.unwrap());
            assert_eq!(digest(&old.unwrap().bytes), digest(&new.unwrap().bytes));
        }
        let entry = fresh.entry(&of, Environment::Prod).await.unwrap();
        assert!(entry.order() > seen[&of], "hosts never go back");
        assert_eq!((entry.generation, entry.applied_seq), (report.generation, state.applied_seq));
        for &env in Environment::ALL {
            fresh.assert_served(&of, env).await;
        }
        let next = fresh.serve(&of, "life goes on", Environment::Prod).await;
        assert_eq!(fresh.entry(&of, Environment::Prod).await.unwrap().current, next);
    }
    assert!(fresh.gc().await.unwrap().complete());
    assert!(fresh.upkeep.backup(&to, &unwatched).await.unwrap().complete(), "the same backup goes on");
    assert!(fresh.erase("acme").await.unwrap().complete());
    fresh.assert_served(&of("beta/one"), Environment::Prod).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_folders() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    drill(|| {
        count += 1;
        Store::local(&folder.path().join(count.to_string())).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_s3() {
    let minio = Minio::shared().unwrap();
    drill(|| {
        let bucket = minio.bucket().unwrap();
        let s3 = S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key);
        Store::open(&StoreSettings::bucket(S3Settings { allow_http: true, ..s3 })).unwrap()
    })
    .await;
}
