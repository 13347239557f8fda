//! Many callers at once, and callers that leave.

use std::time::Duration;

use extensions_client::Invoke;
use extensions_test_support::{Guest, Start, until};
use extensions_types::Kind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    frames::{DATA, END_HEADERS, END_STREAM, H2, HEADERS, frame, grpc_head, head},
    grpc::{Raw, framed, good},
    heads::{kept, kept_below},
    slow::neighbours,
    streams::back,
    wire::{LAST, address, answers, dial, exchange, invoke_head, serve_rule, within},
};
use crate::{
    CHILD,
    attack::{Attack, Row},
    process,
    stage::{Scene, Stage},
};

/// More tries than a lane needs to end what was left.
const OWN_TRIES: usize = 50;
/// What the refusal's hint says.
const OVERLOAD_RETRY: Duration = Duration::from_millis(100);

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "ten-thousand", about: "10,000 connections, more than the host may have open", run: |stage| Box::pin(crowd(stage)) },
    Attack { name: "connection-churn", about: "connections that end as soon as they begin", run: |stage| Box::pin(churn(stage)) },
    Attack { name: "leaving-callers", about: "callers that are gone before their answer", run: |stage| Box::pin(leaving(stage)) },
    Attack {
        name: "watchers",
        about: "streams that stay open for good: followers of logs, watchers of health",
        run: |stage| Box::pin(watchers(stage)),
    },
];

const CONNECTIONS: usize = 10_000;
/// Both ends of each are in this process, under one limit of descriptors.
const OPEN_MAX: usize = 4_000;
/// Descriptors of the hosts, their files and the neighbours.
const OTHER_DESCRIPTORS: u64 = 2_000;
const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const SILENCE: Duration = Duration::from_secs(5);
/// A stream that says nothing for so long is being kept open.
const SHORT: Duration = Duration::from_millis(300);

/// As many descriptors as this process may have.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

async fn crowd(stage: &Stage) -> Vec<Row> {
    let needed = 2 * OPEN_MAX as u64 + OTHER_DESCRIPTORS;
    let may = raise_descriptors();
    if may < needed {
        return vec![Row::new("descriptors", format!("{needed} may be open"), format!("{may} may be: raise the hard limit (ulimit -Hn)"))];
    }
    let start = Start::new(CHILD).set(|settings| settings.listen.connections_max = OPEN_MAX);
    let stage = &stage.elsewhere(Scene::of(stage.profile, start).await);
    let before = process::resident_mib();
    let address = address(stage);
    let (mut held, mut turned_away) = (Vec::new(), 0);
    for _ in 0..CONNECTIONS {
        let mut io = TcpStream::connect(&address).await.unwrap();
        // Over the bound the host closes before it has read.
        if held.len() + 16 < OPEN_MAX || answered(&mut io).await {
            held.push(io);
        } else {
            turned_away += 1;
        }
    }
    let all = held.len() + turned_away;
    let mut rows = vec![
        Row::new("arrived", CONNECTIONS.to_string(), all.to_string()),
        Row::holds("held", format!("at most {OPEN_MAX}"), held.len() <= OPEN_MAX, || held.len().to_string()),
        Row::holds("turned away", "the rest", turned_away + OPEN_MAX >= CONNECTIONS, || turned_away.to_string()),
    ];
    // Those that have a place are served, the first and the last.
    for at in [0, held.len() / 2, held.len() - 1] {
        rows.push(Row::new(format!("connection {at}"), "served", if answered(&mut held[at]).await { "served" } else { "not served" }));
    }
    // About 20 KiB for each, and their other ends.
    rows.push(kept_below(before, 400));
    drop(held);
    let mut again = String::new();
    let free = timeout(extensions_test_support::PATIENCE, async {
        loop {
            let mut io = TcpStream::connect(&address).await.unwrap();
            if answered(&mut io).await {
                return;
            }
            again.push('.');
        }
    });
    rows.push(Row::holds("after they left", "served", free.await.is_ok(), || "still turned away".to_owned()));
    rows.push(neighbours(stage));
    rows
}

/// Whether a probe on it is answered with 200.
async fn answered(io: &mut TcpStream) -> bool {
    let mut status = [0; 12];
    let asked = io.write_all(HEALTHZ).await.is_ok();
    let read = timeout(SILENCE, io.read_exact(&mut status)).await;
    let good = asked && matches!(read, Ok(Ok(_))) && &status == b"HTTP/1.1 200";
    if good {
        // The rest of the answer, as far as it is there.
        let mut rest = [0; 512];
        let _ = timeout(SILENCE, io.read(&mut rest)).await;
    }
    good
}

async fn churn(stage: &Stage) -> Vec<Row> {
    const TIMES: usize = 3_000;
    let before = process::resident_mib();
    let mut rows = Vec::new();
    for (what, bytes, reset) in [
        ("closed at once", b"".as_slice(), false),
        ("reset at once", b"", true),
        ("closed after a request", HEALTHZ, false),
        ("reset after a request", HEALTHZ, true),
        ("reset within a head", b"POST /v1/ext", true),
    ] {
        for _ in 0..TIMES / 5 {
            let mut io = dial(stage).await;
            let _ = io.write_all(bytes).await;
            if reset {
                io.set_zero_linger().unwrap();
            }
        }
        stage.neighbours.answered(1).await;
        rows.push(Row::new(what, "others are answered", "others are answered"));
    }
    rows.push(kept(before));
    rows
}

async fn leaving(stage: &Stage) -> Vec<Row> {
    const CALLERS: usize = 1_500;
    serve_rule(stage).await;
    let spin = Guest::new(Kind::ProcessHook, "(loop $again (br $again)) (unreachable)").component();
    stage.serve("spins", Kind::ProcessHook, "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n", spin).await.1.unwrap();
    let before = process::resident_mib();
    let invoke = invoke_head(stage, "");
    let body = "content-length: 2\r\n\r\n{}";
    let spins = invoke.replace("/rule:", "/spins:");
    let mut rows = Vec::new();
    for (what, text) in [
        ("before the body", format!("{invoke}content-length: 2\r\n\r\n")),
        ("within the body", format!("{invoke}content-length: 200\r\n\r\n{{")),
        ("before the answer", format!("{invoke}{body}")),
        ("before the guest runs", format!("{spins}{body}")),
    ] {
        for _ in 0..CALLERS {
            let mut io = dial(stage).await;
            let _ = io.write_all(text.as_bytes()).await;
            io.set_zero_linger().unwrap();
        }
        let back = back(stage).await;
        rows.push(Row { what: what.to_owned(), ..back });
    }
    rows.push(left_running(stage, &format!("{spins}{body}")).await);
    // Over one connection: streams whose caller resets them, and connections that vanish under theirs.
    for _ in 0..50 {
        let mut h2 = H2::dial(stage, &[]).await;
        let calls = (1_u32..).step_by(2).take(20).flat_map(|stream| {
            [
                frame(HEADERS, END_HEADERS, stream, &grpc_head(stage)),
                frame(DATA, END_STREAM, stream, &[0, 0, 0, 0, 7, 0x0a, 5, b's', b'p', b'i', b'n', b's']),
            ]
            .concat()
        });
        h2.send(&calls.collect::<Vec<_>>()).await;
    }
    let back = back(stage).await;
    rows.push(Row { what: "20 streams, and the connection is gone".to_owned(), ..back });
    rows.push(Row::new("the attacker's own next call", "OK {\"n\":1}", own_next_call(stage).await));
    rows.push(kept(before));
    rows
}

/// The attacker's own calls hold places until a lane has ended them: it is told to try again, and does.
async fn own_next_call(stage: &Stage) -> String {
    let mut answer = String::new();
    for _ in 0..OWN_TRIES {
        answer = stage.invoke(Invoke::new("rule").input("{\"n\":1}")).await.answer();
        if !answer.starts_with("OVERLOADED") {
            break;
        }
        tokio::time::sleep(OVERLOAD_RETRY).await;
    }
    answer
}

/// Callers that go when their guests run in the slow lane.
async fn left_running(stage: &Stage, text: &str) -> Row {
    const ROUNDS: usize = 20;
    const AT_ONCE: usize = 8;
    let engine = stage.platform.engine();
    for _ in 0..ROUNDS {
        let mut callers = Vec::new();
        for _ in 0..AT_ONCE {
            let mut io = dial(stage).await;
            io.write_all(text.as_bytes()).await.unwrap();
            io.set_zero_linger().unwrap();
            callers.push(io);
        }
        until(|| engine.slow_calls() >= 2).await;
        drop(callers);
    }
    Row { what: "while the guest runs".to_owned(), ..back(stage).await }
}

async fn watchers(stage: &Stage) -> Vec<Row> {
    const FOLLOW: &str = "/v1/extensions/rule:logs?follow=true";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";
    serve_rule(stage).await;
    stage.call("rule").await;
    let before = process::resident_mib();
    let token = stage.platform.token(&stage.attacker);
    let logs = head("GET", FOLLOW, &[("authorization", &format!("Bearer {token}"))]);
    let health = head("POST", WATCH, &[("te", "trailers"), ("content-type", "application/grpc")]);
    let followers = hold(stage, &logs, None).await;
    let one_more = format!("GET {FOLLOW} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n{LAST}");
    let told = eventually("503 OVERLOADED, 200", async || answers(&exchange(stage, &one_more).await)).await;
    let mut rows = vec![Row::new("one follower of logs more", "503 OVERLOADED, 200", told)];
    let watchers = hold(stage, &health, Some([0; 5])).await;
    let side = |path: &str| Raw { path: path.to_owned(), data: vec![framed(b"")], ..Raw::new(stage, &good()) };
    let told = eventually("OVERLOADED", async || side(WATCH).send(stage).await).await;
    rows.push(Row::new("one watcher of health more", "OVERLOADED", told));
    rows.push(Row::new("who asks for health once", "OK ", side("/grpc.health.v1.Health/Check").send(stage).await));
    stage.neighbours.answered(3).await;
    // About 8 KiB for each stream, with its other end.
    rows.push(kept_below(before, 200));
    drop((followers, watchers));
    let open = eventually("stays open", async || {
        let mut io = dial(stage).await;
        io.write_all(one_more.as_bytes()).await.unwrap();
        let (came, ended) = within(&mut io, SHORT).await;
        if ended { answers(&came) } else { "stays open".to_owned() }
    });
    rows.push(Row::new("a follower after they left", "stays open", open.await));
    rows
}

/// Opens 10,000 streams of one request, on some connections that are held.
async fn hold(stage: &Stage, block: &[u8], data: Option<[u8; 5]>) -> Vec<H2> {
    const CONNECTIONS: usize = 40;
    const STREAMS: usize = 250;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut h2 = H2::dial(stage, &[]).await;
        let end = if data.is_none() { END_STREAM } else { 0 };
        let opened = (1_u32..).step_by(2).take(STREAMS).flat_map(|stream| {
            let body = data.map_or_else(Vec::new, |data| frame(DATA, END_STREAM, stream, &data));
            [frame(HEADERS, END_HEADERS | end, stream, block), body].concat()
        });
        h2.send(&opened.collect::<Vec<_>>()).await;
        held.push(h2);
    }
    held
}

/// What is told in the end: the host takes a moment to see what is there, or gone.
async fn eventually(expected: &str, ask: impl AsyncFn() -> String) -> String {
    let mut last = "silent".to_owned();
    for _ in 0..40 {
        last = timeout(SHORT * 2, ask()).await.unwrap_or_else(|_| "silent".to_owned());
        if last == expected {
            break;
        }
    }
    last
}
