//! Settings with a key that nobody knows.

use crate::{
    cast::{Fleet, Ways},
    programs::refused,
};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_are_refused_by_name_before_a_port_is_bound() {
    let fleet = Fleet::without_redis().await;
    let ways = Ways::nowhere();
    let host = |name: &str, more: &str| fleet.host_settings(name, "dev", &ways, more);
    let registry = fleet.registry_settings("refused-registry", "[compiler]\nlease = 3\n");
    let worker = fleet.worker_settings("refused-worker", fleet.home(), fleet.registry.address());
    std::fs::write(&worker, std::fs::read_to_string(&worker).unwrap() + "slot = 3\n").unwrap();
    let cases: [(&str, _, &[(&str, &str)], &str); 5] = [
        ("extensions-runtime", host("with-a-section", "[metrics]\nport = 1\n"), &[], "metrics"),
        ("extensions-runtime", host("with-a-variable", ""), &[("EXT_LISTEN_ADRESS", "127.0.0.1:0")], "adress"),
        ("extensions-registry", registry, &[], "compiler"),
        ("extensions-compiler", worker.clone(), &[], "slot"),
        ("extensions-compiler", worker, &[("EXT_WORKER_SLOT", "3")], "slot"),
    ];
    for (program, settings, environment, named) in cases {
        let ran = refused(program, &settings, environment).await;
        assert_eq!(ran.code, 2, "{program}: {}", ran.words());
        assert!(ran.stderr.contains(named), "{program} names {named}: {}", ran.words());
        assert!(!ran.stderr.contains("listening"), "{program}: {}", ran.words());
    }
}
