//! What commands cost in requests to the store.

use extensions_artifact::{
    Operation, Owned, document,
    testing::{Call, Faults, round_trips},
};
use extensions_registry_core::{Action, Change, Event};
use extensions_types::{Environment, RiskTier};

use crate::kit::{Driver, World, command, owned, person};

/// Copies of components do not count; looking at them is part of the copy.
fn without_blobs(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().filter(|call| !call.path.ends_with(".wasm")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_promotion_takes_six_round_trips() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Prod).await;
    let two = driver.build(RiskTier::Low).await;
    driver.release(two, Environment::Staging).await;
    let faults = Faults::default();
    // Every request takes its time, so that only what waits for another counts twice.
    faults.rule(|_| Some(extensions_artifact::testing::Fault::Delay(std::time::Duration::from_millis(20))));
    let ledger = world.faulty(&faults, extensions_artifact::Timing::default());
    let promote = command("to-prod", Action::Promote { version: two, env: Environment::Prod });
    ledger.run(&of, &promote, &person("rita")).await.unwrap();
    let calls = without_blobs(faults.calls());
    assert_eq!(round_trips(&calls), 6, "{calls:#?}");
}

/// Switches an environment off and on until the history has `length` events, and keeps its snapshot.
async fn lengthen(world: &World, of: &Owned, length: u64) -> bool {
    let mut state = world.ledger().fold(of).await.unwrap();
    let mut enabled = true;
    while state.applied_seq < length {
        enabled = !enabled;
        let set = command(&format!("set-{}", state.applied_seq), Action::SetEnabled { env: Environment::Dev, enabled });
        let change = Change::EnabledSet { env: Environment::Dev, enabled };
        let event = Event::new(state.applied_seq + 1, 1, &set, &person("rita"), change);
        state.apply(&event).unwrap();
        world.own.put(&of.event(event.seq), document::encode(&event).unwrap()).await.unwrap();
    }
    world.own.put(&of.head(), document::encode(&state).unwrap()).await.unwrap();
    enabled
}

/// A long history is decided on from its snapshot.
#[tokio::test(start_paused = true)]
async fn five_thousand_events_are_three_reads() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Dev).await;
    let enabled = lengthen(&world, &of, 5_000).await;
    let faults = Faults::default();
    let ledger = world.faulty(&faults, extensions_artifact::Timing::default());
    let set = Action::SetEnabled { env: Environment::Dev, enabled: !enabled };
    let outcome = ledger.run(&of, &command("the-next", set), &person("rita")).await.unwrap();
    assert_eq!(outcome.seq, 5_001);
    let calls = faults.calls();
    let decided = calls.iter().position(|call| call.path.starts_with("_pending/")).unwrap();
    let reads: Vec<_> = calls[..decided].iter().filter(|call| matches!(call.operation, Operation::Get | Operation::Head | Operation::List)).collect();
    assert!(reads.len() <= 3, "{reads:#?}");
    assert_eq!(reads.len(), decided, "nothing is written before the decision");
}
