//! Ten thousand extensions.

use std::time::{Duration, Instant};

use extensions_catalog::Catalog as _;

use crate::support::{Scene, a_poll, entry, of};

#[tokio::test]
async fn ten_thousand_entries_are_ready_quickly_and_read_one_by_one() {
    let scene = Scene::new();
    let name = |at: usize| of(&format!("tenant-{}", at % 100), &format!("extension-{}", at / 100));
    for at in 0..10_000 {
        scene.put(&entry(&name(at), 1, &[1])).await;
    }
    let before = Instant::now();
    let running = scene.start();
    running.ready().await;
    let took = before.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!((running.catalog.status().entries, scene.reads()), (10_000, 0));
    for at in [0, 77, 9_999] {
        assert_eq!(running.latest(&name(at)).await, 1);
    }
    assert_eq!(scene.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_tenants_flood_of_unread_entries_keeps_no_others_waiting() {
    let scene = Scene::new();
    let flood: Vec<_> = (0..500).map(|at| of("flood", &format!("x{at}"))).collect();
    for of in &flood {
        scene.put(&entry(of, 1, &[1])).await;
    }
    let polite = of("polite", "x");
    scene.put(&entry(&polite, 1, &[1])).await;
    let running = scene.ready().await;
    scene.meet(extensions_artifact::Operation::Get, extensions_artifact::testing::Fault::Delay(Duration::from_secs(1)));
    let flooding = futures_util::future::join_all(flood.iter().map(|of| running.find(of)));
    let polite = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = tokio::time::Instant::now();
        assert_eq!(running.latest(&polite).await, 1);
        before.elapsed()
    };
    let (_, waited) = tokio::join!(flooding, polite);
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
    a_poll().await;
}
