//! The listeners with TLS: the same answers, and what a bad handshake costs others.

use std::time::{Duration, SystemTime};

use extensions_front::FrontSettings;
use extensions_identity::{Audience, Claims, DevKey, GrantSettings, IdentitySettings, IssuerSettings, Scope, Tenants, Verifier};
use extensions_proto::v1::{InvokeExtensionRequest, wasm_extension_runtime_client::WasmExtensionRuntimeClient};
use extensions_test_servers::{Authority, Pair, Validity};
use extensions_tls::{ClientCertificates, ClientStream, ClientTls, ClientTlsSettings, Protocol, ServerTls, ServerTlsSettings};
use extensions_types::{ActorType, CallLabel, Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::transport::Endpoint;

use crate::support::{Parsed, Running, event, raw, settings, start, to_end, with_token};

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const KEPT: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// An authority, and what it issued for the front.
struct Issued {
    authority: Authority,
    pair: Pair,
}

impl Issued {
    fn new() -> Self {
        let authority = Authority::new().unwrap();
        let pair = authority.issue(&["localhost", "127.0.0.1"], Validity::Now).unwrap();
        Self { authority, pair }
    }

    fn server(&self) -> ServerTls {
        let files = ServerTlsSettings {
            cert_file: self.pair.cert_file.clone(),
            key_file: self.pair.key_file.clone(),
            client_ca_file: None,
            client_certificates: Default::default(),
        };
        ServerTls::open(&files).unwrap()
    }

    fn client(&self) -> ClientTls {
        ClientTls::open(&ClientTlsSettings { ca_file: Some(self.authority.ca_file()), ..ClientTlsSettings::default() }).unwrap()
    }

    async fn connect(&self, running: &Running) -> ClientStream<TcpStream> {
        self.client().connect("localhost", running.connect().await, Protocol::Http1).await.unwrap()
    }
}

fn secured(issued: &Issued) -> FrontSettings {
    FrontSettings { tls: Some(issued.server()), ..settings() }
}

#[tokio::test]
async fn grpc_and_http_are_answered_as_without() {
    let issued = Issued::new();
    let running = start(&secured(&issued));
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", running.address.port())).unwrap();
    let channel = endpoint.connect_with_connector(issued.client().connector(Protocol::Http2)).await.unwrap();
    let call = InvokeExtensionRequest { extension_id: "echo".into(), input_json: "{}".into(), ..Default::default() };
    let answer = WasmExtensionRuntimeClient::new(channel).invoke_extension(with_token(call)).await.unwrap().into_inner();
    assert_eq!((answer.error_code.as_str(), answer.output_json.as_ref()), ("", &b"{}"[..]));
    assert_eq!(Parsed::of(&raw(issued.connect(&running).await, HEALTHZ).await).status, 200);
}

/// A service whose grant asks for its certificate: its token alone is worth nothing.
#[tokio::test]
async fn a_token_counts_with_the_certificate_that_it_is_bound_to() {
    let issued = Issued::new();
    let files = ServerTlsSettings {
        cert_file: issued.pair.cert_file.clone(),
        key_file: issued.pair.key_file.clone(),
        client_ca_file: Some(issued.authority.ca_file()),
        client_certificates: ClientCertificates::Optional,
    };
    let running = start(&FrontSettings { tls: Some(ServerTls::open(&files).unwrap()), ..settings() });
    let (verifier, token) = bound_to("spiffe://example/orders");
    running.script.verifier.set(verifier).unwrap();
    let with = |names: &[&str]| {
        let own = issued.authority.issue(names, Validity::Now).unwrap();
        ClientTlsSettings { cert_file: Some(own.cert_file), key_file: Some(own.key_file), ca_file: Some(issued.authority.ca_file()) }
    };
    let nobody = ClientTlsSettings { ca_file: Some(issued.authority.ca_file()), ..ClientTlsSettings::default() };
    let rows = [(with(&["spiffe://example/orders"]), true), (with(&["spiffe://example/billing", "orders.example"]), false), (nobody, false)];
    for (client, counts) in rows {
        let client = ClientTls::open(&client).unwrap();
        let io = client.connect("localhost", running.connect().await, Protocol::Http1).await.unwrap();
        let head =
            "POST /v1/extensions/echo:invoke HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n";
        let answer = raw(io, format!("{head}authorization: Bearer {token}\r\n\r\n{{}}")).await;
        assert_eq!(Parsed::of(&answer).status, if counts { 200 } else { 401 }, "{answer}");
        assert_eq!(answer.contains("client_names"), !counts, "{answer}");

        let endpoint = Endpoint::from_shared(format!("https://localhost:{}", running.address.port())).unwrap();
        let channel = endpoint.connect_with_connector(client.connector(Protocol::Http2)).await.unwrap();
        let mut call = tonic::Request::new(InvokeExtensionRequest { extension_id: "echo".into(), input_json: "{}".into(), ..Default::default() });
        call.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let answer = WasmExtensionRuntimeClient::new(channel).invoke_extension(call).await;
        match answer {
            Ok(answer) => assert!(counts, "{answer:?}"),
            Err(status) => assert!(!counts && status.code() == tonic::Code::Unauthenticated && status.message().contains("client_names"), "{status}"),
        }
    }
}

/// A service's token, and who accepts it over connections of a client of that name alone.
fn bound_to(name: &str) -> (Verifier, String) {
    let key = DevKey::generate().unwrap();
    let issuer = IssuerSettings { development: false, ..IssuerSettings::development("https://id.example", key.jwks()) };
    let subject = CallLabel::parse("orders").unwrap();
    let grant = GrantSettings {
        issuer: issuer.issuer.clone(),
        subject: subject.clone(),
        tenants: Tenants::All,
        kinds: Kind::ALL.iter().copied().collect(),
        client_names: Some(vec![name.parse().unwrap()]),
    };
    let verifier = Verifier::new(IdentitySettings { grants: vec![grant], ..IdentitySettings::new(vec![issuer]) }).unwrap();
    let expires = SystemTime::now() + Duration::from_secs(600);
    let claims = Claims::new("https://id.example", &subject, Audience::Runtime, ActorType::System, expires);
    (verifier, key.sign(&claims.scopes(&[Scope::Delegate])))
}

#[tokio::test]
async fn bad_handshakes_end_and_delay_nobody() {
    let issued = Issued::new();
    let running = start(&FrontSettings { connections_max: 80, ..secured(&issued) });
    let mut silent = Vec::new();
    for said in [&b""[..], &[0x16, 3, 1, 2, 0, 1]].repeat(20) {
        let mut io = running.connect().await;
        io.write_all(said).await.unwrap();
        silent.push(io);
    }
    // What is no TLS ends at once, with nothing but an alert.
    for garbage in [HEALTHZ.as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 256]] {
        assert!(!raw(running.connect().await, garbage).await.contains("HTTP"));
    }
    for _ in 0..20 {
        assert_eq!(Parsed::of(&raw(issued.connect(&running).await, HEALTHZ).await).status, 200);
    }
    // A name that is not the front's, and an authority that is not its own: the client leaves.
    let stranger = Issued::new();
    assert!(stranger.client().connect("localhost", running.connect().await, Protocol::Http1).await.is_err());
    assert!(issued.client().connect("registry.example", running.connect().await, Protocol::Http1).await.is_err());
    // Those that said nothing are closed when their time is up, and their places are free again.
    for io in silent {
        assert_eq!(to_end(io).await, "");
    }
    assert_eq!(Parsed::of(&raw(issued.connect(&running).await, HEALTHZ).await).status, 200);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_while_old_ones_go_on() {
    let issued = Issued::new();
    let tls = issued.server();
    let running = start(&FrontSettings { tls: Some(tls.clone()), ..settings() });
    let mut old = issued.connect(&running).await;
    let shown = |io: &ClientStream<TcpStream>| io.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    issued.authority.renew(&issued.pair, &["localhost"], Validity::Now).unwrap();
    tls.look();
    let new = issued.connect(&running).await;
    assert_ne!(shown(&old), shown(&new));
    old.write_all(KEPT.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    event(old.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    issued.authority.renew(&issued.pair, &["localhost"], Validity::Expired).unwrap();
    tls.look();
    assert_eq!(shown(&issued.connect(&running).await), shown(&new));
}

#[tokio::test]
async fn the_admin_address_may_have_another_certificate_or_none() {
    let (issued, other) = (Issued::new(), Issued::new());
    let admin = Some(([127, 0, 0, 1], 0).into());
    let running = start(&FrontSettings { admin_listen: admin, admin_tls: Some(other.server()), ..secured(&issued) });
    let address = running.front.addresses().admin.unwrap();
    let connect = async |client: ClientTls| client.connect("localhost", TcpStream::connect(address).await.unwrap(), Protocol::Http1).await;
    assert_eq!(Parsed::of(&raw(connect(other.client()).await.unwrap(), HEALTHZ).await).status, 200);
    assert!(connect(issued.client()).await.is_err());
    let running = start(&FrontSettings { admin_listen: admin, ..secured(&issued) });
    let open = TcpStream::connect(running.front.addresses().admin.unwrap()).await.unwrap();
    assert_eq!(Parsed::of(&raw(open, HEALTHZ).await).status, 200);
}
