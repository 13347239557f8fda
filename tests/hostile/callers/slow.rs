//! Slowloris: callers that take as long as they are let.

use std::time::Duration;

use extensions_client::Endpoint;
use extensions_test_servers::{Authority, Validity};
use extensions_test_support::Start;
use extensions_tls::ServerTlsSettings;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, interval, timeout},
};

use super::{
    frames::{DATA, END_HEADERS, END_STREAM, H2, HEADERS, frame, grpc_head},
    wire::{answers, dial, invoke_head, serve_rule, to_end},
};
use crate::{
    CHILD,
    attack::{Attack, Row},
    stage::{Scene, Stage},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "slow-heads", about: "slowloris: heads that never end, of every protocol", run: |stage| Box::pin(heads(stage)) },
    Attack { name: "slow-handshakes", about: "TLS that begins and never ends, or is none", run: |stage| Box::pin(handshakes(stage)) },
    Attack { name: "slow-bodies", about: "bodies that never end, by the byte", run: |stage| Box::pin(bodies(stage)) },
];

/// What the attacked host lets a head or a body take.
const LIMIT: Duration = Duration::from_millis(600);
/// What a quiet connection may be.
const IDLE: Duration = Duration::from_millis(600);
/// A host that has not closed by then does not.
const NEVER: Duration = Duration::from_secs(8);
const DRIP: Duration = Duration::from_millis(20);

/// The same host with little patience.
async fn impatient(stage: &Stage) -> Stage {
    let start = Start::new(CHILD).set(|settings| {
        settings.listen.timeouts.header_read = LIMIT;
        settings.listen.timeouts.body_read = LIMIT;
        settings.listen.timeouts.idle = IDLE;
    });
    let stage = stage.elsewhere(Scene::of(stage.profile, start).await);
    serve_rule(&stage).await;
    stage
}

/// The neighbours of a host of one's own, which the harness does not see.
pub(super) fn neighbours(stage: &Stage) -> Row {
    let bad: Vec<String> = stage.neighbours.seen().into_iter().flat_map(|seen| seen.complaints).collect();
    Row::holds("its neighbours", "answered in time", bad.is_empty(), || bad.join("; "))
}

async fn heads(stage: &Stage) -> Vec<Row> {
    let stage = &impatient(stage).await;
    let rows = [
        ("nothing", Vec::new(), false),
        ("half of HTTP/2's preface", b"PRI * HT".to_vec(), false),
        ("half a head", b"GET /healthz HTTP/1.1\r\nhost: x\r\n".to_vec(), false),
        ("a header from time to time", b"GET /healthz HTTP/1.1\r\nhost: x\r\n".to_vec(), true),
        ("half a head after a whole one", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /".to_vec(), false),
        ("HTTP/2's preface alone", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), false),
        ("half a frame", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0, 0]].concat(), false),
        (
            "a head of HTTP/2 without an end",
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[]), frame(HEADERS, 0, 1, &[0x82])].concat(),
            false,
        ),
    ];
    let closings = rows.iter().map(|(what, bytes, drips)| closed(stage, what, bytes, *drips));
    let mut came = futures_util::future::join_all(closings).await;
    came.push(neighbours(stage));
    came
}

async fn closed(stage: &Stage, what: &str, bytes: &[u8], drips: bool) -> Row {
    let (mut reader, mut writer) = dial(stage).await.into_split();
    writer.write_all(bytes).await.unwrap();
    let dripping = async {
        let mut ticks = interval(DRIP);
        for number in 0_u64.. {
            ticks.tick().await;
            if !drips || writer.write_all(format!("x-{number}: y\r\n").as_bytes()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let closes = async {
        tokio::select! { _ = to_end(&mut reader) => {}, () = dripping => {} }
    };
    let ended = timeout(NEVER, closes).await.is_ok();
    Row::holds(what, "closed", ended, || format!("open after {NEVER:?}"))
}

async fn bodies(stage: &Stage) -> Vec<Row> {
    let stage = &impatient(stage).await;
    let http = |query: &str, headers: &str| format!("{}{headers}\r\n\r\n", invoke_head(stage, query));
    let rows = [
        ("none of nine bytes", http("", "content-length: 9"), b"".as_slice(), "400 BAD_REQUEST"),
        ("a byte from time to time", http("", "content-length: 900000"), b" ", "400 BAD_REQUEST"),
        ("chunk by chunk", http("", "transfer-encoding: chunked"), b"1\r\n \r\n", "400 BAD_REQUEST"),
        ("past its own deadline", http("?timeout_ms=100", "content-length: 900000"), b" ", "504 DEADLINE"),
        ("promised, and never sent", http("?timeout_ms=100", "expect: 100-continue\r\ncontent-length: 9"), b"", "100, 504 DEADLINE"),
    ];
    let dripping = rows.iter().map(|(what, head, drop, expected)| async move {
        Row::new(*what, *expected, timeout(NEVER, dripped(stage, head, drop)).await.unwrap_or_else(|_| "silent".to_owned()))
    });
    let mut came: Vec<Row> = futures_util::future::join_all(dripping).await;
    for (what, drop, expected) in [
        ("a gRPC prefix alone", Vec::new(), "answered"),
        ("a gRPC message by the byte", frame(DATA, 0, 1, b" "), "answered"),
        ("empty frames of DATA", frame(DATA, 0, 1, b""), "answered"),
    ] {
        came.push(Row::new(what, expected, dripped_grpc(stage, &drop).await));
    }
    came.push(neighbours(stage));
    came
}

/// At the operators' listener, which has TLS alone here, so that the neighbours of this host need none.
async fn handshakes(stage: &Stage) -> Vec<Row> {
    let authority = Authority::new().unwrap();
    let pair = authority.issue(&["localhost"], Validity::Now).unwrap();
    let (cert_file, key_file) = (pair.cert_file.clone(), pair.key_file.clone());
    let start = Start::new(CHILD).set(move |settings| {
        settings.listen.admin_tls = Some(ServerTlsSettings { cert_file, key_file, client_ca_file: None, client_certificates: Default::default() });
    });
    let stage = &stage.elsewhere(Scene::of(stage.profile, start).await);
    let Endpoint::Tcp(uri) = stage.platform.admin() else { panic!("a host without TCP") };
    let address = uri.authority().unwrap().to_string();
    // A record of a handshake whose hello says that it has 508 bytes.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let rows = [
        ("nothing", Vec::new()),
        ("the first byte of a record", vec![0x16]),
        ("a part of a hello", hello.to_vec()),
        ("a record longer than any", vec![0x16, 3, 1, 0xff, 0xff, 1]),
        ("another record first", vec![0x17, 3, 3, 0, 1, 0]),
        ("SSL 2", vec![0x80, 0x2e, 1, 0, 2]),
        ("no TLS", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a hello of zeros", [hello.as_slice(), &[0; 505]].concat()),
    ];
    let closings = rows.iter().map(|(what, bytes)| {
        let address = &address;
        async move {
            let mut io = TcpStream::connect(address).await.unwrap();
            let _ = io.write_all(bytes).await;
            let ended = timeout(NEVER, to_end(&mut io)).await.is_ok();
            Row::holds(*what, "closed", ended, || format!("open after {NEVER:?}"))
        }
    });
    let mut came = futures_util::future::join_all(closings).await;
    came.push(neighbours(stage));
    came
}

/// Writes a head, then `drop` again and again until the host has answered.
async fn dripped(stage: &Stage, head: &str, drop: &[u8]) -> String {
    let (mut reader, mut writer) = dial(stage).await.into_split();
    writer.write_all(head.as_bytes()).await.unwrap();
    let drip = async {
        let mut ticks = interval(DRIP);
        loop {
            ticks.tick().await;
            if drop.is_empty() || writer.write_all(drop).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! { came = to_end(&mut reader) => answers(&came), () = drip => String::new() }
}

/// `answered` when the stream ends: with a status, since it never had a message.
async fn dripped_grpc(stage: &Stage, drop: &[u8]) -> String {
    let mut h2 = H2::dial(stage, &[]).await;
    h2.send(&[frame(HEADERS, END_HEADERS, 1, &grpc_head(stage)), frame(DATA, 0, 1, &[0, 0, 0, 4, 0])].concat()).await;
    let until = Instant::now() + NEVER;
    while Instant::now() < until {
        h2.send(drop).await;
        while let Some(came) = h2.next_within(DRIP).await {
            if came.stream == 1 && came.flags & END_STREAM != 0 {
                return "answered".to_owned();
            }
        }
    }
    "silent".to_owned()
}
