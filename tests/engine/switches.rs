//! Switches and what already runs or waits: set on the host's admin listener,
//! as control's are by its documents.

use extensions_client::HttpClient;
use extensions_identity::Scope;
use extensions_test_support::{Start, event, until};
use extensions_types::{ErrorCode, ExtensionId, Kind, SwitchTarget};

use crate::support::{CHILD, Scene, hook, is};

const LONG: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
const SPIN: &str = "(loop $again (br $again)) (unreachable)";

fn operator(scene: &Scene) -> HttpClient {
    let claims = scene.platform.claims("operator").scopes(&[Scope::Operate]);
    HttpClient::builder().token(scene.platform.sign(&claims)).connect_http(&scene.platform.admin()).unwrap()
}

fn target(scene: &Scene, id: &str) -> SwitchTarget {
    SwitchTarget::Extension { tenant: scene.hostile.clone(), extension: ExtensionId::parse(id).unwrap() }
}

/// With `abort`, what runs ends with DISABLED, long before its limits, and only that.
#[tokio::test]
async fn what_runs_is_ended_at_its_next_tick() {
    let scene = Scene::of(Start::new(CHILD).io_threads(1)).await;
    let operator = operator(&scene);
    for id in ["spins", "spins-too"] {
        scene.serve(id, Kind::ProcessHook, LONG, hook(SPIN).component()).await;
    }
    let (ended, spared) = (scene.calling("spins").await, scene.calling("spins-too").await);
    until(|| scene.platform.engine().slow_calls() == 2).await;
    operator.switch_off(&target(&scene, "spins"), "drill", None, true).await.unwrap();
    let status = event(ended).await.unwrap().unwrap_err();
    assert!(status.message().contains("ended what ran"), "{status:?}");
    assert!(!spared.is_finished() && scene.platform.engine().slow_calls() == 1, "the other goes on");
    assert!(is(&scene.invoke("spins").await, ErrorCode::Disabled));
    scene.others_are_unharmed("an abort").await;
    assert!(operator.switch_on(&target(&scene, "spins")).await.unwrap());
    assert!(operator.switches().await.unwrap().is_empty());
    spared.abort();
    until(|| scene.platform.engine().slow_calls() == 0).await;
}

/// Without it, what runs goes on to its limits; what waits for a turn does not begin.
#[tokio::test]
async fn what_runs_ends_at_its_limits_and_what_comes_is_refused() {
    let scene = Scene::of(Start::new(CHILD).io_threads(1)).await;
    let operator = operator(&scene);
    scene.serve("spins", Kind::ProcessHook, "[limits]\ncpu_millis = 300\ntimeout_ms = 30000\n", hook(SPIN).component()).await;
    let running = scene.calling("spins").await;
    until(|| scene.platform.engine().slow_calls() == 1).await;
    operator.switch_off(&target(&scene, "spins"), "drill", None, false).await.unwrap();
    assert!(is(&scene.invoke("spins").await, ErrorCode::Disabled));
    let answer = event(running).await.unwrap().unwrap();
    assert_eq!(answer.error_code, "CPU_LIMIT");
}
