//! Switches: each kind, within 400 ms, never back.

use std::time::Duration;

use extensions_artifact::{Key, Operation};
use extensions_catalog::{Catalog as _, Off};
use extensions_types::{Kind, RiskTier, SwitchTarget, Version};

use crate::support::{ENV, Running, Scene, entry, of};

/// Two looks, with their jitter.
async fn a_look() {
    tokio::time::sleep(Duration::from_millis(900)).await;
}

async fn off(running: &Running) -> Option<Off> {
    let entry = running.find(&of("acme", "x")).await.unwrap();
    running.catalog.forced_off(&entry.current().unwrap().definition)
}

async fn scene() -> Scene {
    let scene = Scene::new();
    scene.put(&entry(&of("acme", "x"), 1, &[1])).await;
    scene
}

#[tokio::test(start_paused = true)]
async fn each_switch_arrives_and_is_lifted() {
    let scene = scene().await;
    let running = scene.ready().await;
    assert_eq!(off(&running).await, None);
    let (tenant, extension) = (of("acme", "x").tenant, of("acme", "x").extension);
    let cases = [
        (SwitchTarget::Tenant { tenant: tenant.clone() }, Off::Tenant),
        (SwitchTarget::Extension { tenant: tenant.clone(), extension: extension.clone() }, Off::Extension),
        (SwitchTarget::Version { tenant, extension, version: Version::FIRST }, Off::Version),
        (SwitchTarget::Kind { kind: Kind::DomainHook }, Off::Kind(Kind::DomainHook)),
        (SwitchTarget::Tier { tier: RiskTier::Low }, Off::Tier(RiskTier::Low)),
    ];
    for (seq, (target, expected)) in (1..).step_by(2).zip(cases) {
        scene.put_control((1, seq), &[target]).await;
        a_look().await;
        assert_eq!(off(&running).await, Some(expected));
        scene.put_control((1, seq + 1), &[]).await;
        a_look().await;
        assert_eq!(off(&running).await, None);
    }
    assert_eq!((running.catalog.status().control.generation, running.catalog.status().control.seq), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn control_never_goes_back_and_what_is_unreadable_changes_nothing() {
    let scene = scene().await;
    let target = SwitchTarget::Kind { kind: Kind::DomainHook };
    scene.put_control((1, 5), &[target]).await;
    let running = scene.ready().await;
    assert!(off(&running).await.is_some());
    let key = Key::ControlState { env: ENV };
    scene.put_control((1, 4), &[]).await;
    a_look().await;
    assert!(off(&running).await.is_some());
    assert!(running.catalog.status().control.problem.unwrap().contains("older"));
    let other_env = br#"{"schema":1,"env":"dev","generation":9,"applied_seq":9,"switches":[]}"#;
    let unknown_switch = br#"{"schema":1,"env":"prod","generation":9,"applied_seq":9,"switches":[{"target":{"of":"moon"}}]}"#;
    for bytes in [&b"{\"schema\":2}"[..], b"", b"[]", other_env, unknown_switch] {
        scene.writer().put(&key, bytes.to_vec().into()).await.unwrap();
        a_look().await;
        assert!(off(&running).await.is_some());
        assert!(running.catalog.status().control.problem.is_some());
        assert!(running.catalog.refresh_control().await.is_err());
    }
    let gets = || scene.faults.calls().iter().filter(|call| call.operation == Operation::Get && call.path.ends_with("state.json")).count();
    let before = gets();
    a_look().await;
    assert_eq!(gets(), before, "what is refused is not read again and again");
    scene.writer().delete(&key).await.unwrap();
    a_look().await;
    assert!(off(&running).await.is_some(), "a lost document lifts nothing");
    scene.put_control((2, 1), &[]).await;
    a_look().await;
    assert_eq!((off(&running).await, running.catalog.status().control.problem), (None, None), "a raised generation outranks");
}

#[tokio::test(start_paused = true)]
async fn whoever_changed_control_can_wait_until_it_is_in_force() {
    let scene = scene().await;
    let running = scene.ready().await;
    off(&running).await;
    scene.put_control((1, 1), &[SwitchTarget::Tenant { tenant: of("acme", "x").tenant }]).await;
    running.catalog.refresh_control().await.unwrap();
    assert_eq!(off(&running).await, Some(Off::Tenant));
}

#[tokio::test(start_paused = true)]
async fn a_restart_never_lifts_a_switch() {
    let scene = scene().await;
    scene.put_control((1, 5), &[SwitchTarget::Kind { kind: Kind::DomainHook }]).await;
    let running = scene.ready().await;
    assert!(off(&running).await.is_some());
    drop(running);
    for lost in [true, false] {
        if lost {
            scene.writer().delete(&Key::ControlState { env: ENV }).await.unwrap();
        } else {
            scene.put_control((1, 3), &[]).await;
        }
        let running = scene.ready().await;
        assert!(off(&running).await.is_some(), "lost: {lost}");
        assert!(running.catalog.status().control.problem.is_some());
    }
}
