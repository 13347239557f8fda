//! What counts as a secret and what does not: one table each.

use extensions_compiler_core::{
    Code, Expected, check,
    secrets::{Scanned, scan_data, scan_files, scan_text},
};
use extensions_types::Kind;

use crate::kit::{EVALUATE, LOG, as_kind, codes, module};

/// Lines that hold a secret; each as its own file. Cut in two, so that scanners of code hosts let this file pass.
const SECRETS: &[(&str, &str)] = &[
    ("src/lib.rs", concat!("const KEY: &str = \"AKIA", "Z7QX3LMN5RTY2WVB\";")),
    ("src/lib.rs", concat!("// ghp", "_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")),
    ("src/lib.rs", concat!("let t = \"github", "_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789\";")),
    ("main.go", concat!("token := \"glpat", "-x7Yz2Kq9Lm4Np6Rt8Vw1\"")),
    ("index.ts", concat!("const s = 'xoxb", "-123456789012-1234567890123-AbCdEfGhIjKlMnOp';")),
    ("index.ts", concat!("fetch(\"https://hooks.slack", ".com/services/T0A1B2C3D/B4E5F6G7H/i8J9k0L1m2N3o4P5\")")),
    ("src/lib.rs", concat!("\"sk", "_live_4eC39HqLyjWDarjtT1zdp7dc\"")),
    ("src/lib.rs", concat!("\"AIza", "SyD3kLm9Qw2Er5Ty8Ui1Op4As7Df0Gh3JkL\"")),
    ("src/lib.rs", concat!("\"sk-ant", "-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3\"")),
    ("src/lib.rs", concat!("let jwt = \"eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U\";")),
    ("src/db.rs", "let url = \"postgres://app:h7Kq92mX@db.internal:5432/orders\";"),
    ("src/db.rs", "let url = \"redis://:tr0ub4dor@cache:6379\";"),
    ("src/lib.rs", "const DB_PASSWORD: &str = \"correct-horse-42\";"),
    ("src/lib.rs", "let password = \"hunter2hunter2\";"),
    ("config.json", "{\"client_secret\": \"9f86d081884c7d65\"}"),
    ("config.json", "{\"api-key\":\"q7w8e9r0t1y2\"}"),
    ("index.ts", "export const apiToken: string = \"p0o9i8u7y6t5\";"),
    ("main.go", "secretKey := \"zx81-spectrum-48k\""),
    ("main.go", "var accessToken string = \"a1b2c3d4e5f6\""),
    ("extension.toml", "signing_key = \"0123456789abcdef0123456789abcdef\""),
    (".env", "DATABASE_PASSWORD=s3cr3t-p4ss"),
    ("settings.ini", "auth_token = 7f3kd92mzq81"),
    ("src/lib.rs", "let seed = \"k9XvQ2mZr7LpW4tYc8NfB3sDhJ6g\";"),
    ("src/lib.rs", "let blob = \"Zm9vQ8xR2dT7uVbN3kL0pAyW5sE1jHc4GiU6oXq9\";"),
    (
        "key.pem",
        concat!(
            "-----BEGIN ",
            "RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA3Tz2mr7SZiAMfQyuvBjM9OiJ\nsqXhD5aMxO7kq2wT9cN1vB8u\n-----END RSA PRIVATE KEY-----"
        ),
    ),
    ("src/key.rs", concat!("const K: &str = \"-----BEGIN ", "PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMRE\\n\";")),
];

/// Lines that look alike and hold none.
const HARMLESS: &[(&str, &str)] = &[
    ("src/lib.rs", "let id = \"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"; // a uuid"),
    ("src/lib.rs", "const EMPTY_SHA256: &str = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\";"),
    ("src/lib.rs", "assert_eq!(digest, \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\");"),
    ("Cargo.lock", "checksum = \"b6c8d3a9e1f2475a8b3c9d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a\""),
    ("package-lock.json", "\"integrity\": \"sha512-q8Fh3Zc+Xv9mK2nP7sT5wY1uB4dG6jL0oR8iE3aC5xN7vM9kQ2pW4tS6yU1hF8gD==\""),
    ("go.sum", "github.com/x/y v1.0.0 h1:9fHAtK0uDfpveeqqo1hkEZJcFvYXAiCN3UutL8F9xHw="),
    ("index.html", "<script integrity=\"sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC\">"),
    ("src/logo.ts", "const logo = \"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\";"),
    ("src/lib.rs", "const ALPHABET: &str = \"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\";"),
    ("src/lib.rs", "let password = \"\";"),
    ("src/lib.rs", "let password = std::env::var(\"DATABASE_PASSWORD\");"),
    ("README.md", "Set `password = \"changeme\"` first."),
    ("README.md", "export API_TOKEN=<your token>"),
    ("README.md", "api_key = \"${API_KEY}\""),
    ("README.md", concat!("aws_access_key_id = AKIA", "IOSFODNN7EXAMPLE")),
    ("README.md", "postgres://user:password@localhost/db"),
    ("docker-compose.yml", "url: postgres://app:${DB_PASSWORD}@db/app"),
    ("src/lib.rs", "let url = \"https://example.com:8080/a@b\";"),
    ("src/lib.rs", "return Err(\"the password must have 12 characters\".into());"),
    ("src/lib.rs", "const FIELD: &str = \"password\"; const OTHER: &str = \"secret_name\";"),
    ("src/lib.rs", "let token = \"end-of-input\";"),
    ("src/parse.rs", "Token::Name => \"identifier2\","),
    ("src/lib.rs", "#[serde(rename = \"derivedFieldsOfOrder2Items\")]"),
    ("src/lib.rs", "host_calls = [\"orders.getOrderV2WithItems\"]"),
    ("src/lib.rs", "use ameide_extensions::domain_hook; // ameide:extensions/host-calls@1.0.0"),
    ("src/lib.rs", "if pem.starts_with(\"-----BEGIN PRIVATE KEY-----\") { parse(pem) }"),
    ("src/lib.rs", "const CODE: &str = \"DISCOUNT_ABOVE_CEILING_2024_Q3_EMEA\";"),
    ("tests/case.json", "{\"vat_id\": \"DE136695976\", \"iban\": \"DE89370400440532013000\"}"),
    ("tests/case.json", "{\"correlation_id\": \"01890a5d-ac96-774b-bcce-b302099a8057\", \"trace\": \"4bf92f3577b34da6a3ce929d0e0e4736\"}"),
    ("src/lib.rs", "const PATH: &str = \"/v1/Customers/OrderItems2/ShippingAddress\";"),
    ("src/lib.rs", "commit = \"28679c5d1f0a9b7c6e5d4c3b2a1908f7e6d5c4b3\""),
];

fn scan(file: &str, text: &str) -> Scanned {
    scan_text(file, text)
}

#[test]
fn every_secret_is_found_and_none_is_shown() {
    let mut missed = Vec::new();
    for &(file, text) in SECRETS {
        let Scanned { findings, waivers } = scan(file, text);
        if findings.len() != 1 || !waivers.is_empty() || findings[0].code != Code::EmbeddedSecret {
            missed.push((file, text, findings));
            continue;
        }
        assert_eq!(findings[0].place, format!("{file}:1"));
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 12).collect();
        assert!(!words.iter().any(|word| findings[0].message.contains(word)), "{} shows {text}", findings[0].message);
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn nothing_harmless_is_found() {
    let found: Vec<_> = HARMLESS.iter().map(|&(file, text)| (text, scan(file, text))).filter(|(_, scanned)| *scanned != Scanned::default()).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_examples_of_this_repository_hold_none() {
    let files = [
        ("vat/src/lib.rs", include_str!("../../../../guest-examples/vat/src/lib.rs")),
        ("order-discount/src/lib.rs", include_str!("../../../../guest-examples/order-discount/src/lib.rs")),
        ("lead-routing/src/lib.rs", include_str!("../../../../guest-examples/lead-routing/src/lib.rs")),
        ("wit/extensions.wit", include_str!("../../../../wit/extensions.wit")),
    ];
    for (file, text) in files {
        assert_eq!(scan(file, text), Scanned::default(), "{file}");
    }
}

#[test]
fn a_marker_asks_and_does_not_grant() {
    let key = "let password = \"hunter2hunter2\";";
    let before = scan("a.rs", &format!("// ext:allow-secret a test account\n{key}\n{key}"));
    assert_eq!((before.waivers.len(), before.findings.len()), (1, 1), "the marker holds for one line: {before:?}");
    let waiver = &before.waivers[0];
    assert_eq!((waiver.rule.as_str(), waiver.place.as_str(), waiver.reason.as_str()), ("embedded_secret", "a.rs:2", "a test account"));
    assert!(waiver.fingerprint.ends_with(":14") && !format!("{waiver:?}").contains("hunter2"));
    let same = scan("b.rs", &format!("{key} /* ext:allow-secret a test account */"));
    assert_eq!(same.waivers[0].fingerprint, waiver.fingerprint, "the same secret has the same fingerprint everywhere");
    let silent = scan("a.rs", &format!("{key} // ext:allow-secret"));
    assert_eq!((silent.findings[0].code, silent.waivers.len()), (Code::BadMarker, 0));
}

#[test]
fn every_file_is_scanned_and_waivers_are_bounded() {
    let line = |number: usize| format!("let password = \"hunter2hunter{number}\"; // ext:allow-secret a test account\n");
    let many: String = (0..20).map(line).collect();
    let scanned = scan_files([("a.rs", many.as_bytes()), ("b.bin", &b"\xff\xfe postgres://app:h7Kq92mX@db"[..])]);
    assert_eq!(scanned.waivers.len(), 16);
    let bad = scanned.findings.iter().filter(|finding| finding.code == Code::BadMarker).count();
    assert_eq!((bad, scanned.findings.last().unwrap().place.as_str()), (4, "b.bin + 18"));
}

fn guest_with(data: &str) -> Vec<u8> {
    module(
        "domain-hook",
        LOG,
        &format!("{EVALUATE} (data (i32.const 8) \"called `Option::unwrap()` on a `None` value\") (data (i32.const 64) \"{data}\")"),
    )
}

#[test]
fn data_is_scanned_in_modules_and_components() {
    let token = concat!("src/lib.rsghp", "_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8 and more");
    let bytes = guest_with(token);
    assert_eq!(scan_data(&bytes)[0].place, "data segment 1 + 10");
    let report = check(&bytes, as_kind(Kind::DomainHook));
    assert_eq!(codes(&report), [Code::EmbeddedSecret]);
    assert!(report.component.is_none() && report.facts.is_some());
    assert_eq!(codes(&check(&guest_with("nothing to hide"), as_kind(Kind::DomainHook))), []);
}

#[test]
fn what_the_source_asks_to_let_pass_is_not_refused_in_data() {
    let secret = "Zm9vQ8xR2dT7uVbN3kL0pAyW5sE1jHc4GiU6oXq9";
    let bytes = guest_with(&format!("panicked{secret}"));
    assert_eq!(codes(&check(&bytes, as_kind(Kind::DomainHook))), [Code::EmbeddedSecret]);
    let source = format!("// ext:allow-secret a public key\nconst KEY: &str = \"{secret}\";");
    let waivers = scan_files([("src/lib.rs", source.as_bytes())]).waivers;
    let expected = Expected { waivers: &waivers, ..as_kind(Kind::DomainHook) };
    assert_eq!(codes(&check(&bytes, expected)), []);
    let other = guest_with("Zm9vQ8xR2dT7uVbN3kL0pAyW5sE1jHc4GiU6oXq8");
    assert_eq!(codes(&check(&other, expected)), [Code::EmbeddedSecret], "a waiver holds for one secret");
}

#[test]
fn time_is_linear_in_the_bytes() {
    let hostile = ["eyJ", "-----BEGIN ", "://a:", "password=", "\"", "AKIA", "A1b", "ext:allow-secret "];
    for part in hostile {
        let cost = |bytes: usize| {
            let text = part.repeat(bytes / part.len());
            let start = std::time::Instant::now();
            let scanned = scan_files([("a.rs", text.as_bytes()), ("a.bin", &[text.as_bytes(), b"\xff"].concat())]);
            assert!(scanned.findings.len() <= 100);
            start.elapsed()
        };
        // Some 100 ms for a megabyte in the worst case here; a quadratic scan takes minutes.
        assert!(cost(1 << 20).as_secs() < 5, "{part}");
    }
}
