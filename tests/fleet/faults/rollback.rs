//! A rollback while a promotion is under way.

use std::time::Duration;

use crate::{
    caller::Callers,
    cast::{Fleet, RULE},
};

const ROUNDS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_during_a_promotion_ends_as_history_says() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    // What is promoted takes hosts a while to fetch: it is rolled back from meanwhile.
    hosts.iter().for_each(|host| host.ways.store.delay(Duration::from_millis(30)));
    for version in 2..2 + ROUNDS {
        fleet.pushed(RULE, version).await;
        let promoted = format!("{RULE}@{version}");
        let promote = ["promote", &promoted, "--to", "dev"];
        let back = ["rollback", RULE, "--to", "1", "--env", "dev", "--why", "too strict"];
        let (promoting, rolling_back) = tokio::join!(fleet.ext(&promote), fleet.ext(&back));
        assert_eq!(promoting.code, 0, "{}", promoting.words());
        // Where it came first there was nothing to roll back from.
        assert!([0, 1, 4].contains(&rolling_back.code), "{}", rolling_back.words());
        let last = *fleet.served_in_dev(RULE).await.last().unwrap();
        callers.answered_by(last).await;
    }
    callers.end_along(&fleet.served_in_dev(RULE).await).await;
}
