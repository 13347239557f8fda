//! Watches: every event, in order, over resumes, from whichever registry.

use std::{collections::BTreeMap, time::Duration};

use extensions_registry_core::Action;
use extensions_registry_ledger::{LOOK_EVERY, LedgerError, WatchItem};
use extensions_types::{Environment, RiskTier};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::kit::{Driver, World, draft, owned, person, tenant};

#[tokio::test(start_paused = true)]
async fn one_extension_from_a_sequence_on() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    let here = world.ledger();
    let mut watch = Box::pin(here.watch(&of, 1));
    let first: Vec<_> = watch.by_ref().take(2).map_ok(|event| event.seq).try_collect().await.unwrap();
    assert_eq!(first, [2, 3]);
    // Another registry's event is found by looking, this one's at once.
    driver.release(one, Environment::Dev).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(watch.next().await.unwrap().unwrap().seq, 4);
    assert!(begun.elapsed() <= LOOK_EVERY);
    let mut own = Driver::new(here.clone(), of.clone());
    let rolf = person("rolf");
    let (event, _) = tokio::join!(watch.next(), own.must(&rolf, Action::SetEnabled { env: Environment::Dev, enabled: false }));
    assert_eq!(event.unwrap().unwrap().seq, 5);
    let beyond = here.watch(&of, 99).next().await.unwrap().unwrap_err();
    assert!(matches!(beyond, LedgerError::Beyond { after: 99 }));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_over_resumes_at_least_once() {
    let world = World::new();
    let (here, there) = (world.ledger(), world.ledger());
    let names = ["alpha", "beta", "gamma"];
    let mut drivers: Vec<_> = names.iter().map(|name| Driver::new(there.clone(), owned(name))).collect();
    for driver in &mut drivers {
        driver.build(RiskTier::Low).await;
    }
    // From now on: what was before does not come.
    let mut watch = Box::pin(here.watch_tenant(&tenant("acme"), None));
    let Some(Ok(WatchItem::Checkpoint(mut cursor))) = watch.next().await else { panic!("a place to resume at comes first") };
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for round in 0..4 {
        for driver in &mut drivers {
            driver.must(&person("ann"), draft(RiskTier::Low, &format!("round {round}"))).await;
        }
        let mut new = Driver::new(here.clone(), owned(&format!("new-{round}")));
        new.must(&person("ann"), draft(RiskTier::Low, "new")).await;
        let mut events = 0;
        loop {
            match tokio::time::timeout(Duration::from_secs(60), watch.next()).await.unwrap().unwrap().unwrap() {
                WatchItem::Event { of, event } => {
                    seen.entry(of.extension.to_string()).or_default().push(event.seq);
                    events += 1;
                }
                WatchItem::Checkpoint(at) => {
                    cursor = at;
                    if events >= 4 {
                        break;
                    }
                }
            }
        }
        // The reader goes away, and comes back to the other registry.
        watch = Box::pin(if round % 2 == 0 { &there } else { &here }.watch_tenant(&tenant("acme"), Some(&cursor)));
    }
    for name in names {
        assert_eq!(seen[name], [4, 5, 6, 7], "{seen:?}");
    }
    for round in 0..4 {
        assert_eq!(seen[&format!("new-{round}")], [1]);
    }
    let wrong = here.watch_tenant(&tenant("acme"), Some("nonsense")).next().await.unwrap().unwrap_err();
    assert!(matches!(wrong, LedgerError::Cursor));
    assert!(here.watch_tenant(&tenant("other"), Some(&cursor)).next().await.unwrap().is_err(), "a cursor is for one tenant");
}

#[tokio::test]
async fn lists_and_histories_come_in_pages() {
    let world = World::new();
    let ledger = world.ledger();
    for at in 0..25 {
        let mut driver = Driver::new(ledger.clone(), owned(&format!("ext-{at:02}")));
        driver.must(&person("ann"), draft(if at % 5 == 0 { RiskTier::High } else { RiskTier::Low }, "a")).await;
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.list(&tenant("acme"), after.as_ref(), "", 10, |extension| Some(extension.extension.to_string())).await.unwrap();
        assert!(page.rows.len() <= 10);
        names.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..25).map(|at| format!("ext-{at:02}")).collect::<Vec<_>>());
    let high = |extension: &extensions_registry_core::Extension| {
        (extension.versions.values().any(|record| record.tier() == RiskTier::High)).then(|| extension.extension.to_string())
    };
    let page = ledger.list(&tenant("acme"), None, "", 100, high).await.unwrap();
    assert_eq!(page.rows.len(), 5);
    let page = ledger.list(&tenant("acme"), None, "ext-1", 4, |extension| Some(extension.extension.to_string())).await.unwrap();
    assert_eq!(page.rows, ["ext-10", "ext-11", "ext-12", "ext-13"]);
    assert!(page.next.is_some());
    assert!(ledger.list(&tenant("other"), None, "", 10, |_| Some(())).await.unwrap().rows.is_empty());

    let mut driver = Driver::new(ledger.clone(), owned("long"));
    driver.build(RiskTier::Low).await;
    let seqs = |page: &extensions_registry_ledger::HistoryPage| page.events.iter().map(|event| event.seq).collect::<Vec<_>>();
    let first = ledger.history(&driver.of, 0, 2).await.unwrap();
    assert_eq!((seqs(&first), first.next), (vec![1, 2], Some(2)));
    let second = ledger.history(&driver.of, 2, 2).await.unwrap();
    assert_eq!((seqs(&second), second.next), (vec![3], None));
    let last = ledger.history_backwards(&driver.of, 0, 2).await.unwrap();
    assert_eq!((seqs(&last), last.next), (vec![3, 2], Some(2)));
    assert_eq!(seqs(&ledger.history_backwards(&driver.of, 2, 2).await.unwrap()), [1]);
    assert!(ledger.probe().await.is_ok());
}
