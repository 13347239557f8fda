//! A registry killed with SIGKILL, between commands and during one.

use std::time::Duration;

use crate::{
    caller::Callers,
    cast::{Fleet, RULE},
};

/// Where in a command the registry dies: a command takes some 300 ms at the pace below.
const KILLED_AFTER_MS: [u64; 6] = [40, 90, 140, 190, 240, 300];
/// Of each chunk between registry and S3, so that a command has moments to die in.
const PACE: Duration = Duration::from_millis(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_killed_between_commands_is_replaced_by_another() {
    let mut fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.pushed(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);
    fleet.registry.kill().await;
    let unreachable = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    assert_eq!(unreachable.code, 3, "{}", unreachable.words());
    callers.go_on().await;
    fleet.start_registry().await;
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_killed_during_a_command_leaves_nothing_half_done() {
    let mut fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.promoted(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);
    callers.answered_by(2).await;
    let mut history = vec![1, 2];
    for (round, killed_after_ms) in (1..).zip(KILLED_AFTER_MS) {
        let version = u64::from(round % 2 == 0) + 1;
        let (key, to) = (format!("round-{round}"), version.to_string());
        let command = ["rollback", RULE, "--to", &to, "--env", "dev", "--why", "another", "--key", &key];
        fleet.ways.store.delay(PACE);
        let dies = async {
            // Not to wait for something: this is when it dies.
            tokio::time::sleep(Duration::from_millis(killed_after_ms)).await;
            fleet.registry.kill().await;
        };
        let (_, ()) = tokio::join!(fleet.ext(&command), dies);
        fleet.ways.store.heal();
        fleet.start_registry().await;
        // Said again under the same key: it happens once, whether or not it had happened.
        fleet.done(&command).await;
        history.push(version);
        callers.answered_by(version).await;
        assert_eq!(fleet.served_in_dev(RULE).await, history, "killed after {killed_after_ms} ms");
    }
    callers.end_along(&history).await;
}
