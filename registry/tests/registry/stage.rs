//! A registry on a free port, tokens for it, and a look at what it wrote.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::Extension;
use extensions_artifact::{Store, StoreSettings};
use extensions_identity::{Audience, Claims, DevKey, IdentitySettings, IssuerSettings, Role, Scope};
use extensions_proto::{
    detail_of,
    v1::{self, extension_registry_client::ExtensionRegistryClient},
};
use extensions_registry::{
    Audit, BoardSettings, Connection, Embedded, EmbeddedParts, Metrics, NobodyKnows, NobodyToTell, Policy, Stores, UpkeepSettings,
};
use extensions_registry_api::audit::Refused;
use extensions_types::{ActorType, CallLabel, TenantId};
use serde_json::Value;
use tempfile::TempDir;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use crate::driver::{SourceCompiler, drive};

pub(crate) const ISSUER: &str = "https://id.test";

type Sign = Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>;
pub(crate) type Client = ExtensionRegistryClient<InterceptedService<Channel, Sign>>;

/// What was refused, as the audit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) operation: String,
    pub(crate) who: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) code: String,
    pub(crate) correlation: String,
}

#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Noted>>);

impl Audit for Notes {
    fn refused(&self, record: &Refused<'_>) {
        self.0.lock().unwrap().push(Noted {
            operation: record.operation.to_owned(),
            who: record.who.clone(),
            tenant: record.tenant.map(str::to_owned),
            code: record.code.to_string(),
            correlation: record.correlation_id.to_owned(),
        });
    }
}

/// A running registry.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) key: DevKey,
    pub(crate) dir: TempDir,
    notes: Arc<Notes>,
    _embedded: Embedded,
}

/// One answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error_code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) sub: &'static str,
    pub(crate) tenant: Option<&'static str>,
    pub(crate) actor: ActorType,
    pub(crate) roles: Vec<Role>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) acted_by: Option<&'static str>,
}

impl Who {
    /// A person of acme with every role.
    pub(crate) fn person(sub: &'static str) -> Self {
        Self { sub, tenant: Some("acme"), actor: ActorType::User, roles: Role::ALL.to_vec(), scopes: vec![Scope::Invoke], acted_by: None }
    }

    pub(crate) fn agent(sub: &'static str) -> Self {
        Self { actor: ActorType::Agent, ..Self::person(sub) }
    }

    pub(crate) fn operator() -> Self {
        Self { tenant: None, roles: Vec::new(), scopes: vec![Scope::Operate], ..Self::person("olga") }
    }

    pub(crate) fn with_roles(self, roles: &[Role]) -> Self {
        Self { roles: roles.to_vec(), ..self }
    }
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with_compiler(None).await
    }

    pub(crate) async fn with_compiler(compiler: Option<Arc<dyn SourceCompiler>>) -> Self {
        Self::with_board(BoardSettings::of_one_process(), compiler).await
    }

    pub(crate) async fn with_board(board: BoardSettings, compiler: Option<Arc<dyn SourceCompiler>>) -> Self {
        let (dir, key, notes) = (tempfile::tempdir().unwrap(), DevKey::generate().unwrap(), Arc::new(Notes::default()));
        let store = Store::open(&StoreSettings::local(dir.path())).unwrap();
        let embedded = Embedded::start(EmbeddedParts {
            stores: Stores::single(store),
            policy: Policy::default(),
            identity: identity(&key),
            audit: Arc::clone(&notes) as _,
            notify: Arc::new(NobodyToTell),
            members: Arc::new(NobodyKnows),
            board,
            stream: None,
            upkeep: UpkeepSettings { settle_seconds: 1, ..UpkeepSettings::default() },
            backups: Vec::new(),
            audit_dir: None,
            metrics: Metrics::default(),
        })
        .unwrap();
        if let Some(compiler) = compiler {
            tokio::spawn(drive(compiler, embedded.queue(), embedded.claims()));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = embedded.router().layer(Extension(Connection::new("192.0.2.7")));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, key, dir, notes, _embedded: embedded }
    }

    pub(crate) fn token(&self, who: &Who) -> String {
        token(&self.key, who)
    }

    pub(crate) fn client(&self, who: &Who) -> Client {
        client(self.address, self.token(who))
    }

    pub(crate) async fn http(&self, who: &Who, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap() };
        self.send(&self.token(who), method, path, &[("content-type", "application/json"), ("idempotency-key", &new_key())], body).await
    }

    pub(crate) async fn send(&self, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        send(self.address, token, method, path, headers, body).await
    }

    /// What was refused since the last look.
    pub(crate) fn noted(&self) -> Vec<Noted> {
        std::mem::take(&mut self.notes.0.lock().unwrap())
    }

    /// Every object of the store, but for the derived snapshot, which reads may write.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        walk(self.dir.path(), self.dir.path(), &mut all);
        all
    }
}

fn walk(root: &Path, dir: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, all);
        } else if !path.ends_with("head.json") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if !name.starts_with('.') && !name.contains("/.") {
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
}

pub(crate) fn identity(key: &DevKey) -> IdentitySettings {
    let issuer = IssuerSettings::development(ISSUER, key.jwks());
    IdentitySettings { audience: Audience::Registry, allow_development: true, ..IdentitySettings::new(vec![issuer]) }
}

pub(crate) fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

pub(crate) fn token(key: &DevKey, who: &Who) -> String {
    let expires = SystemTime::now() + Duration::from_secs(600);
    let claims = Claims::new(ISSUER, &label(who.sub), Audience::Registry, who.actor, expires).roles(&who.roles).scopes(&who.scopes);
    let claims = who.tenant.map_or(claims.clone(), |tenant| claims.tenant(&TenantId::parse(tenant).unwrap()));
    let claims = who.acted_by.map_or(claims.clone(), |actor| claims.acted_by(&label(actor)));
    key.sign(&claims)
}

pub(crate) fn client(address: SocketAddr, token: String) -> Client {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let bearer: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    let sign: Sign = Box::new(move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok(request)
    });
    ExtensionRegistryClient::with_interceptor(channel, sign)
}

/// One request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    use http_body_util::{BodyExt as _, Full};
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(path).header("host", "registry");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::new(bytes::Bytes::from(body))).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// A key that no other command has.
pub(crate) fn new_key() -> String {
    extensions_identity::new_correlation(std::time::Instant::now()).to_string()
}

pub(crate) fn command(extension: &str) -> v1::Command {
    v1::Command {
        idempotency_key: new_key(),
        expected_seq: None,
        why: "a test".to_owned(),
        tenant_id: String::new(),
        extension_id: extension.to_owned(),
    }
}

/// The code in a status's details; each refusal has one, and a correlation id.
pub(crate) fn code_of(status: &Status) -> String {
    let detail = detail_of(status.details()).unwrap_or_else(|| panic!("a status without a detail: {status:?}"));
    assert!(!detail.correlation_id.is_empty(), "{status:?}");
    detail.error_code
}
