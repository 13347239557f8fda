//! Garbage collection: what nothing needs goes, and whoever comes to need it
//! meanwhile finds it.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use extensions_artifact::{
    Key, Operation, Prefix, Store,
    testing::{Fault, Faults, in_memory},
};
use extensions_registry_core::{Action, Caller, Finding};
use extensions_registry_ledger::Stores;
use extensions_registry_upkeep::{ObjectKind, Reason, Upkeep, UpkeepSettings, unwatched};
use extensions_types::{Environment, Version};

use crate::{
    kills::at_each_request,
    world::{World, of, paths, strict, version},
};

/// In prod: version 1 served before and retired, 2 last good, 3 current; 4 failed half-stored.
async fn some_garbage() -> World {
    let world = World::in_memory();
    let of = of("acme/one");
    for text in ["first", "second", "third"] {
        world.serve(&of, text, Environment::Prod).await;
    }
    world.run(&of, Action::Retire { version: version(1) }).await.unwrap();
    let failed = world.draft(&of, "fourth").await.unwrap();
    world.run(&of, Action::RequestCompile { version: failed }).await.unwrap();
    world.registry().create(&of.component(failed), "half".into()).await.unwrap();
    let finding = Finding::new("build", "x", "no", "");
    let report = Action::ReportFailed { version: failed, attempt: 1, findings: vec![finding] };
    world.run_as(&of, &Caller::registry("compiler".parse().unwrap()), report).await.unwrap();
    world
}

#[tokio::test]
async fn a_plan_says_before_and_after_and_applying_it_does_that() {
    let world = some_garbage().await;
    let truth = world.truth().await;
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    assert_eq!(world.truth().await, truth, "a plan changes nothing");
    let planned: Vec<_> = plan.items.iter().map(|item| (item.reason, item.path.as_str())).collect();
    assert_eq!(planned, [(Reason::NeverBuilt, "acme/one/4.wasm"), (Reason::Unlisted, "acme/one/1.wasm")]);
    assert_eq!((plan.before.of(ObjectKind::Component).count, plan.after.of(ObjectKind::Component).count), (7, 5));
    assert!(plan.problems.is_empty(), "{:?}", plan.problems);

    let text = serde_json::to_string(&plan).unwrap();
    let report = world.upkeep.gc_apply(&serde_json::from_str(&text).unwrap(), &unwatched).await.unwrap();
    assert_eq!((&report.after, report.skipped), (&plan.after, 0));
    assert_eq!(paths(world.prod(), &Prefix::Tenant("acme".parse().unwrap())).await, ["acme/one/2.wasm", "acme/one/3.wasm"]);
    assert_eq!(world.gc().await.unwrap().removed.total().count, 0, "nothing is left to do");
    for &env in Environment::ALL {
        world.assert_served(&of("acme/one"), env).await;
    }
}

#[tokio::test]
async fn the_young_stay() {
    let world = some_garbage().await;
    let upkeep = Upkeep::new(world.ledger.clone(), UpkeepSettings { gc_min_age_hours: 1, ..strict() });
    assert_eq!(upkeep.gc_plan(&unwatched).await.unwrap().items, []);
}

#[tokio::test]
async fn what_changed_since_the_plan_stays() {
    let world = some_garbage().await;
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    let key = of("acme/one").component(version(4));
    world.registry().put(&key, "another".into()).await.unwrap();
    let report = world.upkeep.gc_apply(&plan, &unwatched).await.unwrap();
    assert_eq!(report.skipped, 1);
    assert!(world.registry().head(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn two_environments_in_one_bucket_keep_each_others_components() {
    let shared = in_memory();
    let stores = Stores::single(in_memory()).with(Environment::Prod, shared.clone()).with(Environment::Staging, shared);
    let world = World::over(stores);
    let of = of("acme/one");
    world.serve(&of, "first", Environment::Prod).await;
    for text in ["second", "third"] {
        world.serve(&of, text, Environment::Staging).await;
    }
    assert_eq!(world.gc().await.unwrap().removed.total().count, 0);
    world.assert_served(&of, Environment::Prod).await;
    world.assert_served(&of, Environment::Staging).await;
}

#[tokio::test]
async fn lost_events_make_no_garbage() {
    let world = some_garbage().await;
    let of = of("acme/one");
    let events = paths(world.registry(), &Prefix::Events(of.clone())).await;
    let truth = |world: &World| {
        let store = world.registry().clone();
        async move { crate::world::truth(&store).await }
    };
    // The last events are gone: later objects are unexplained.
    for seq in 4..=events.len() as u64 {
        world.registry().delete(&of.event(seq)).await.unwrap();
    }
    let left = truth(&world).await;
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    assert!(plan.problems.iter().any(|problem| problem.contains("3.wasm")), "{:?}", plan.problems);
    world.upkeep.gc_apply(&plan, &unwatched).await.unwrap();
    assert_eq!(truth(&world).await, left);
    // All are gone.
    for seq in 1..4 {
        world.registry().delete(&of.event(seq)).await.unwrap();
    }
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    assert!(plan.items.is_empty() && !plan.problems.is_empty());
}

#[tokio::test]
async fn leftovers_of_an_erased_tenant_go() {
    let world = some_garbage().await;
    world.erase("acme").await.unwrap();
    let late = of("acme/one").event(1);
    world.registry().create(&late, "{}".into()).await.unwrap();
    world.prod().create(&of("acme/one").entry(Environment::Prod), "{}".into()).await.unwrap();
    let report = world.gc().await.unwrap();
    assert_eq!(report.removed.total().count, 2);
    assert!(world.registry().head(&late).await.unwrap().is_none());
}

#[tokio::test]
async fn killed_at_any_request_the_next_one_ends_the_same() {
    let whole = some_garbage().await;
    whole.gc().await.unwrap();
    let end = (whole.truth().await.len(), paths(whole.prod(), &Prefix::All).await);
    let requests = at_each_request(
        async || some_garbage().await,
        |world| world,
        async |_, mortal| drop(mortal.gc().await.unwrap()),
        async |world, number| {
            // A copy that went and came back goes with the round after.
            world.gc().await.unwrap();
            world.gc().await.unwrap();
            assert_eq!((world.truth().await.len(), paths(world.prod(), &Prefix::All).await), end, "killed at {number}");
        },
    )
    .await;
    assert!(requests > 30, "{requests}");
}

/// Prod served 1, 2 and 3, and lists 2 and 3; 1 is garbage unless it is wanted back.
async fn a_copy_that_may_be_wanted() -> World {
    let world = World::in_memory();
    let of = of("acme/one");
    for text in ["first", "second", "third"] {
        world.serve(&of, text, Environment::Staging).await;
    }
    for number in [2, 3] {
        world.promote(&of, version(number), Environment::Prod).await.unwrap();
    }
    // As a promotion leaves it that placed the component and was killed before its event.
    copy(world.registry(), world.prod(), &of.component(version(1))).await;
    world
}

async fn copy(from: &Store, to: &Store, key: &Key) {
    to.create(key, from.get(key).await.unwrap().unwrap().bytes).await.unwrap();
}

/// Runs `work` to its end on a thread and runtime of its own.
pub(crate) fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    thread::spawn(run).join().unwrap()
}

async fn promote_first(world: Arc<World>) {
    let promote = Action::Promote { version: Version::FIRST, env: Environment::Prod };
    world.run(&of("acme/one"), promote).await.unwrap();
}

#[tokio::test]
async fn a_promotion_at_any_request_of_a_collection_keeps_its_component() {
    let mut interleaved = 0;
    for number in 1.. {
        for killed in [false, true] {
            let world = Arc::new(a_copy_that_may_be_wanted().await);
            let faults = Faults::default();
            let collector = world.through(&faults);
            let rival = Arc::new(world.again());
            faults.rule(move |call| {
                if call.number == number {
                    elsewhere(promote_first(Arc::clone(&rival)));
                }
                // Killed right after the promotion: the next collection has to make it good.
                (killed && call.number == number + 1).then_some(Fault::Stop)
            });
            tokio::select! {
                biased;
                () = faults.stopped() => drop(world.gc().await.unwrap()),
                report = collector.gc() => drop(report.unwrap()),
            }
            if faults.count() < number {
                assert!(interleaved > 30, "{interleaved}");
                return;
            }
            interleaved += 1;
            let entry = world.entry(&of("acme/one"), Environment::Prod).await.unwrap();
            assert_eq!(entry.current, Version::FIRST, "at {number}");
            world.assert_served(&of("acme/one"), Environment::Prod).await;
        }
    }
}

#[tokio::test]
async fn a_collection_at_any_request_of_a_promotion_leaves_its_component() {
    for number in 1.. {
        let world = Arc::new(a_copy_that_may_be_wanted().await);
        let faults = Faults::default();
        let promoter = Arc::new(world.through(&faults));
        let collector = Arc::new(world.again());
        faults.rule(move |call| {
            if call.number == number {
                let collector = Arc::clone(&collector);
                elsewhere(async move { collector.gc().await.map(drop).unwrap() });
            }
            None
        });
        promote_first(promoter).await;
        world.assert_served(&of("acme/one"), Environment::Prod).await;
        if faults.count() < number {
            assert!(number > 8, "{number}");
            return;
        }
    }
}

/// A promotion that begins at some request of a collection, has seen its
/// component, and writes its event only when the collection is over.
#[tokio::test]
async fn a_promotion_that_outlasts_a_collection_keeps_its_component() {
    for number in 1.. {
        let world = Arc::new(a_copy_that_may_be_wanted().await);
        let (paused, pauses) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        let slow = Faults::default();
        let promoter = Arc::new(world.through(&slow));
        slow.rule(move |call| {
            if call.operation == Operation::Create && call.path.contains("/events/") {
                paused.send(()).unwrap();
                goes.recv().unwrap();
            }
            None
        });
        let faults = Faults::default();
        let collector = world.through(&faults);
        let (begun, promotion) = mpsc::channel();
        faults.rule(move |call| {
            if call.number == number {
                let promoter = Arc::clone(&promoter);
                begun.send(thread::spawn(|| elsewhere(promote_first(promoter)))).unwrap();
                pauses.recv().unwrap();
            }
            None
        });
        collector.gc().await.unwrap();
        if faults.count() < number {
            assert!(number > 30, "{number}");
            return;
        }
        go.send(()).unwrap();
        promotion.recv().unwrap().join().unwrap();
        world.assert_served(&of("acme/one"), Environment::Prod).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promotions_and_collections_in_a_crowd() {
    let world = Arc::new(a_copy_that_may_be_wanted().await);
    let of = of("acme/one");
    let promoters = (0..3u64).map(|number| {
        let (rival, of) = (world.again(), of.clone());
        tokio::spawn(async move {
            for round in 0..20 {
                let promote = Action::Promote { version: version(1 + (number + round) % 3), env: Environment::Prod };
                rival.run(&of, promote).await.unwrap();
            }
        })
    });
    let promoters: Vec<_> = promoters.collect();
    let collector = world.again();
    let done = futures_util::future::join_all(promoters);
    tokio::pin!(done);
    loop {
        tokio::select! {
            biased;
            ended = &mut done => break ended.into_iter().for_each(Result::unwrap),
            report = collector.gc() => assert!(report.unwrap().problems.is_empty()),
        }
    }
    world.assert_served(&of, Environment::Prod).await;
}
