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
    type Variables = &'static [(&'static str, &'static str)];
    let none: Variables = &[];
    let cases = [
        ("extensions-runtime", host("with-a-section", "[metrics]\nport = 1\n"), none, "metrics"),
        ("extensions-runtime", host("with-a-variable", ""), &[("EXT_LISTEN_ADRESS", "127.0.0.1:0")] as Variables, "adress"),
        ("extensions-registry", registry, none, "compiler"),
        ("extensions-compiler", worker.clone(), none, "slot"),
        ("extensions-compiler", worker, &[("EXT_WORKER_SLOT", "3")] as Variables, "slot"),
    ];
    for (program, settings, environment, named) in cases {
        let ran = refused(program, &settings, environment).await;
        assert_eq!(ran.code, 2, "{program}: {}", ran.words());
        assert!(ran.stderr.contains(named), "{program} names {named}: {}", ran.words());
        assert!(!ran.stderr.contains("listening"), "{program}: {}", ran.words());
    }
}
