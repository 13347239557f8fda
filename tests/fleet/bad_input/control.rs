//! An environment's control, replaced by nonsense: the last state holds.

use serde_json::json;

use crate::{
    caller::Callers,
    cast::{Fleet, RULE, STEADY},
    people::TENANT,
};

const STATE: &str = "_env/dev/control/state.json";

#[tokio::test(flavor = "multi_thread")]
async fn a_control_document_with_nonsense_changes_nothing() {
    let fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    let off = ["switch", "off", "--tenant", TENANT, "--extension", RULE, "--env", "dev", "--why", "wrong totals"];
    fleet.operated(&off).await;
    for host in &hosts {
        fleet.comes_to(host, "a switch", |status| status["control"]["seq"] == 1).await;
        fleet.is_off(host, RULE).await;
    }
    let callers: Vec<_> = hosts.iter().map(|host| fleet.caller(host, STEADY)).collect();
    let objects = fleet.objects();
    let state: serde_json::Value = serde_json::from_slice(&objects.read(STATE).await).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut changed = state.clone();
        changed[key] = value;
        changed.to_string().into_bytes()
    };
    let nonsense = [
        b"{\"schema\": 1, \"switches\"".to_vec(),
        vec![0xff; 4_096],
        vec![b'['; 1 << 20],
        with("schema", json!(2)),
        with("env", json!("prod")),
        with("applied_seq", json!(0)),
        with("switches", json!([{"target": {"of": "moon"}, "source": "operator", "why": "", "seq": 9, "at_ms": 1}])),
    ];
    for bytes in nonsense {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        objects.write(STATE, bytes).await;
        for host in &hosts {
            let status = fleet.comes_to(host, &shown, |status| status["control"]["problem"].is_string()).await;
            assert_eq!((&status["control"]["seq"], &status["ready"]), (&json!(1), &json!(true)), "{shown}: {status:#}");
            fleet.is_off(host, RULE).await;
        }
    }
    // The registry goes on from its events, whatever lies there.
    let on = ["switch", "on", "--tenant", TENANT, "--extension", RULE, "--env", "dev", "--why", "fixed"];
    fleet.operated(&on).await;
    for host in &hosts {
        fleet.comes_to(host, "an end of the nonsense", |status| status["control"]["seq"] == 2 && status["control"]["problem"].is_null()).await;
    }
    let rule = Callers::begin(&fleet, &hosts);
    rule.go_on().await;
    rule.end_along(&[1]).await;
    for caller in callers {
        caller.end().await.unfailing_along(&[1]);
    }
}
