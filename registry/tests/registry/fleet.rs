//! A registry in its fleet: what hosts hear of changes, and what it knows of them, through a real Redis.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use extensions_coordination::{Change, Heard};
use extensions_identity::{DevKey, Role};
use extensions_proto::v1;
use extensions_registry::{Coordination, EntryState, Heartbeat, HostChange, HostId, Recent, RedisSettings, Registry, RegistrySettings};
use extensions_test_servers::Redis;
use extensions_types::{Environment, ExtensionId, TenantId};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    guest::push,
    program::settings,
    stage::{Answer, Client, Stage, Who, client, command, send, token},
};

const SOON: Duration = Duration::from_secs(30);

/// The program, with or without Redis, and what its callers need.
struct Fleet {
    registry: Registry,
    key: DevKey,
    redis: RedisSettings,
    _dir: tempfile::TempDir,
}

impl Fleet {
    async fn start(redis: &Redis) -> Self {
        let (key, dir) = (DevKey::generate().unwrap(), tempfile::tempdir().unwrap());
        let redis = RedisSettings { namespace: redis.namespace(), ..RedisSettings::at(redis.url()) };
        let settings = RegistrySettings { redis: Some(redis.clone()), ..settings(&key, dir.path()) };
        let mut registry = Registry::start(&settings).await.unwrap();
        registry.ready().await;
        Self { registry, key, redis, _dir: dir }
    }

    fn client(&self, who: &Who) -> Client {
        client(self.registry.addresses().main, token(&self.key, who))
    }

    async fn hosts(&self, who: &Who, query: &str) -> Answer {
        let path = format!("/v1/registry/hosts/dev{query}");
        send(self.registry.addresses().main, &token(&self.key, who), "GET", &path, &[], Vec::new()).await
    }

    async fn metrics(&self) -> String {
        send(self.registry.addresses().admin.unwrap(), "", "GET", "/metrics", &[], Vec::new()).await.body
    }

    /// Asks until the answer is as it should be.
    async fn until(&self, who: &Who, query: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let answer = self.hosts(who, query).await.json();
                if fits(&answer) {
                    return answer;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, asking).await.unwrap_or_else(|_| panic!("{query} was never answered as expected"))
    }
}

async fn promote(client: &mut Client, version: u64) -> u64 {
    let request = v1::PromoteRequest { command: Some(command("x")), version, to_env: "dev".to_owned() };
    client.promote(request).await.unwrap().into_inner().seq
}

fn heartbeat(host: &str, seq: u64, state: EntryState) -> Heartbeat {
    let at_ms = now_ms();
    let mut recent = Recent::since(at_ms);
    let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
    recent.note(HostChange { tenant, extension, generation: 0, seq, version: None, state, at_ms });
    Heartbeat {
        host: HostId::parse(host).unwrap(),
        env: Environment::Dev,
        build: "test".to_owned(),
        compat: "c0ffee".to_owned(),
        started_ms: at_ms,
        at_ms,
        address: None,
        ready: true,
        draining: false,
        control: None,
        listed_age_ms: None,
        extensions: 1,
        loaded: 1,
        problems: Vec::new(),
        recent,
    }
}

/// Hosts that say what they serve, again and again.
struct Beating {
    said: Arc<Mutex<Vec<Heartbeat>>>,
    task: JoinHandle<()>,
}

impl Beating {
    fn begin(through: Coordination) -> Self {
        let said = Arc::new(Mutex::new(Vec::<Heartbeat>::new()));
        let saying = Arc::clone(&said);
        let task = tokio::spawn(async move {
            loop {
                let now = saying.lock().unwrap().clone();
                for heartbeat in now {
                    // A machine that stands still says it a little later.
                    let _ = through.beat(&Heartbeat { at_ms: now_ms(), ..heartbeat }).await;
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        Self { said, task }
    }

    fn say(&self, heartbeats: impl IntoIterator<Item = Heartbeat>) {
        *self.said.lock().unwrap() = heartbeats.into_iter().collect();
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn now_ms() -> u64 {
    u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_is_announced_and_its_hosts_are_asked_about() {
    let redis = Redis::start().unwrap();
    let fleet = Fleet::start(&redis).await;
    let host = Coordination::open(&fleet.redis).unwrap();
    timeout(SOON, host.connected()).await.unwrap();
    let mut changes = host.changes(Environment::Dev);
    let first = timeout(SOON, changes.next()).await.unwrap();
    assert_eq!(first, Heard::Reconnected);

    let (ann, olga) = (Who::person("ann"), Who::operator());
    let mut client = fleet.client(&ann);
    let first = {
        let version = push(&mut client, "x", 1).await;
        promote(&mut client, version).await
    };
    // The registry may have met Redis only now: its first announcement may be missing, the next is not.
    fleet.until(&olga, "", |answer| answer["known"] == true).await;
    let version = push(&mut client, "x", 2).await;
    let seq = promote(&mut client, version).await;
    let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
    let expected = Heard::Change(Change::Entry { tenant, extension, seq });
    let heard = async { while changes.next().await != expected {} };
    timeout(SOON, heard).await.unwrap_or_else(|_| panic!("{expected:?} was not heard"));

    let hosts = Beating::begin(host);
    hosts.say([heartbeat("a-1", seq, EntryState::Served), heartbeat("b-1", first, EntryState::Served)]);
    let query = format!("?extension_id=x&seq={seq}");
    let serve =
        |answer: &Value| answer["hosts"].as_array().unwrap().iter().map(|host| host["serves"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let answer = fleet.until(&ann, &query, |answer| serve(answer) == ["yes", "not_yet"]).await;
    assert!(answer["hosts"][0].get("build").is_none(), "the platform's own is not the tenant's to see: {answer}");
    let problem = "the component is damaged".to_owned();
    hosts.say([heartbeat("a-1", seq, EntryState::Served), heartbeat("b-1", seq, EntryState::Kept { problem })]);
    let kept = fleet.until(&ann, &query, |answer| serve(answer) == ["yes", "kept"]).await;
    assert_eq!(kept["hosts"][1]["because"], "the component is damaged");

    let whole = fleet.until(&olga, "", |answer| answer["hosts"].as_array().unwrap().len() == 2).await;
    assert_eq!((whole["hosts"][0]["build"].as_str(), whole["hosts"][0].get("serves")), (Some("test"), None), "{whole}");
    let about = fleet.hosts(&olga, "?extension_id=x&tenant_id=acme").await.json();
    assert_eq!(about["seq"], seq, "without an event it is the entry as it is");
    let metrics = fleet.metrics().await;
    for line in ["extensions_redis_connected 1", "extensions_redis_announced_total{outcome=\"Done\"}"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_works_and_nobody_knows_the_hosts() {
    let redis = Redis::start().unwrap();
    redis.stop();
    let fleet = Fleet::start(&redis).await;
    let ann = Who::person("ann");
    let mut client = fleet.client(&ann);
    let version = push(&mut client, "x", 1).await;
    let seq = promote(&mut client, version).await;
    let answer = fleet.hosts(&ann, &format!("?extension_id=x&seq={seq}")).await.json();
    assert_eq!((&answer["known"], &answer["hosts"]), (&json!(false), &json!([])));
    assert!(answer["unknown_because"].as_str().unwrap().contains("Redis"), "{answer}");

    redis.restart_empty().unwrap();
    fleet.until(&ann, "?extension_id=x", |answer| answer["known"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_and_about_what() {
    let stage = Stage::start().await;
    let ann = Who::person("ann");
    push(&mut stage.client(&ann), "x", 1).await;
    let ask = async |who: &Who, path: &str| stage.http(who, "GET", &format!("/v1/registry/hosts/{path}"), Value::Null).await;
    let viewer = ann.clone().with_roles(&[Role::Viewer]);
    assert_eq!(ask(&viewer, "dev").await.code(), "PERMISSION_DENIED", "all hosts are an operator's to see");
    assert_eq!(ask(&viewer, "dev?extension_id=x").await.code(), "NOT_FOUND", "nothing is served yet");
    assert_eq!(ask(&viewer, "qa?extension_id=x").await.code(), "BAD_REQUEST");
    assert_eq!(ask(&viewer, "dev?colour=x").await.code(), "BAD_REQUEST");
    promote(&mut stage.client(&ann), 1).await;
    let answer = ask(&viewer, "dev?extension_id=x").await.json();
    assert_eq!(answer["known"], false);
    assert!(answer["unknown_because"].as_str().unwrap().contains("[redis]"), "{answer}");
    let over_grpc = stage.client(&Who::operator()).list_hosts(v1::ListHostsRequest { env: "dev".to_owned(), ..Default::default() }).await;
    assert!(!over_grpc.unwrap().into_inner().known);
}
