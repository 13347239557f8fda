//! Source of every language, built by a worker of its own and served by a host.

use std::{path::PathBuf, time::Instant};

use extensions_test_support::PATIENCE;
use serde_json::Value;

use crate::{
    cast::{Fleet, Host},
    programs::Server,
};

/// An example of each language, and the case of it that is called.
const SOURCES: [(&str, &str); 3] = [("order-discount", "within"), ("lead-routing-go", "score"), ("vat-assemblyscript", "export")];

fn example(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../guest-examples").join(folder)
}

/// The folder that `ext toolchain install` filled.
fn toolchains() -> PathBuf {
    std::env::var_os("EXT_HOME").expect("EXT_HOME names the folder that `ext toolchain install` filled").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn source_of_every_language_is_built_by_a_worker_and_served() {
    let fleet = Fleet::without_redis().await;
    let dev = fleet.host("dev", "dev").await;
    let worker = Server::start_worker(&fleet.worker_settings("worker", &toolchains(), fleet.registry.address()), &[]).await;
    for (folder, case) in SOURCES {
        let path = example(folder);
        let pushed = fleet.push_source(path.to_str().unwrap()).await;
        assert_eq!(pushed.code, 0, "{folder}: {}{}", pushed.stdout, pushed.stderr);
        assert_eq!(pushed.json()["origin"], "source", "{}", pushed.stdout);
        fleet.done(&["promote", &format!("{folder}@1"), "--to", "dev"]).await;
        let case: Value = serde_json::from_slice(&std::fs::read(path.join(format!("tests/{case}.json"))).unwrap()).unwrap();
        served(&fleet, &dev, folder, &case).await;
    }
    a_build_script_that_reaches_out_fails_its_draft(&fleet).await;
    drop(worker);
}

/// Calls until the host, which looks at its store every 100 ms, answers as the case says.
async fn served(fleet: &Fleet, dev: &Host, extension: &str, case: &Value) {
    let point = case.get("point").or_else(|| case.get("task")).and_then(Value::as_str).unwrap_or("test");
    let until = Instant::now() + PATIENCE;
    loop {
        let ran = fleet.invoke(dev, extension, &case["input"].to_string(), point).await;
        if ran.code == 0 {
            assert_eq!(ran.json()["output"], case["expect"]["output"], "{extension}");
            return;
        }
        assert!(Instant::now() < until, "{extension} is not served: {}{}", ran.stdout, ran.stderr);
    }
}

/// A listener of this test is on the same loopback, and out of a build's reach.
async fn a_build_script_that_reaches_out_fails_its_draft(fleet: &Fleet) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = example("order-discount");
    for file in ["Cargo.toml", "extension.toml", "src/lib.rs"] {
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(source.join(file), to).unwrap();
    }
    let address = listener.local_addr().unwrap();
    let script = format!("fn main() {{ std::net::TcpStream::connect(\"{address}\").expect(\"no network in here\"); }}");
    std::fs::write(folder.path().join("build.rs"), script).unwrap();
    let pushed = fleet.push_source(folder.path().to_str().unwrap()).await;
    assert_eq!(pushed.code, 5, "{}{}", pushed.stdout, pushed.stderr);
    assert!(pushed.stdout.contains("no network in here"), "{}{}", pushed.stdout, pushed.stderr);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a build reached the test");
}
