//! One tenant that wants everything at once. What it is told counts less here
//! than what its neighbours notice, which the suite looks at.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use extensions_client::{Client, Invoke};
use extensions_test_support::{Guest, Start};
use extensions_types::{Kind, TenantId};
use tokio::task::JoinSet;

use super::{
    time::{LONG, SPIN},
    variant::hook,
};
use crate::{
    CHILD,
    attack::{Attack, Row},
    call::Told,
    process,
    stage::{Scene, Stage, hasty},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "short-call-flood", about: "short calls on many connections, without pause", run: |stage| Box::pin(short(stage)) },
    Attack { name: "long-call-flood", about: "calls that spin, more than the slow lane has room for", run: |stage| Box::pin(long(stage)) },
    Attack { name: "mixed-flood", about: "short and spinning calls of one tenant in both lanes", run: |stage| Box::pin(mixed(stage)) },
    Attack { name: "bulk-flood", about: "calls that end within one instruction over 60 MB", run: |stage| Box::pin(bulk(stage)) },
    Attack { name: "trap-flood", about: "a version that traps at every call, without pause", run: |stage| Box::pin(traps(stage)) },
    Attack { name: "output-flood", about: "answers as large as allowed, without pause", run: |stage| Box::pin(outputs(stage)) },
    Attack { name: "log-flood-by-calls", about: "calls that fill their log quota, without pause", run: |stage| Box::pin(logs(stage)) },
    Attack {
        name: "many-extensions",
        about: "a hundred extensions of one tenant, each called once at once",
        run: |stage| Box::pin(extensions(stage)),
    },
    Attack { name: "compile-flood", about: "cold components in a row, while a neighbour's first call waits", run: |stage| Box::pin(compiles(stage)) },
    Attack { name: "version-churn", about: "a new version at each call", run: |stage| Box::pin(versions(stage)) },
    Attack { name: "leave-flood", about: "callers that leave as soon as their guest runs", run: |stage| Box::pin(leaves(stage)) },
    Attack { name: "memory-flood", about: "calls that each take all the memory they may have", run: |stage| Box::pin(memory(stage)) },
];

/// How long a flood lasts.
const LASTS: Duration = Duration::from_millis(1_500);
const CONNECTIONS: usize = 8;
/// What the attacker itself may be told: an answer, or a refusal that says when to try again.
const REFUSALS: [&str; 3] = ["OVERLOADED", "QUOTA_EXCEEDED", "CIRCUIT_OPEN"];

/// Codes and how often.
type Codes = BTreeMap<String, usize>;

/// Calls `ids` in turn on each of `clients`, `at_once` calls each, until the time is over.
async fn flood(clients: Vec<Client>, ids: &'static [&'static str], at_once: usize) -> Codes {
    let end = Instant::now() + LASTS;
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for client in clients {
        for _ in 0..at_once {
            let (client, next) = (client.clone(), Arc::clone(&next));
            callers.spawn(async move {
                let mut codes = Codes::new();
                while Instant::now() < end {
                    let id = ids[next.fetch_add(1, Ordering::Relaxed) % ids.len()];
                    let told = Told::of(client.invoke(Invoke::new(id)).await);
                    let refused = REFUSALS.contains(&told.code.as_str());
                    *codes.entry(told.code).or_default() += 1;
                    if refused {
                        // As a client of ours waits for the hint, so that the flood is of calls and not of refusals.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                codes
            });
        }
    }
    let mut all = Codes::new();
    while let Some(codes) = callers.join_next().await {
        for (code, times) in codes.unwrap() {
            *all.entry(code).or_default() += times;
        }
    }
    all
}

fn connections(stage: &Stage) -> Vec<Client> {
    (0..CONNECTIONS).map(|_| stage.connection()).collect()
}

/// The flood got `wanted` at least once and otherwise refusals only.
fn judged(what: &str, codes: &Codes, wanted: &[&str]) -> Row {
    let seen = wanted.iter().any(|code| codes.contains_key(*code));
    let strange = codes.keys().find(|code| !wanted.contains(&code.as_str()) && !REFUSALS.contains(&code.as_str()));
    Row::holds(what, format!("{} or refusals", wanted.join(", ")), seen && strange.is_none(), || format!("{codes:?}"))
}

async fn serve(stage: &Stage, id: &str, manifest: &str, guest: &Guest) {
    stage.serve(id, Kind::ProcessHook, manifest, guest.component()).await.1.unwrap();
}

async fn short(stage: &Stage) -> Vec<Row> {
    serve(stage, "short", "", &Guest::answering(Kind::ProcessHook, "{}")).await;
    let codes = flood(connections(stage), &["short"], 16).await;
    vec![judged("128 in flight", &codes, &["OK"])]
}

const SPINS_50: &str = "[limits]\ncpu_millis = 50\ntimeout_ms = 30000\n";
/// A flood's calls may also wait in vain for their turn.
const SPUN: &[&str] = &["CPU_LIMIT", "TIMEOUT", "DEADLINE"];

async fn long(stage: &Stage) -> Vec<Row> {
    serve(stage, "spins", SPINS_50, &hook(SPIN)).await;
    let codes = flood(connections(stage), &["spins"], 16).await;
    vec![judged("128 in flight", &codes, SPUN)]
}

async fn mixed(stage: &Stage) -> Vec<Row> {
    serve(stage, "short", "", &Guest::answering(Kind::ProcessHook, "{}")).await;
    serve(stage, "spins", SPINS_50, &hook(SPIN)).await;
    serve(stage, "works", LONG, &hook("(local $left i32) (local.set $left (i32.const 500000)) (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) (call $ok (call $answer))").text("answer", "{}")).await;
    let codes = flood(connections(stage), &["short", "works", "spins"], 8).await;
    vec![judged("64 in flight", &codes, &["OK", "CPU_LIMIT"])]
}

async fn bulk(stage: &Stage) -> Vec<Row> {
    let fills = "(drop (memory.grow (i32.const 900))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 58000000)) (call $ok (call $answer))";
    serve(stage, "fills", LONG, &hook(fills).text("answer", "{}")).await;
    let codes = flood(connections(stage), &["fills"], 1).await;
    vec![judged("8 in flight", &codes, &["OK"])]
}

async fn traps(stage: &Stage) -> Vec<Row> {
    serve(stage, "traps", "", &hook("(unreachable)")).await;
    serve(stage, "good", "", &Guest::answering(Kind::ProcessHook, "{}")).await;
    // The same bytes and id of another tenant: its breaker and its history are its own.
    let other = TenantId::parse("also-traps").unwrap();
    let served = stage.platform.serve(&other, "good", Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, "{}").component());
    stage.platform.load(&served).await.unwrap();
    let codes = flood(connections(stage), &["traps"], 4).await;
    let told = Told::of(hasty(&stage.platform, &other).invoke(Invoke::new("good")).await);
    vec![
        judged("32 in flight", &codes, &["TRAP"]),
        Row::new("a good extension of the same tenant", "OK {}", stage.call("good").await.answer()),
        Row::new("another tenant's", "OK {}", told.answer()),
    ]
}

async fn outputs(stage: &Stage) -> Vec<Row> {
    let large = "(drop (memory.grow (i32.const 17))) (memory.fill (i32.const 65536) (i32.const 32) (i32.const 1048576))
        (i32.store16 (i32.const 65536) (i32.const 0x7d7b)) (call $ok (i32.const 65536) (i32.const 1048576))";
    serve(stage, "large", LONG, &hook(large)).await;
    let codes = flood(connections(stage), &["large"], 2).await;
    vec![judged("16 in flight, 1 MiB each", &codes, &["OK"])]
}

async fn logs(stage: &Stage) -> Vec<Row> {
    let body = "(local $left i32) (local.set $left (i32.const 1000))
        (loop $again (call $log (call $line)) (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) (call $ok (call $answer))";
    serve(stage, "talks", LONG, &hook(body).text("line", "x".repeat(64)).text("answer", "{}")).await;
    let codes = flood(connections(stage), &["talks"], 4).await;
    vec![judged("32 in flight, 1,000 lines each", &codes, &["OK"])]
}

/// Distinct components of some size: `functions` functions that differ by `number`.
fn distinct(number: usize, functions: usize) -> Vec<u8> {
    let code: String = (0..functions)
        .map(|at| {
            format!("(func $f{at} (param i32) (result i32) (i32.mul (i32.xor (local.get 0) (i32.const {})) (i32.const {number})))", at + number)
        })
        .collect();
    hook(&format!("(drop (call $f0 (i32.const {number}))) (call $ok (call $answer))"))
        .text("answer", format!("{{\"n\":{number}}}"))
        .fields(&code)
        .component()
}

async fn extensions(stage: &Stage) -> Vec<Row> {
    const MANY: usize = 100;
    let mut calls = JoinSet::new();
    for number in 0..MANY {
        let id = format!("one-of-many-{number}");
        stage.platform.serve(&stage.attacker, &id, Kind::ProcessHook, LONG, distinct(number, 1));
        let client = stage.client.clone();
        calls.spawn(async move { Told::of(client.invoke(Invoke::new(id).timeout(Duration::from_secs(20))).await) });
    }
    let mut codes = Codes::new();
    while let Some(told) = calls.join_next().await {
        *codes.entry(told.unwrap().code).or_default() += 1;
    }
    // Who waits longer than a caller waits is told to come again.
    let strange = codes.keys().find(|code| !["OK", "UNAVAILABLE", "OVERLOADED", "QUOTA_EXCEEDED"].contains(&code.as_str()));
    vec![Row::holds("a hundred first calls at once", "OK, or a refusal with a hint", codes.contains_key("OK") && strange.is_none(), || {
        format!("{codes:?}")
    })]
}

/// Compiles are fair between tenants: a neighbour's first call does not wait for the attacker's row of them.
async fn compiles(stage: &Stage) -> Vec<Row> {
    const MANY: usize = 24;
    let mut calls = JoinSet::new();
    for number in 0..MANY {
        let id = format!("cold-{number}");
        stage.platform.serve(&stage.attacker, &id, Kind::ProcessHook, LONG, distinct(number, 3_000));
        let client = stage.client.clone();
        calls.spawn(async move { Told::of(client.invoke(Invoke::new(id).timeout(Duration::from_secs(20))).await) });
    }
    let mut rows = Vec::new();
    for name in ["newcomer-1", "newcomer-2"] {
        let tenant = TenantId::parse(name).unwrap();
        stage.platform.serve(&tenant, "first", Kind::ProcessHook, LONG, distinct(name.len() + rows.len(), 2));
        let told = Told::of(hasty(&stage.platform, &tenant).invoke(Invoke::new("first").timeout(Duration::from_secs(10))).await);
        rows.push(Row::new(format!("the first call of {name}"), "OK", told.code));
    }
    let left = calls.len();
    calls.abort_all();
    rows.push(Row::holds("the attacker's compiles meanwhile", "some still wait", left > 0, || "none waits".to_owned()));
    rows
}

async fn versions(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    for number in 0..20 {
        let served = stage.platform.serve(&stage.attacker, "changes", Kind::ProcessHook, LONG, distinct(number, 1));
        // Not loaded before: the call is the first to want it.
        let told = stage.invoke(Invoke::new("changes").timeout(Duration::from_secs(10))).await;
        let got = told.answer();
        rows.push(Row::new(format!("version {}", served.definition.version), format!("OK {{\"n\":{number}}}"), got));
    }
    rows
}

async fn leaves(stage: &Stage) -> Vec<Row> {
    serve(stage, "spins", LONG, &hook(SPIN)).await;
    serve(stage, "good", LONG, &Guest::answering(Kind::ProcessHook, "{}")).await;
    let clients = connections(stage);
    for round in 0..40 {
        let mut calls = JoinSet::new();
        for client in &clients {
            let client = client.clone();
            calls.spawn(async move { client.invoke(Invoke::new("spins")).await.map(drop) });
        }
        tokio::time::timeout(Duration::from_millis(round % 8), calls.join_next()).await.map(drop).unwrap_or_default();
        calls.abort_all();
    }
    // Its own next call has room again as soon as those guests are ended.
    let mut told = stage.call("good").await;
    let end = Instant::now() + Duration::from_secs(5);
    while REFUSALS.contains(&told.code.as_str()) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
        told = stage.call("good").await;
    }
    vec![Row::new("a good call after 320 that were left", "OK {}", told.answer())]
}

/// On a host of its own, whose slow lane takes 600 MiB of guests: six of these.
async fn memory(stage: &Stage) -> Vec<Row> {
    const LANE_MIB: u64 = 600;
    let start = Start::new(CHILD).set(|settings| settings.engine.slow_memory_mb_max = usize::try_from(LANE_MIB).unwrap());
    let own = stage.elsewhere(Scene::of(stage.profile, start).await);
    let takes = "(drop (memory.grow (i32.const 1500))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 98000000))
        (loop $again (br $again)) (unreachable)";
    serve(&own, "takes", "[limits]\nmemory_mb = 100\ncpu_millis = 200\ntimeout_ms = 30000\n", &hook(takes)).await;
    let before = process::resident_mib();
    let peak = Arc::new(AtomicUsize::new(0));
    let watching = {
        let peak = Arc::clone(&peak);
        tokio::spawn(async move {
            loop {
                peak.fetch_max(usize::try_from(process::resident_mib()).unwrap(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let codes = flood(connections(&own), &["takes"], 4).await;
    watching.abort();
    own.neighbours.answered(3).await;
    let grown = (peak.load(Ordering::Relaxed) as u64).saturating_sub(before);
    let bad: Vec<String> = own.neighbours.seen().into_iter().flat_map(|seen| seen.complaints).collect();
    vec![
        judged("32 in flight, 100 MiB each", &codes, SPUN),
        // Slots that wait for their reset, and what the suite itself holds, come on top.
        Row::holds("resident memory meanwhile", "within the lane's 600 MiB and 400 more", grown < LANE_MIB + 400, || format!("{grown} MiB more")),
        Row::holds("the neighbours on that host", "answered in time", bad.is_empty(), || bad.join("; ")),
    ]
}
