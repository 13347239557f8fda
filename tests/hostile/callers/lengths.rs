//! Requests that lie about where they end: lengths, chunks, and two readings of one text.

use super::wire::{LAST, answers, exchange, invoke_head, serve_rule};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "body-lengths", about: "content-length: negative, huge, twice, too short", run: |stage| Box::pin(lengths(stage)) },
    Attack { name: "lying-chunks", about: "chunked bodies whose sizes lie", run: |stage| Box::pin(chunks(stage)) },
    Attack { name: "request-smuggling", about: "a request that two readers end at different places", run: |stage| Box::pin(smuggling(stage)) },
    Attack { name: "pipelining-flood", about: "thousands of requests in one write", run: |stage| Box::pin(pipelining(stage)) },
];

/// What a smuggled request would be: one without a token, so that an answer to it is a 401.
const SMUGGLED: &str = "GET /v1/extensions HTTP/1.1\r\nhost: x\r\n\r\n";

/// Each row: the headers that end the head, and all that follows.
async fn ends(stage: &Stage, rows: &[(&str, &str, &str, &str)]) -> Vec<Row> {
    serve_rule(stage).await;
    let mut came = Vec::new();
    for (what, headers, rest, expected) in rows {
        let text = format!("{}{headers}\r\n\r\n{rest}{LAST}", invoke_head(stage, "?timeout_ms=500"));
        came.push(Row::new(*what, *expected, answers(&exchange(stage, text).await)));
    }
    came
}

async fn lengths(stage: &Stage) -> Vec<Row> {
    let refused = "400";
    let mut rows = ends(
        stage,
        &[
            ("negative", "content-length: -1", "", refused),
            ("a sign", "content-length: +2", "{}", refused),
            ("hexadecimal", "content-length: 0x2", "{}", refused),
            ("beyond 64 bits", "content-length: 18446744073709551618", "{}", refused),
            ("two in one", "content-length: 2, 3", "{}", refused),
            ("two that differ", "content-length: 2\r\ncontent-length: 30", "{}", refused),
            ("empty", "content-length: ", "{}", refused),
            ("two numbers", "content-length: 2 0", "{}", refused),
            ("an exponent", "content-length: 2e0", "{}", refused),
            ("18 exabytes", "content-length: 18446744073709551614", "{}", "431"),
            ("a byte above the limit", "content-length: 8388609", "{}", "413 INPUT_TOO_LARGE"),
            // The rest begins the next request, which is none.
            ("shorter than its body", "content-length: 2", "{}{\"more\":1}", "200, 400"),
            ("longer than its body", "content-length: 4000", "{}", "504 DEADLINE"),
            ("none at all", "x-none: 1", "", "400 BAD_REQUEST, 200"),
        ],
    )
    .await;
    // Two that agree are one by the letter of RFC 9112; refusing them is as good.
    let text = format!("{}content-length: 2\r\ncontent-length: 2\r\n\r\n{{}}{LAST}", invoke_head(stage, ""));
    let got = answers(&exchange(stage, text).await);
    rows.push(Row::holds("two that agree", "400, or one answer", got == "400" || got == "200, 200", || got.clone()));
    rows
}

async fn chunks(stage: &Stage) -> Vec<Row> {
    const CHUNKED: &str = "transfer-encoding: chunked";
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(20_000));
    let trailers = format!("2\r\n{{}}\r\n0\r\n{}\r\n", "x-t: 1\r\n".repeat(2_000));
    let long_trailer = format!("2\r\n{{}}\r\n0\r\nx-t: {}\r\n\r\n", "x".repeat(70_000));
    let broken = "400 BAD_REQUEST";
    ends(
        stage,
        &[
            ("an honest one", CHUNKED, "2\r\n{}\r\n0\r\n\r\n", "200, 200"),
            ("a size beyond 64 bits", CHUNKED, "10000000000000002\r\n{}\r\n0\r\n\r\n", broken),
            ("the largest size", CHUNKED, "ffffffffffffffff\r\n{}\r\n0\r\n\r\n", "504 DEADLINE"),
            ("a negative size", CHUNKED, "-2\r\n{}\r\n0\r\n\r\n", broken),
            ("a size with 0x", CHUNKED, "0x2\r\n{}\r\n0\r\n\r\n", broken),
            ("no size", CHUNKED, "\r\n{}\r\n0\r\n\r\n", broken),
            ("more bytes than it says", CHUNKED, "2\r\n{}{}\r\n0\r\n\r\n", broken),
            ("a bare line feed", CHUNKED, "2\n{}\r\n0\r\n\r\n", broken),
            ("an extension of 20 kB", CHUNKED, &extension, broken),
            ("2,000 trailers", CHUNKED, &trailers, broken),
            ("a trailer of 70 kB", CHUNKED, &long_trailer, broken),
            ("it never ends", CHUNKED, "2\r\n{}\r\n", broken),
        ],
    )
    .await
}

async fn smuggling(stage: &Stage) -> Vec<Row> {
    let (chunked, whole) = (format!("0\r\n\r\n{SMUGGLED}"), format!("2\r\n{{}}\r\n0\r\n\r\n{SMUGGLED}"));
    let mut rows = ends(
        stage,
        &[
            ("both lengths and chunks", "content-length: 4\r\ntransfer-encoding: chunked", &chunked, "400 BAD_REQUEST"),
            ("chunks, then a length", "transfer-encoding: chunked\r\ncontent-length: 4", &chunked, "400 BAD_REQUEST"),
            ("both, around a good body", "content-length: 2\r\ntransfer-encoding: chunked", &whole, "200"),
            ("an unknown coding", "transfer-encoding: xchunked", &chunked, "400"),
            ("chunked is not the last", "transfer-encoding: chunked, identity", &chunked, "400"),
            ("two codings headers", "transfer-encoding: chunked\r\ntransfer-encoding: identity", &chunked, "400"),
            ("a space before the colon", "transfer-encoding : chunked", &chunked, "400"),
            ("a folded line", "transfer-encoding:\r\n chunked", &chunked, "400"),
            ("a vertical tab", "transfer-encoding: \u{b}chunked", &chunked, "400"),
            ("a folded header", "x-a: 1\r\n\tcontent-length: 2", "{}", "400"),
            ("a name with a space", "content length: 2\r\nx-a: 1", "{}", "400"),
            ("a nul in a value", "x-a: 1\0\r\ncontent-length: 2", "{}", "400"),
            ("a carriage return in a value", "x-a: 1\rcontent-length: 50\r\ncontent-length: 2", "{}", "400"),
            ("no colon", "x-a\r\ncontent-length: 2", "{}", "400"),
            ("an empty name", ": 1\r\ncontent-length: 2", "{}", "400"),
        ],
    )
    .await;
    // What others count as an end of a line must not hide a request.
    let head = invoke_head(stage, "");
    for (what, text) in [
        ("line feeds alone", format!("{head}content-length: 2\r\n\r\n{{}}GET /healthz HTTP/1.1\nhost: x\nconnection: close\n\n")),
        ("HTTP/1.0 with chunks", format!("{}transfer-encoding: chunked\r\n\r\n{chunked}", head.replace("HTTP/1.1", "HTTP/1.0"))),
        ("a body on GET", format!("GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{SMUGGLED}{LAST}", SMUGGLED.len())),
        ("an upgrade", format!("{head}upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\n{{}}{LAST}")),
    ] {
        let got = answers(&exchange(stage, text).await);
        rows.push(Row::holds(what, "no answer to the smuggled request", !got.contains("401"), || got.clone()));
    }
    rows
}

/// Answers come in order, one for each request, whatever stands between them.
async fn pipelining(stage: &Stage) -> Vec<Row> {
    const REQUESTS: usize = 2_000;
    serve_rule(stage).await;
    let head = invoke_head(stage, "");
    let call = |number: usize| {
        let body = format!("{{\"n\":{number}}}");
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    let calls: String = (0..REQUESTS).map(call).collect();
    let got = String::from_utf8_lossy(&exchange(stage, calls + LAST).await).into_owned();
    let numbers: Vec<usize> = got.split("{\"n\":").skip(1).filter_map(|rest| rest.split('}').next()?.parse().ok()).collect();
    let in_order = numbers == (0..REQUESTS).collect::<Vec<_>>();
    let probes = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(5 * REQUESTS);
    let probed = answers(&exchange(stage, probes + LAST).await).split(", ").filter(|answer| *answer == "200").count();
    let middle = format!("{}{}{}{LAST}", call(1), "GARBAGE\u{1}\r\n\r\n", call(2));
    vec![
        Row::holds("calls", "each answered in its turn", in_order, || format!("{} answers", numbers.len())),
        Row::new("probes", (5 * REQUESTS + 1).to_string(), probed.to_string()),
        Row::new("garbage between two", "200, 400", answers(&exchange(stage, middle).await)),
    ]
}
