//! Keys from a server: rotation, failures, bounds.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use extensions_test_servers::{Authority, Validity};
use extensions_tls::{ClientCertificates, ServerTls, ServerTlsSettings};
use extensions_types::{ActorType, CallLabel, TenantId};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
    time::sleep,
};

use crate::{
    Audience, Channel, Claims, DevKey, IdentitySettings, IssuerSettings, Scope, Verifier, VerifyError as E,
    remote::{WAIT_MAX, WAITING_MAX},
};

const ISSUER: &str = "https://id.example";
/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(30);

/// What an issuer answers.
#[derive(Clone)]
enum Says {
    Keys(String),
    Raw(Vec<u8>),
    /// Nothing, and keeps the connection.
    Silence,
}

/// An issuer's server, which says what a test wants.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(says: Says, tls: Option<ServerTls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), says: Arc::new(Mutex::new(says)), asked: Arc::default() };
        let answering = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (server, tls) = (answering.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => server.answer(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                server.answer(stream).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = [0; 4096];
        let mut read = 0;
        while !head[..read].windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut head[read..]).await {
                Ok(more) if more > 0 => read += more,
                _ => return,
            }
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let says = self.says.lock().unwrap().clone();
        let bytes = match says {
            Says::Silence => return std::future::pending().await,
            Says::Raw(bytes) => bytes,
            Says::Keys(keys) => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{keys}", keys.len()).into_bytes(),
        };
        // Whoever reads no further has had enough.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn settings(&self, scheme: &str) -> IssuerSettings {
        let url = Some(format!("{scheme}://{}/jwks?tenant=x", self.address));
        IssuerSettings { jwks_url: url, jwks: None, development: false, ..IssuerSettings::development(ISSUER, String::new()) }
    }

    fn verifier(&self) -> Verifier {
        Verifier::new(IdentitySettings::new(vec![self.settings("http")])).unwrap()
    }
}

fn keys_of(keys: &[&DevKey]) -> Says {
    let all = keys.iter().flat_map(|key| {
        let document: serde_json::Value = serde_json::from_str(&key.jwks()).unwrap();
        document["keys"].as_array().unwrap().clone()
    });
    Says::Keys(serde_json::json!({ "keys": all.collect::<Vec<_>>() }).to_string())
}

fn key() -> DevKey {
    DevKey::generate().unwrap()
}

fn token(key: &DevKey) -> String {
    let expires = SystemTime::now() + Duration::from_secs(600);
    let claims = Claims::new(ISSUER, &CallLabel::parse("ada").unwrap(), Audience::Runtime, ActorType::User, expires);
    key.sign(&claims.tenant(&TenantId::parse("acme").unwrap()).scopes(&[Scope::Invoke]))
}

fn verdict(verifier: &Verifier, key: &DevKey) -> Result<(), E> {
    verifier.verify(&token(key), SystemTime::now()).map(drop)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < SOON, "{what}: not within {SOON:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn problem(verifier: &Verifier) -> Option<String> {
    verifier.key_sources()[0].problem.clone()
}

/// Asks now, as the thread does when the time between two looks is over.
async fn look(verifier: &Verifier) -> bool {
    crate::verifier::remotes_of(verifier)[0].look().await
}

#[tokio::test]
async fn keys_are_fetched_and_rotated_and_what_was_remembered_goes_with_them() {
    let (old, new) = (key(), key());
    let server = Server::start(keys_of(&[&old]), None).await;
    let verifier = server.verifier();
    until("the first keys", || verdict(&verifier, &old).is_ok()).await;
    assert_eq!(verdict(&verifier, &new), Err(E::UnknownKey));
    server.say(keys_of(&[&old, &new]));
    assert!(look(&verifier).await);
    assert_eq!((verdict(&verifier, &old), verdict(&verifier, &new)), (Ok(()), Ok(())));
    server.say(keys_of(&[&new]));
    let remembered = token(&old);
    verifier.verify(&remembered, SystemTime::now()).unwrap();
    assert!(look(&verifier).await);
    assert_eq!(verifier.verify(&remembered, SystemTime::now()).unwrap_err(), E::UnknownKey, "withdrawn: remembered tokens too");
    let source = &verifier.key_sources()[0];
    assert_eq!((source.keys, source.replaced, source.failed, source.problem.clone()), (1, 2, 0, None));
    // The same again replaces nothing, so nothing is forgotten.
    assert!(look(&verifier).await);
    assert_eq!(verifier.key_sources()[0].replaced, 2);
}

#[tokio::test]
async fn before_the_first_keys_tokens_are_refused_for_now_and_those_of_others_accepted() {
    let (ours, theirs) = (key(), key());
    let server = Server::start(Says::Raw(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec()), None).await;
    let other = IssuerSettings { development: false, ..IssuerSettings::development("https://other.example", theirs.jwks()) };
    let verifier = Verifier::new(IdentitySettings::new(vec![server.settings("http"), other])).unwrap();
    until("the problem", || problem(&verifier).is_some_and(|problem| problem.contains("503"))).await;
    assert_eq!(verdict(&verifier, &ours), Err(E::KeysUnread));
    assert_eq!((E::KeysUnread.code(), E::KeysUnread.retry_after()), (extensions_types::ErrorCode::Unavailable, Some(Duration::from_secs(1))));
    let expires = SystemTime::now() + Duration::from_secs(60);
    let claims = Claims::new("https://other.example", &CallLabel::parse("ada").unwrap(), Audience::Runtime, ActorType::User, expires);
    assert!(verifier.verify(&theirs.sign(&claims.tenant(&TenantId::parse("acme").unwrap())), SystemTime::now()).is_ok());
    // It tries again by itself.
    server.say(keys_of(&[&ours]));
    until("the keys", || verdict(&verifier, &ours).is_ok()).await;
}

#[tokio::test]
async fn the_last_good_keys_stay_whatever_the_server_says() {
    let key = key();
    let server = Server::start(keys_of(&[&key]), None).await;
    let verifier = server.verifier();
    until("the first keys", || verdict(&verifier, &key).is_ok()).await;
    let answer = |head: &str, body: &[u8]| Says::Raw([head.as_bytes(), b"\r\n\r\n", body].concat());
    let huge = vec![b' '; 300 << 10];
    let many_heads = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(20_000));
    for (says, named) in [
        (Says::Keys("{}".to_owned()), "keys"),
        (Says::Keys(r#"{"keys":[]}"#.to_owned()), "no signing key"),
        (Says::Keys(r#"{"keys":[{"kty":"oct","kid":"s","k":"AA"}]}"#.to_owned()), "symmetric"),
        (answer("HTTP/1.1 200 OK\r\ncontent-length: 3", b"\xff\xff\xff"), "UTF-8"),
        (answer("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/keys\r\ncontent-length: 0", b""), "redirect"),
        (answer("HTTP/1.1 404 Not Found\r\ncontent-length: 0", b""), "404"),
        (answer("HTTP/1.1 204 No Content", b""), "204"),
        (answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}", huge.len()), &huge), "more than"),
        (answer("HTTP/1.1 200 OK", &huge), "more than"),
        (answer("HTTP/1.1 200 OK\r\ncontent-length: 100", b"{"), "broke off"),
        (answer(&many_heads, b""), "cannot be reached"),
        (Says::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()), "cannot be reached"),
        (Says::Raw(Vec::new()), "cannot be reached"),
    ] {
        server.say(says);
        assert!(!look(&verifier).await, "{named}");
        assert!(problem(&verifier).is_some_and(|problem| problem.contains(named)), "{named}: {:?}", problem(&verifier));
        assert_eq!(verdict(&verifier, &key), Ok(()), "{named}");
    }
    assert_eq!(verifier.key_sources()[0].failed, 13);
    server.say(keys_of(&[&key]));
    assert!(look(&verifier).await && problem(&verifier).is_none());
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_and_a_caller_waits_for_that_look() {
    let (old, new) = (key(), key());
    let server = Server::start(keys_of(&[&old]), None).await;
    let verifier = server.verifier();
    until("the first keys", || verdict(&verifier, &old).is_ok()).await;
    // Right after a look nobody waits, and nothing is asked: the next is not due.
    let channel = Channel::new(Instant::now());
    let asked = server.asked();
    for _ in 0..100 {
        assert_eq!(verdict(&verifier, &key()), Err(E::UnknownKey));
        assert_eq!(verifier.verify_again(&channel, &token(&new)).await.unwrap_err(), E::UnknownKey);
    }
    assert_eq!(server.asked(), asked);
    // One is under way: whoever comes waits for it, and has the new key then.
    server.say(keys_of(&[&old, &new]));
    let remote = crate::verifier::remotes_of(&verifier)[0].clone();
    let new_token = token(&new);
    let (looked, verified) = tokio::join!(remote.look(), verifier.verify_again(&channel, &new_token));
    assert!(looked && verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn a_caller_waits_for_a_silent_issuer_only_so_long_and_only_so_many_do() {
    let (old, new) = (key(), key());
    let server = Server::start(keys_of(&[&old]), None).await;
    let verifier = server.verifier();
    until("the first keys", || verdict(&verifier, &old).is_ok()).await;
    server.say(Says::Silence);
    let remote = crate::verifier::remotes_of(&verifier)[0].clone();
    let looking = tokio::spawn(async move { remote.look().await });
    let before = server.asked();
    until("a look under way", || server.asked() > before || server.asked() > 1).await;
    let (verifier, channel, new_token) = (Arc::new(verifier), Arc::new(Channel::new(Instant::now())), token(&new));
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let (verifier, channel, token) = (Arc::clone(&verifier), Arc::clone(&channel), new_token.clone());
        callers.spawn(async move { verifier.verify_soon(&channel, &token).await });
    }
    let mut at_once = 0;
    while let Some(refused) = callers.join_next().await {
        assert_eq!(refused.unwrap().unwrap_err(), E::UnknownKey);
        at_once += usize::from(started.elapsed() < WAIT_MAX);
    }
    assert!(started.elapsed() >= WAIT_MAX, "somebody waited");
    assert!(at_once >= 200 - WAITING_MAX, "{at_once}");
    looking.abort();
}

#[tokio::test]
async fn over_tls_only_the_server_that_is_meant_is_believed() {
    let (ours, theirs) = (Authority::new().unwrap(), Authority::new().unwrap());
    let key = key();
    let tls = |names: &[&str]| {
        let pair = ours.issue(names, Validity::Now).unwrap();
        let settings = ServerTlsSettings {
            cert_file: pair.cert_file,
            key_file: pair.key_file,
            client_ca_file: None,
            client_certificates: ClientCertificates::default(),
        };
        ServerTls::open(&settings).unwrap()
    };
    let meant = Server::start(keys_of(&[&key]), Some(tls(&["127.0.0.1"]))).await;
    let other = Server::start(keys_of(&[&key]), Some(tls(&["elsewhere.example"]))).await;
    let verifier = |server: &Server, authority: &Authority| {
        let settings = IssuerSettings { jwks_ca_file: Some(authority.ca_file()), ..server.settings("https") };
        Verifier::new(IdentitySettings::new(vec![settings])).unwrap()
    };
    let good = verifier(&meant, &ours);
    until("the keys", || verdict(&good, &key).is_ok()).await;
    for (server, authority, named) in [(&meant, &theirs, "authority"), (&other, &ours, "another name")] {
        let refused = verifier(server, authority);
        until(named, || problem(&refused).is_some_and(|problem| problem.contains(named))).await;
        assert_eq!((verdict(&refused, &key), server.asked()), (Err(E::KeysUnread), usize::from(std::ptr::eq(server, &meant))), "{named}");
    }
}

#[tokio::test]
async fn a_verifier_that_is_gone_asks_nobody() {
    let server = Server::start(Says::Silence, None).await;
    let verifier = server.verifier();
    until("it asks", || server.asked() == 1).await;
    let remote = Arc::downgrade(&crate::verifier::remotes_of(&verifier)[0]);
    drop(verifier);
    until("its thread ends", || remote.strong_count() == 0).await;
}

#[test]
fn settings_that_cannot_work_are_refused_without_asking_anybody() {
    let settings = |change: fn(&mut IssuerSettings)| {
        let mut issuer = IssuerSettings { jwks: None, development: false, ..IssuerSettings::development(ISSUER, String::new()) };
        issuer.jwks_url = Some("https://id.invalid/jwks".to_owned());
        change(&mut issuer);
        IdentitySettings::new(vec![issuer]).check(true)
    };
    assert!(settings(|_| ()).is_ok());
    let refused = |change| settings(change).unwrap_err().to_string();
    assert!(refused(|issuer| issuer.jwks_url = Some("http://id.example/jwks".into())).contains("https"));
    assert!(refused(|issuer| issuer.jwks_refresh_s = 1).contains("jwks_refresh_s"));
    assert!(refused(|issuer| issuer.jwks_ca_file = Some("/nowhere".into())).contains("/nowhere"));
    assert!(refused(|issuer| issuer.jwks = Some("{}".into())).contains("one of"));
    assert!(refused(|issuer| issuer.algorithms.clear()).contains("algorithms"));
    assert!(refused(|issuer| issuer.client_names = Some(Vec::new())).contains("client_names"));
}
