//! Paths, queries and methods that another reader would take for something else.

use super::wire::{LAST, answers, exchange, serve_rule};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "path-tricks", about: "dots, slashes, nul and other spellings in paths", run: |stage| Box::pin(paths(stage)) },
    Attack { name: "query-tricks", about: "parameters twice, unknown, overlong, out of range", run: |stage| Box::pin(queries(stage)) },
    Attack { name: "method-tricks", about: "other methods, other listeners' paths, other protocols", run: |stage| Box::pin(methods(stage)) },
];

/// A good call's body under another first line.
async fn asked(stage: &Stage, line: &str) -> String {
    let token = stage.platform.token(&stage.attacker);
    let text = format!("{line}\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
    answers(&exchange(stage, text).await)
}

async fn paths(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let mut rows = Vec::new();
    let long = "a".repeat(10_000);
    let (of_id, nothing) = ("400 BAD_REQUEST", "404 BAD_REQUEST");
    for (what, path, expected) in [
        ("the usual one", "/v1/extensions/rule:invoke", "200"),
        ("dots", "/v1/extensions/../extensions/rule:invoke", nothing),
        ("encoded dots and slashes", "/v1/extensions/%2e%2e%2fneighbour%2frule:invoke", of_id),
        ("an encoded slash", "/v1/extensions/neighbour%2frule:invoke", of_id),
        ("a slash", "/v1/extensions/neighbour/rule:invoke", nothing),
        ("a backslash", "/v1/extensions/neighbour\\rule:invoke", of_id),
        ("an encoded backslash", "/v1/extensions/neighbour%5crule:invoke", of_id),
        ("two slashes", "//v1/extensions/rule:invoke", nothing),
        ("two slashes within", "/v1//extensions/rule:invoke", nothing),
        ("a slash at the end", "/v1/extensions/rule:invoke/", nothing),
        ("nul", "/v1/extensions/rule%00:invoke", of_id),
        ("nul and another ending", "/v1/extensions/rule%00.json:invoke", of_id),
        ("overlong UTF-8", "/v1/extensions/%c0%ae%c0%ae%c0%afrule:invoke", of_id),
        ("no UTF-8", "/v1/extensions/%ff%fe:invoke", of_id),
        ("encoded twice", "/v1/extensions/%2572ule:invoke", of_id),
        ("an encoding without digits", "/v1/extensions/%zzrule:invoke", of_id),
        ("an encoding cut short", "/v1/extensions/rule%:invoke", of_id),
        ("letters by their numbers", "/v1/extensions/%72ule:invoke", "200"),
        ("capitals", "/v1/extensions/RULE:invoke", of_id),
        ("capitals in the path", "/V1/Extensions/rule:invoke", nothing),
        ("another verb", "/v1/extensions/rule:delete", nothing),
        ("two verbs", "/v1/extensions/rule:invoke:invoke", of_id),
        ("an encoded colon", "/v1/extensions/rule%3ainvoke", nothing),
        ("parameters of the path", "/v1/extensions/rule;tenant=neighbour:invoke", of_id),
        ("no id", "/v1/extensions/:invoke", of_id),
        ("a space", "/v1/extensions/ru%20le:invoke", of_id),
        ("a line feed", "/v1/extensions/rule%0d%0ax-a:invoke", of_id),
        ("a letter that looks like one", "/v1/extensions/rul%d0%b5:invoke", of_id),
        ("10,000 letters", &*format!("/v1/extensions/{long}:invoke"), of_id),
        ("the operators' pages", "/admin/v1/status", nothing),
        ("the operators' switches", "/admin/v1/switches", nothing),
        ("the figures", "/metrics", nothing),
        ("from within to the operators", "/v1/extensions/%2e%2e/%2e%2e/admin/v1/status", nothing),
    ] {
        rows.push(Row::new(what, expected, asked(stage, &format!("POST {path} HTTP/1.1")).await));
    }
    rows
}

async fn queries(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let mut rows = Vec::new();
    let (long, many) = (format!("point={}", "x".repeat(129)), "&".repeat(9_000));
    for (what, query, expected) in [
        ("nothing but &", &*many, "200"),
        ("another environment", "env=prod", "400 BAD_REQUEST"),
        ("one twice", "env=dev&env=dev", "400 BAD_REQUEST"),
        ("one twice, once encoded", "env=dev&%65nv=prod", "400 BAD_REQUEST"),
        ("an unknown one", "tenant_id=neighbour", "400 BAD_REQUEST"),
        ("a token", "access_token=x", "400 BAD_REQUEST"),
        ("no UTF-8", "point=%ff", "400 BAD_REQUEST"),
        ("overlong UTF-8", "point=%c0%80", "400 BAD_REQUEST"),
        ("nul", "point=a%00b", "400 BAD_REQUEST"),
        ("a line feed", "point=a%0ab", "400 BAD_REQUEST"),
        ("an escape sequence", "point=%1b%5b2J", "400 BAD_REQUEST"),
        ("129 bytes", &*long, "400 BAD_REQUEST"),
        ("a version below one", "version=0", "400 BAD_REQUEST"),
        ("a version with a path", "version=..%2f1", "400 BAD_REQUEST"),
        ("a semicolon", "env=dev;point=x", "400 BAD_REQUEST"),
        ("a fragment", "env=dev#&env=prod", "200"),
    ] {
        rows.push(Row::new(what, expected, asked(stage, &format!("POST /v1/extensions/rule:invoke?{query} HTTP/1.1")).await));
    }
    rows
}

async fn methods(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let mut rows = Vec::new();
    let invoke = "/v1/extensions/rule:invoke";
    for (what, line, expected) in [
        ("GET", format!("GET {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("PUT", format!("PUT {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("DELETE", format!("DELETE {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("TRACE", format!("TRACE {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("a made-up one", format!("INVOKE {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("small letters", format!("post {invoke} HTTP/1.1"), "405 BAD_REQUEST"),
        ("OPTIONS of everything", "OPTIONS * HTTP/1.1".to_owned(), "404 BAD_REQUEST"),
        ("an absolute address", format!("POST http://elsewhere{invoke} HTTP/1.1"), "200"),
        ("a proxy's request", "CONNECT 169.254.169.254:80 HTTP/1.1".to_owned(), "404 BAD_REQUEST"),
        ("gRPC's path over HTTP/1", "POST /ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension HTTP/1.1".to_owned(), "415 BAD_REQUEST"),
        ("HTTP/3.0", format!("POST {invoke} HTTP/3.0"), "400"),
        ("HTTP/0.9", "GET /healthz".to_owned(), "400"),
        ("no version", format!("POST {invoke} HTTP/"), "400"),
        ("a tab between", format!("POST\t{invoke} HTTP/1.1"), "400"),
    ] {
        rows.push(Row::new(what, expected, asked(stage, &line).await));
    }
    for (what, bytes) in [
        ("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], [0x55; 256].as_slice()].concat()),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()),
        ("Redis", b"*1\r\n$4\r\nPING\r\n\r\n".to_vec()),
        ("a proxy's head", b"PROXY TCP4 127.0.0.1 10.0.0.1 1 2\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("nul bytes", vec![0; 4_096]),
        ("a tunnel's head", b"\x05\x01\x00\x05\x01\x00\x03\r\n\r\n".to_vec()),
    ] {
        let got = answers(&exchange(stage, [bytes, LAST.as_bytes().to_vec()].concat()).await);
        rows.push(Row::new(what, "400", got));
    }
    rows
}
