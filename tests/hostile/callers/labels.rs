//! Ids and deadlines of the caller's choosing.

use extensions_proto::v1::{ExecutionContext, InvokeExtensionRequest};
use extensions_test_support::{Guest, Request, log};
use extensions_types::Kind;

use super::{
    grpc::{Raw, good, under},
    wire::serve_rule,
};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "log-injection",
        about: "correlation ids and other labels that would forge a line of the log",
        run: |stage| Box::pin(injection(stage)),
    },
    Attack { name: "deadline-tricks", about: "deadlines of nothing, of forever, and malformed ones", run: |stage| Box::pin(deadlines(stage)) },
];

const INVOKE: &str = "/v1/extensions/rule:invoke";

fn correlated(id: &str) -> InvokeExtensionRequest {
    under(ExecutionContext { correlation_id: id.to_owned(), ..Default::default() })
}

async fn injection(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let forged = "c-1\n{\"level\":\"ERROR\",\"message\":\"forged by the attacker\"}";
    let long = "c".repeat(129);
    let labels = [
        ("a line", forged),
        ("an escape sequence", "c-1\u{1b}[2J\u{1b}[31mforged by the attacker"),
        ("nul", "c-1\0forged by the attacker"),
        ("a carriage return", "c-1\rforged by the attacker"),
        ("a line separator", "c-1\u{2028}forged by the attacker"),
        ("text that turns around", "c-1\u{202e}rekcatta"),
        ("a space", "c-1 forged by the attacker"),
        ("129 bytes", &long),
        ("a delete", "c-1\u{7f}"),
    ];
    let mut rows = Vec::new();
    for (what, label) in labels {
        let message = correlated(label);
        rows.push(Row::new(format!("correlation id: {what}"), "BAD_REQUEST", Raw::new(stage, &message).send(stage).await));
        let message = InvokeExtensionRequest { hook_point: label.to_owned(), ..good() };
        rows.push(Row::new(format!("hook point: {what}"), "BAD_REQUEST", Raw::new(stage, &message).send(stage).await));
        let message = InvokeExtensionRequest { caller: label.to_owned(), ..good() };
        rows.push(Row::new(format!("caller: {what}"), "BAD_REQUEST", Raw::new(stage, &message).send(stage).await));
    }
    for (what, label) in [("quotes and braces", "c\"},{\"level\":\"ERROR\",\"x\":\""), ("percent and dollar", "c%0a$(id)`id`${x}")] {
        rows.push(Row::new(format!("correlation id: {what}"), "OK {}", Raw::new(stage, &correlated(label)).send(stage).await));
    }
    for (what, value) in [("no ASCII", "c-\u{e9}"), ("a tab", "c-1\tx"), ("a space", "c-1 x")] {
        let request = Request::new("POST", INVOKE).token(&stage.platform.token(&stage.attacker)).header("x-ameide-correlation-id", value);
        rows.push(Row::new(format!("header: {what}"), "BAD_REQUEST", request.body("{}").send(&stage.platform.tcp()).await.error_code()));
    }
    // A guest's line is a text within a line of its own.
    let guest = Guest::new(Kind::ProcessHook, "(call $log (call $line)) (call $ok (call $answer))").text("line", forged).text("answer", "{}");
    stage.serve("logs", Kind::ProcessHook, "", guest.component()).await.1.unwrap();
    rows.push(Row::new("a guest's line", "OK {}", stage.call("logs").await.answer()));
    let bad = log::lines(|line| line["level"] == "ERROR" && line["message"] == "forged by the attacker").len();
    rows.push(Row::new("forged lines in the host's log", "0", bad.to_string()));
    rows
}

async fn deadlines(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let spin = Guest::new(Kind::ProcessHook, "(loop $again (br $again)) (unreachable)").component();
    stage.serve("spins", Kind::ProcessHook, "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n", spin).await.1.unwrap();
    let mut rows = Vec::new();
    for (value, expected) in [
        ("0m", "DEADLINE"),
        ("1n", "DEADLINE"),
        ("0H", "DEADLINE"),
        ("99999999H", "OK {}"),
        ("99999999n", "OK {}"),
        ("", "BAD_REQUEST"),
        ("-1S", "BAD_REQUEST"),
        ("+1S", "BAD_REQUEST"),
        ("1", "BAD_REQUEST"),
        ("S", "BAD_REQUEST"),
        ("1.5S", "BAD_REQUEST"),
        ("1e3S", "BAD_REQUEST"),
        ("0x1S", "BAD_REQUEST"),
        ("123456789S", "BAD_REQUEST"),
        ("1s", "BAD_REQUEST"),
        ("1S 1S", "BAD_REQUEST"),
        ("NaNS", "BAD_REQUEST"),
    ] {
        let raw = Raw::new(stage, &good()).header("grpc-timeout", value);
        rows.push(Row::new(format!("grpc-timeout: {value:?}"), expected, raw.send(stage).await));
    }
    for (value, expected) in [
        ("0", "200"),
        ("4294967295", "200"),
        ("-1", "400 BAD_REQUEST"),
        ("4294967296", "400 BAD_REQUEST"),
        ("1e3", "400 BAD_REQUEST"),
        ("1.5", "400 BAD_REQUEST"),
        ("0x10", "400 BAD_REQUEST"),
        ("%201", "400 BAD_REQUEST"),
        ("forever", "400 BAD_REQUEST"),
    ] {
        let request = Request::new("POST", format!("{INVOKE}?timeout_ms={value}")).token(&stage.platform.token(&stage.attacker));
        let reply = request.body("{}").send(&stage.platform.tcp()).await;
        let told = format!("{} {}", reply.status, reply.error_code());
        rows.push(Row::new(format!("timeout_ms: {value}"), expected, told.trim().to_owned()));
    }
    // No deadline lets a guest have more than its own limits.
    let spins = InvokeExtensionRequest { extension_id: "spins".to_owned(), timeout_ms: u32::MAX, ..good() };
    rows.push(Row::new("forever, for one that spins", "CPU_LIMIT", Raw::new(stage, &spins).header("grpc-timeout", "99999999H").send(stage).await));
    let spins = InvokeExtensionRequest { timeout_ms: 30, ..spins };
    rows.push(Row::new("30 ms, for one that spins", "DEADLINE", Raw::new(stage, &spins).send(stage).await));
    rows
}
