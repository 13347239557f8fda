//! Certificates that are expired, of somebody else, or for another name.

use extensions_test_servers::{Authority, Pair, Validity};
use extensions_test_support::event;

use crate::{
    cast::{Fleet, Ways},
    programs::{Ran, Server, ext, refused},
};

fn tls(pair: &Pair) -> String {
    format!("[listen.tls]\ncert_file = {:?}\nkey_file = {:?}\n", pair.cert_file, pair.key_file)
}

/// `ext list` at a port of this machine, over TLS, by whoever trusts `authority`.
async fn listed(fleet: &Fleet, server: &Server, authority: &Authority) -> Ran {
    let (url, ca_file) = (format!("https://127.0.0.1:{}", server.address().port()), authority.ca_file());
    ext(fleet.home(), &fleet.people.author(), &["--json", "--server", &url, "--ca", ca_file.to_str().unwrap(), "list"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_refuses_to_start_with_a_certificate_out_of_its_time() {
    let (fleet, authority, ways) = (Fleet::without_redis().await, Authority::new().unwrap(), Ways::nowhere());
    for (validity, word) in [(Validity::Expired, "has expired"), (Validity::NotYet, "valid only from")] {
        let pair = authority.issue(&["127.0.0.1"], validity).unwrap();
        let host = fleet.host_settings("refused", "dev", &ways, &tls(&pair));
        let registry = fleet.registry_settings("refused-registry", &tls(&pair));
        for (program, settings) in [("extensions-runtime", host), ("extensions-registry", registry)] {
            let ran = refused(program, &settings, &[]).await;
            assert_eq!(ran.code, 2, "{program}: {}", ran.words());
            assert!(ran.stderr.contains(word) && ran.stderr.contains("server.crt"), "{program}: {}", ran.words());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_names_what_is_wrong_with_a_registrys_certificate_and_takes_its_next_one() {
    let (fleet, authority) = (Fleet::without_redis().await, Authority::new().unwrap());
    let pair = authority.issue(&["registry.example"], Validity::Now).unwrap();
    let server = Server::start("extensions-registry", &fleet.registry_settings("secured", &tls(&pair))).await;

    let other_name = listed(&fleet, &server, &authority).await;
    assert_eq!(other_name.code, 3, "{}", other_name.words());
    assert!(other_name.stderr.contains("registry.example"), "it says for whom it is: {}", other_name.words());
    let foreign = listed(&fleet, &server, &Authority::new().unwrap()).await;
    assert_eq!(foreign.code, 3, "{}", foreign.words());

    // An expired one in its place is not taken: the old one goes on.
    authority.renew(&pair, &["127.0.0.1"], Validity::Expired).unwrap();
    event(server.log.says(|line| line.to_string().contains("has expired"))).await;
    let still = listed(&fleet, &server, &authority).await;
    assert!(still.stderr.contains("registry.example"), "{}", still.words());

    authority.renew(&pair, &["127.0.0.1"], Validity::Now).unwrap();
    let renewed = async {
        loop {
            let ran = listed(&fleet, &server, &authority).await;
            if ran.code == 0 {
                return;
            }
            assert_eq!(ran.code, 3, "{}", ran.words());
        }
    };
    event(renewed).await;
}
