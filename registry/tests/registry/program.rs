//! The program: listeners, health, reflection, metrics, audit, drain, settings.

use std::{process::Command, time::Duration};

use extensions_identity::DevKey;
use extensions_registry::{Registry, RegistrySettings};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::stage::{ISSUER, Who, client, send, token};

pub(crate) fn settings(key: &DevKey, dir: &std::path::Path) -> RegistrySettings {
    let text = format!(
        "[listen]\naddress = '127.0.0.1:0'\nadmin_address = '127.0.0.1:0'\ndrain_notice_ms = 0\ndrain_timeout_ms = 2000\n\
         [store]\ndir = '{0}/store'\n[stores.prod]\ndir = '{0}/prod'\n[audit]\ndir = '{0}/audit'\n\
         [identity]\nallow_development = true\n[[identity.issuers]]\nissuer = '{ISSUER}'\njwks = '{1}'\ntenants = 'all'\nmay_operate = true\ndevelopment = true\n",
        dir.display(),
        key.jwks(),
    );
    std::fs::create_dir_all(dir.join("store")).unwrap();
    std::fs::create_dir_all(dir.join("prod")).unwrap();
    RegistrySettings::parse(&text, []).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_serves_until_it_is_drained() {
    let (key, dir) = (DevKey::generate().unwrap(), tempfile::tempdir().unwrap());
    let mut registry = Registry::start(&settings(&key, dir.path())).await.unwrap();
    registry.ready().await;
    let addresses = registry.addresses();
    let (main, admin) = (addresses.main, addresses.admin.unwrap());
    for address in [main, admin] {
        assert_eq!(send(address, "", "GET", "/readyz", &[], Vec::new()).await.status, 200);
        assert_eq!(send(address, "", "GET", "/healthz", &[], Vec::new()).await.status, 200);
    }
    let mut health = HealthClient::new(tonic::transport::Endpoint::from_shared(format!("http://{main}")).unwrap().connect_lazy());
    for service in ["", "ameide.extensions.v1.ExtensionRegistry"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{service:?} is serving");
    }
    let who = Who::person("ann");
    let answer = send(main, &token(&key, &who), "GET", "/v1/registry/extensions/..", &[], Vec::new()).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    let mut watch = client(main, token(&key, &who)).watch(extensions_proto::v1::WatchRequest::default()).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    let metrics = send(admin, "", "GET", "/metrics", &[], Vec::new()).await.body;
    assert!(metrics.contains(r#"extensions_registry_requests_total{method="GetExtension",code="BAD_REQUEST"} 1"#), "{metrics}");
    assert_eq!(send(main, "", "GET", "/metrics", &[], Vec::new()).await.status, 401, "metrics are for the second listener");
    let drained = registry.drain().await;
    assert_eq!(drained.cut, 0, "a watch ends by itself");
    assert!(watch.message().await.is_err());
    assert!(tokio::net::TcpStream::connect(main).await.is_err());
    audit_names_the_refusal(&dir.path().join("audit"));
}

/// The writer ends with the registry's last hand on it, so the line comes soon.
fn audit_names_the_refusal(dir: &std::path::Path) {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let file = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        if text.contains(r#""code":"BAD_REQUEST""#) && text.contains("ann@") {
            assert!(file.file_name().unwrap().to_str().unwrap().starts_with("refusals-"));
            return;
        }
        assert!(std::time::Instant::now() < until, "the refusal is not in {text}");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let (key, dir) = (DevKey::generate().unwrap(), tempfile::tempdir().unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&key, dir.path());
    settings.listen.address = taken.local_addr().unwrap();
    let error = Registry::start(&settings).await.unwrap_err();
    assert!(error.to_string().contains(&settings.listen.address.to_string()), "{error}");
}

pub(crate) fn program(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_extensions-registry")).args(arguments).env_clear().output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_checks_its_settings_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("registry.toml");
    let store = dir.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let key = DevKey::generate().unwrap();
    let issuer = format!("[[identity.issuers]]\nissuer = 'https://id.example'\njwks = '{}'\ntenants = 'all'\n", key.jwks());
    std::fs::write(&file, format!("[store]\ndir = '{}'\n{issuer}", store.display())).unwrap();
    let config = file.to_str().unwrap();
    assert_eq!(program(&["--config", config, "--check"]).0, 0);
    let (code, out, _) = program(&["gc", "--config", config]);
    assert_eq!(code, 0, "an empty store has no garbage");
    assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "a report is JSON: {out}");
    let (code, _, err) = program(&["backup", "--config", config]);
    assert_eq!(code, 2);
    assert!(err.contains("[backup]"), "{err}");
    let (code, _, err) = program(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("--config"), "{err}");
    for (text, word) in
        [("[store]\n[identity]\n", "`dir` or `s3`"), ("[store]\ndir = 'x'\n", "identity"), ("[store]\ndir='x'\n[identity]\ncolour = 1\n", "colour")]
    {
        std::fs::write(&file, text).unwrap();
        let (code, _, err) = program(&["--config", config, "--check"]);
        assert_eq!(code, 2, "{text}");
        assert!(err.contains(word), "{word}: {err}");
    }
    let (code, help, _) = program(&["--help"]);
    assert_eq!(code, 0);
    for word in ["EXT_LISTEN_ADDRESS", "SIGTERM", "Exit codes", "rebuild", "erase"] {
        assert!(help.contains(word), "{word} is missing in --help");
    }
}
