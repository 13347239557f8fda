//! Control as operators and files set it: tried, set, shown, taken back.

use std::{path::Path, time::Duration};

use extensions_identity::DevKey;
use extensions_proto::v1;
use extensions_registry::{ControlFileSettings, Registry};
use serde_json::{Value, json};

use crate::{
    guest::push,
    program::settings,
    stage::{Stage, Who, send, token},
};

const PROD: &str = "/v1/registry/control/prod";

async fn control(stage: &Stage) -> Value {
    stage.http(&Who::operator(), "GET", PROD, Value::Null).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_for_whom_and_changes_nothing() {
    let stage = Stage::start().await;
    let ann = Who::person("ann");
    push(&mut stage.client(&ann), "x", 1).await;
    let promoted = stage.http(&ann, "POST", "/v1/registry/extensions/x/versions/1:promote", json!({"to_env": "dev"})).await;
    assert_eq!(promoted.status, 200, "{}", promoted.body);
    let before = stage.objects();
    let olga = Who::operator();
    let dev = "/v1/registry/control/dev";
    for target in [json!({"of": "tenant", "tenant": "acme"}), json!({"of": "tier", "tier": "low"})] {
        let tried = stage.http(&olga, "POST", dev, json!({"target": target, "off": true, "why": "drill", "dry_run": true})).await.json();
        assert_eq!((&tried["seq"], &tried["changed"]), (&0.into(), &true.into()), "{tried}");
        assert_eq!(tried["preview"]["change"]["type"], "forced_off");
        assert_eq!((&tried["preview"]["affected"], &tried["preview"]["affected_total"]), (&json!(["acme/x"]), &1.into()), "{tried}");
    }
    let tried = stage.http(&olga, "POST", dev, json!({"target": {"of": "tier", "tier": "high"}, "off": true, "why": "w", "dry_run": true})).await;
    assert_eq!(tried.json()["preview"]["affected_total"], 0);
    let quota = json!({"quota": {"target": {"of": "environment"}, "limits": {"concurrency": 3}}, "dry_run": true});
    let tried = stage.http(&olga, "POST", dev, quota).await.json();
    assert_eq!((&tried["preview"]["affected_total"], &tried["preview"]["replaced"]), (&1.into(), &Value::Null));
    assert_eq!(stage.objects(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_set_shown_and_taken_back() {
    let stage = Stage::start().await;
    let olga = Who::operator();
    let scope = json!({"of": "extension", "tenant": "acme", "extension": "x"});
    let steps = [
        json!({"quota": {"target": scope, "limits": {"rate_per_s": 20, "burst": 5}}, "why": "pilot"}),
        json!({"weight": {"tenant_id": "acme", "weight": 200}}),
        json!({"policy": {"name": "base", "target": {"of": "environment"}, "mode": "observe", "methods": ["orders.get"]}}),
        json!({"tightening": {"target": scope, "causes": ["trap", "quota"]}, "why": "money"}),
        json!({"target": {"of": "kind", "kind": "agent_tool"}, "off": true, "why": "drill", "until_ms": 4_000_000_000_000_u64, "abort": true}),
    ];
    for (at, step) in steps.into_iter().enumerate() {
        let done = stage.http(&olga, "POST", PROD, step.clone()).await;
        assert_eq!(done.json(), json!({"seq": at + 1, "changed": true}), "{step}");
        assert_eq!(stage.http(&olga, "POST", PROD, step).await.json()["changed"], false);
    }
    let shown = control(&stage).await;
    assert_eq!(shown["quotas"][0]["limits"], json!({"rate_per_s": 20, "burst": 5}));
    assert_eq!((&shown["quotas"][0]["why"], &shown["weights"][0]["weight"]), (&"pilot".into(), &200.into()));
    assert_eq!((&shown["policies"][0]["methods"], &shown["switches"][0]["abort"]), (&json!(["orders.get"]), &true.into()));
    assert_eq!((&shown["tightenings"][0]["causes"], &shown["tightenings"][0]["why"]), (&json!(["trap", "quota"]), &"money".into()));
    let over_grpc = stage.client(&olga).get_control(v1::GetControlRequest { env: "prod".to_owned() }).await.unwrap().into_inner();
    assert_eq!((over_grpc.quotas.len(), over_grpc.weights[0].weight, over_grpc.policies[0].mode.as_str()), (1, 200, "observe"));
    assert_eq!(over_grpc.tightenings[0].causes, ["trap", "quota"]);
    assert_eq!(over_grpc.switches[0].until_ms, Some(4_000_000_000_000));
    for taken in [
        json!({"quota": {"target": scope}}),
        json!({"weight": {"tenant_id": "acme"}}),
        json!({"policy": {"name": "base"}}),
        json!({"tightening": {"target": scope}}),
        json!({"target": {"of": "kind", "kind": "agent_tool"}, "off": false}),
    ] {
        assert_eq!(stage.http(&olga, "POST", PROD, taken.clone()).await.json()["changed"], true, "{taken}");
    }
    let shown = control(&stage).await;
    for all in ["quotas", "weights", "policies", "tightenings", "switches"] {
        assert_eq!(shown[all], json!([]), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_by_its_field() {
    let stage = Stage::start().await;
    let tier = json!({"of": "tier", "tier": "low"});
    for (body, word) in [
        (json!({}), "target"),
        (json!({"target": tier, "off": true, "why": "w", "until_ms": 5}), "until_ms"),
        (json!({"target": tier, "off": false, "abort": true}), "abort"),
        (json!({"target": tier, "off": true, "why": "w", "weight": {"tenant_id": "acme", "weight": 5}}), "one thing"),
        (json!({"weight": {"tenant_id": "acme", "weight": 0}}), "weight"),
        (json!({"quota": {"target": {"of": "environment"}, "limits": {}}}), "limits something"),
        (json!({"quota": {"target": {"of": "environment"}, "limits": {"moons": 3}}}), "moons"),
        (json!({"tightening": {"target": {"of": "environment"}, "causes": ["rejected"]}}), "causes"),
        (json!({"policy": {"name": "p", "mode": "hope"}}), "mode"),
        (json!({"policy": {"name": "p", "mode": "enforce", "methods": ["orders"]}}), "methods"),
    ] {
        let refused = stage.http(&Who::operator(), "POST", PROD, body.clone()).await;
        assert_eq!(refused.code(), "BAD_REQUEST", "{body}: {}", refused.body);
        assert!(refused.body.contains(word), "{word}: {}", refused.body);
    }
    assert_eq!(control(&stage).await["seq"], 0);
}

/// A registry that imports prod's control from a file.
struct WithFile {
    registry: Registry,
    key: DevKey,
}

impl WithFile {
    async fn start(dir: &Path, file: &Path) -> Self {
        let key = DevKey::generate().unwrap();
        let mut settings = settings(&key, dir);
        settings.control_files = ControlFileSettings { prod: Some(file.to_owned()), ..ControlFileSettings::default() };
        let mut registry = Registry::start(&settings).await.unwrap();
        registry.ready().await;
        Self { registry, key }
    }

    async fn get(&self, path: &str) -> String {
        let token = token(&self.key, &Who::operator());
        send(self.registry.addresses().main, &token, "GET", path, &[], Vec::new()).await.body
    }

    /// Asks again until the answer is as expected.
    async fn until(&self, path: &str, expected: impl Fn(&str) -> bool) -> String {
        let end = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.get(path).await;
            if expected(&answer) {
                return answer;
            }
            assert!(std::time::Instant::now() < end, "{path} still answers {answer}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_and_a_broken_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prod.toml");
    std::fs::write(&file, "[[switches]]\ntenant = \"acme\"\nwhy = \"from the file\"\n[[weights]]\ntenant = \"acme\"\nweight = 50\n").unwrap();
    let with = WithFile::start(dir.path(), &file).await;
    let imported: Value = serde_json::from_str(&with.until(PROD, |body| body.contains("\"weight\":50")).await).unwrap();
    let switch = &imported["switches"][0];
    assert_eq!((&switch["source"], &switch["who"], &switch["why"]), (&"file".into(), &"control-file".into(), &"from the file".into()));
    assert_eq!(with.get("/readyz").await, "ready\n");

    std::fs::write(&file, "[[weights]]\ntenant = \"acme\"\nweight = 0\n").unwrap();
    let ready = with.until("/readyz", |body| body.contains("control file")).await;
    assert!(ready.starts_with("ready\n") && ready.contains("prod") && ready.contains("from 1 to 1000"), "{ready}");
    let kept: Value = serde_json::from_str(&with.get(PROD).await).unwrap();
    assert_eq!(kept, imported);

    std::fs::write(&file, "[[weights]]\ntenant = \"acme\"\nweight = 70\n").unwrap();
    let mended: Value = serde_json::from_str(&with.until(PROD, |body| body.contains("\"weight\":70")).await).unwrap();
    with.until("/readyz", |body| body == "ready\n").await;
    let all: Value = serde_json::from_str(&with.until(PROD, |body| body.contains("\"switches\":[]")).await).unwrap();
    assert_eq!((&all["switches"], &mended["weights"][0]["weight"]), (&json!([]), &70.into()), "what is no longer in the file is lifted");
    with.registry.drain().await;
}
