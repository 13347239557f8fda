//! Several registries on the same stores, and many who promote at once.

use std::sync::Arc;

use extensions_artifact::{
    Operation, Store, Timing,
    testing::{Fault, Faults},
};
use extensions_registry_core::Action;
use extensions_registry_ledger::{Ledger, LedgerError};
use extensions_types::{Environment, RiskTier};
use futures_util::future::join_all;

use crate::{
    check,
    kit::{Driver, World, command, draft, ledger, owned, person},
};

const PROMOTERS: usize = 50;

/// Two registries; 50 people who promote one of two versions in turn, each a few times, and draft new ones.
async fn storm(world: &World, registries: [Ledger; 2]) {
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Staging).await;
    let two = driver.build(RiskTier::Low).await;
    driver.release(two, Environment::Staging).await;
    let before = driver.ledger.fold(&of).await.unwrap().applied_seq;
    let promoters = (0..PROMOTERS).map(|at| {
        let (ledger, of) = (registries[at % 2].clone(), of.clone());
        let action = match at % 5 {
            0 => draft(RiskTier::Low, &format!("draft {at}")),
            other => Action::Promote { version: if other % 2 == 0 { one } else { two }, env: Environment::Prod },
        };
        tokio::spawn(async move {
            let promote = command(&format!("storm-{at}"), action);
            let mut tries = 0;
            loop {
                match ledger.run(&of, &promote, &person("rita")).await {
                    Ok(outcome) => return (promote.id, outcome),
                    // What is told to come again comes again, under the same key.
                    Err(LedgerError::Contended { .. } | LedgerError::Unsettled(_) | LedgerError::Unserved { .. } | LedgerError::Store(_))
                        if tries < 20 =>
                    {
                        tries += 1
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    });
    let answers: Vec<_> = join_all(promoters).await.into_iter().map(Result::unwrap).collect();
    let (events, state) = check::history(world, &of).await;
    check::entries(world, &of, &state).await;
    let recorded = events.iter().filter(|event| event.seq > before).count();
    let changed = answers.iter().filter(|(_, outcome)| outcome.changed).count();
    assert_eq!(recorded, changed, "what is accepted is there, once");
    for (id, outcome) in &answers {
        assert_eq!(check::answers(&events, id), usize::from(outcome.changed));
        if outcome.changed {
            assert_eq!(events[usize::try_from(outcome.seq - 1).unwrap()].command_id, *id);
        }
    }
    let mut numbers: Vec<_> = answers.iter().filter(|(_, outcome)| outcome.changed).map(|(_, outcome)| outcome.seq).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), changed, "no two answers name one event");
    check::after_repair(world, &of).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_registries_and_fifty_promoters_in_memory() {
    let world = World::new();
    let registries = [world.ledger(), world.ledger()];
    storm(&world, registries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_registries_and_fifty_promoters_on_one_disk() {
    let folder = tempfile::tempdir().unwrap();
    let open = || World::on_disk(folder.path());
    let registries = [open().ledger(), open().ledger()];
    storm(&open(), registries).await;
}

/// Answers get lost, requests come twice and late, under both registries.
#[tokio::test(start_paused = true)]
async fn two_registries_and_fifty_promoters_on_a_bad_network() {
    for seed in 0..10 {
        let world = World::new();
        let faults = Faults::default();
        let late = Fault::Late(std::time::Duration::from_millis(70));
        faults.seeded(seed, 12, &[Fault::Error, Fault::Lost, Fault::Twice, Fault::TwiceFirst, Fault::Refused, late, Fault::Torn]);
        let timing = Timing { pause: std::time::Duration::from_millis(5), ..Timing::default() };
        let registries = [world.faulty(&faults, timing), world.faulty(&faults, timing)];
        storm(&world, registries).await;
    }
}

/// One registry dies between its event and its entry; the other goes on, and
/// its markers' removal does not take away the dead one's.
#[tokio::test(start_paused = true)]
async fn a_marker_outlives_what_others_remove() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Dev).await;
    let faults = Faults::default();
    faults.rule(|call| (call.operation == Operation::Create && call.path.contains("/events/")).then_some(Fault::StopAfter));
    let dying = world.faulty(&faults, Timing::default());
    let disable = command("dying", Action::SetEnabled { env: Environment::Dev, enabled: false });
    let rita = person("rita");
    tokio::select! {
        () = faults.stopped() => {}
        result = dying.run(&of, &disable, &rita) => panic!("{result:?}"),
    }
    assert!(driver.ledger.entry(&of, Environment::Dev).await.unwrap().unwrap().enabled, "not served yet");
    // A command that touches no entry leaves the marker where it is.
    driver.must(&person("ann"), draft(RiskTier::Low, "other")).await;
    let done = world.ledger().reconcile_pending().await.unwrap();
    assert_eq!((done.entries_written, done.markers_removed), (1, 1), "{done:?}");
    assert!(!driver.ledger.entry(&of, Environment::Dev).await.unwrap().unwrap().enabled);
    check::after_repair(&world, &of).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_registries_and_fifty_promoters_on_s3() {
    let minio = extensions_test_servers::Minio::shared().unwrap();
    let (own, prod) = (minio.bucket().unwrap(), minio.bucket().unwrap());
    let open = || World::over(bucket(&own), bucket(&prod));
    let registries = [open().ledger(), open().ledger()];
    storm(&open(), registries).await;
}

fn bucket(bucket: &extensions_test_servers::Bucket) -> Store {
    let settings: extensions_artifact::StoreSettings = toml::from_str(&bucket.to_toml()).unwrap();
    Store::open(&settings).unwrap()
}

/// A registry's entry is on its way for long; meanwhile another one changes it again.
#[tokio::test(start_paused = true)]
async fn a_late_writer_does_not_turn_an_entry_back() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Dev).await;
    let faults = Faults::default();
    let mut first = true;
    faults.rule(move |call| {
        let entry = call.operation == Operation::Swap && call.path.starts_with("_env/dev/entries/");
        (entry && std::mem::take(&mut first)).then_some(Fault::Delay(std::time::Duration::from_secs(3)))
    });
    let (slow, rita) = (world.faulty(&faults, Timing::default()), person("rita"));
    let disable = command("disable", Action::SetEnabled { env: Environment::Dev, enabled: false });
    let overtaking = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        driver.must(&rita, Action::SetEnabled { env: Environment::Dev, enabled: true }).await
    };
    let (late, overtook) = tokio::join!(slow.run(&of, &disable, &rita), overtaking);
    let late = late.unwrap();
    assert_eq!(overtook.seq, late.seq + 1);
    assert_eq!(late.entries, overtook.entries, "what is served by now");
    let entry = world.ledger().entry(&of, Environment::Dev).await.unwrap().unwrap();
    assert!(entry.enabled && entry.applied_seq == overtook.seq);
    check::after_repair(&world, &of).await;
}

/// Histories do not wait for each other.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_for_one_history_holds_up_no_other() {
    let world = World::new();
    let faults = Faults::default();
    faults.rule(|call| call.path.starts_with("acme/stuck/").then_some(Fault::Silent));
    let ledger = Arc::new(world.faulty(&faults, Timing::default()));
    let (stuck, free) = (owned("stuck"), owned("free"));
    let (ann, create) = (person("ann"), command("create", draft(RiskTier::Low, "a")));
    let hanging = ledger.run(&stuck, &create, &ann);
    let quick = async { ledger.run(&free, &create, &ann).await.unwrap() };
    tokio::select! {
        biased;
        result = hanging => panic!("{result:?}"),
        outcome = quick => assert_eq!(outcome.seq, 1),
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_a_turn_is_told_so() {
    let world = World::new();
    let faults = Faults::default();
    faults.rule(|_| Some(Fault::Silent));
    let timing = Timing { try_timeout: std::time::Duration::from_secs(3_600), ..Timing::default() };
    let stuck = ledger(world.faulty(&faults, timing).stores().clone());
    let (of, ann) = (owned("stuck"), person("ann"));
    let (first, second) = (command("first", draft(RiskTier::Low, "a")), command("second", draft(RiskTier::Low, "a")));
    tokio::select! {
        biased;
        result = stuck.run(&of, &first, &ann) => panic!("{result:?}"),
        result = stuck.run(&of, &second, &ann) => assert!(matches!(result, Err(LedgerError::Busy))),
    }
}
