//! Small things that callers, issuers and registries send, one of each form.

use extensions_fuzz::issuer;
use extensions_proto::v1::{ExecutionContext, InvokeExtensionRequest, ListExtensionsRequest};
use extensions_types::{ControlState, Environment};
use prost::Message as _;

/// Target, name and bytes.
pub(super) fn all() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let ctx = ExecutionContext {
        tenant_id: "acme".to_owned(),
        user_id: "ada".to_owned(),
        actor_type: 1,
        session_id: "s-1".to_owned(),
        correlation_id: "c-1".to_owned(),
        env: "dev".to_owned(),
        risk_tier: 2,
        ..ExecutionContext::default()
    };
    let invoke = InvokeExtensionRequest {
        extension_id: "rule".to_owned(),
        version: "7".to_owned(),
        ctx: Some(ctx),
        input_json: "{\"a\":[1,2.5e3,null,\"\\u00e9\"]}".into(),
        hook_point: "BeforeCreateOrder".to_owned(),
        timeout_ms: 500,
        caller: "orders".to_owned(),
    };
    let mut all = vec![
        ("request", "invoke", invoke.encode_to_vec()),
        ("request", "list", ListExtensionsRequest { kind: 2 }.encode_to_vec()),
        ("json", "object", invoke.input_json.to_vec()),
        ("json", "deep", b"[".repeat(130)),
        ("json", "odd", b"{\"\\ud83d\\ude00\":-0.0e-1,\"\":[[],{}]}".to_vec()),
        ("schema", "object", SCHEMA.as_bytes().to_vec()),
        ("schema", "nested", NESTED.as_bytes().to_vec()),
        ("documents", "control", serde_json::to_vec(&ControlState::new(Environment::Dev)).unwrap_or_default()),
    ];
    for (name, text) in DOCUMENTS {
        all.push(("documents", name, text.as_bytes().to_vec()));
    }
    all.push(("token", "whole", format!("Bearer {}", issuer().1).into_bytes()));
    all.push(("token", "parts", TOKEN.as_bytes().to_vec()));
    for (name, text) in KEYS {
        all.push(("jwks", name, text.as_bytes().to_vec()));
    }
    all
}

const SCHEMA: &str = r##"{"type":"object","required":["net"],"properties":{"net":{"type":"number","minimum":0},"tier":{"enum":["gold","basic"]},"lines":{"type":"array","items":{"$ref":"#/$defs/line"},"uniqueItems":true}},"additionalProperties":false,"$defs":{"line":{"type":"string","pattern":"^[a-z]{1,8}$","maxLength":8}}}
{"net":1.5,"tier":"gold","lines":["a","b"]}"##;
const NESTED: &str = r#"{"allOf":[{"anyOf":[{"oneOf":[{"not":{"const":1}}],"unevaluatedProperties":false}],"unevaluatedProperties":false}],"unevaluatedProperties":false,"patternProperties":{"^x":{"if":{"type":"string"},"then":{"minLength":2},"else":{"contains":{"type":"null"},"minContains":1}}}}
{"x":"ab","y":[null]}"#;
/// Header, claims and signature, one to a line.
const TOKEN: &str = r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}
{"iss":"fuzz","sub":"ada","aud":["extensions-runtime"],"exp":1900000000,"nbf":1,"iat":1,"tenant":"acme","scope":"invoke","roles":["viewer"],"act":{"sub":"bot"}}
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"#;
const KEYS: [(&str, &str); 3] = [
    ("okp", r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig","alg":"EdDSA"}]}"#),
    (
        "ec",
        r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"b","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}]}"#,
    ),
    (
        "rsa",
        r#"{"keys":[{"kty":"RSA","kid":"c","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256"}]}"#,
    ),
];
/// One of each sort that the registry and the hosts read.
const DOCUMENTS: [(&str, &str); 3] = [
    (
        "switched",
        r#"{"schema":1,"env":"dev","generation":1,"applied_seq":3,"switches":[{"target":{"tenant":"acme"},"source":"operator","reason":"x","by":"ops","at_ms":1}],"quotas":[{"scope":{"tenant":"acme"},"source":"operator","limits":{"rate_per_s":5,"burst":9},"by":"ops","at_ms":1}]}"#,
    ),
    (
        "event",
        r#"{"schema":1,"seq":1,"at_ms":1,"command_id":"c-1","content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","actor":{"iss":"x","sub":"ada","type":"USER"},"change":{"type":"retired","version":1}}"#,
    ),
    (
        "entry",
        r#"{"schema":1,"tenant":"acme","extension":"rule","env":"dev","generation":0,"applied_seq":2,"enabled":true,"current":1,"hook_pins":{"Before":1},"last_good":1,"versions":{}}"#,
    ),
];
