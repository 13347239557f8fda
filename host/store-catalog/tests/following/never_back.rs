//! Whatever happens between store, hints and loads: what calls see only goes up, and ends at the last state.

use std::time::Duration;

use extensions_artifact::testing::Fault;
use extensions_catalog::Catalog as _;
use extensions_store_catalog::Hint;

use crate::support::{Scene, a_poll, entry, of};

/// Repeatable, and good enough to stir.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn stirred(seed: u64) {
    const FAULTS: [Fault; 7] = [
        Fault::Refused,
        Fault::Error,
        Fault::Torn,
        Fault::WrongBytes,
        Fault::Stale(1),
        Fault::Delay(Duration::from_millis(700)),
        Fault::Delay(Duration::from_secs(30)),
    ];
    let (scene, x, mut dice) = (Scene::new(), of("acme", "x"), Dice(seed));
    // Each state serves a version of its own: what answers says how far it is.
    let (mut last, mut seen) = (1, 1);
    scene.put(&entry(&x, last, &[last])).await;
    let mut running = scene.ready().await;
    scene.loads.loaded(running.find(&x).await.unwrap().current().unwrap());
    for _ in 0..60 {
        match dice.roll(9) {
            0..=2 => {
                last += 1;
                scene.put(&entry(&x, last, &[last - 1, last])).await;
            }
            3 | 4 => {
                let seq = last + 1 - dice.roll(3).min(last);
                running.catalog.hint(Hint::Entry { tenant: x.tenant.clone(), extension: x.extension.clone(), seq });
            }
            5 => running.catalog.hint(Hint::Everything),
            6 => scene.faults.seeded(dice.roll(u64::MAX), 1 + dice.roll(3), &FAULTS),
            7 => scene.loads.fail(last + dice.roll(2), dice.roll(2) == 0),
            _ if dice.roll(4) == 0 => {
                // Killed and started again. What was not on disk yet, the store still has.
                drop(running);
                scene.faults.clear();
                running = scene.ready().await;
            }
            _ => scene.faults.clear(),
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(1_500))).await;
        if let Ok(found) = running.find(&x).await {
            let now = found.current.get();
            assert!(now >= seen, "seed {seed}: {now} after {seen}");
            seen = now;
        }
    }
    scene.faults.clear();
    (1..=last + 1).for_each(|number| scene.loads.fail(number, false));
    for _ in 0..8 {
        a_poll().await;
    }
    assert_eq!(running.latest(&x).await, last, "seed {seed}");
    let status = running.catalog.status();
    assert_eq!((status.kept, status.problems_total, status.store_reachable), (0, 0, Some(true)), "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn what_calls_see_only_goes_up_and_ends_at_the_last_state() {
    for seed in 0..32 {
        stirred(seed).await;
    }
}
