//! The fleet and who works with it.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_test_servers::{Bucket, Minio};
use extensions_test_support::{Guest, PATIENCE};
use extensions_types::{ActorType, CallLabel, Kind, TenantId};
use tempfile::TempDir;

use crate::programs::{Ran, Server, ext, ext_at_length};

/// The extension that walks.
pub(crate) const RULE: &str = "limit";

/// An S3 server, a registry and two hosts.
pub(crate) struct Fleet {
    pub(crate) minio: Minio,
    pub(crate) registry: Server,
    pub(crate) dev: Server,
    pub(crate) prod: Server,
    settings_of_registry: PathBuf,
    home: TempDir,
    key: DevKey,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let minio = Minio::start().unwrap();
        let (own, of_prod) = (minio.bucket().unwrap(), minio.bucket().unwrap());
        let (home, key) = (tempfile::tempdir().unwrap(), DevKey::generate().unwrap());
        let issuer = format!("[[identity.issuers]]\nissuer = \"test\"\njwks = '{}'\ntenants = \"all\"\nmay_compile = true\n", key.jwks());
        let file = |name: &str, text: String| {
            let path = home.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let listen = "address = \"127.0.0.1:0\"\ndrain_notice_ms = 0\n";
        let settings_of_registry =
            file("registry.toml", format!("[store]\n{}[stores.prod]\n{}[listen]\n{listen}{issuer}", own.to_toml(), of_prod.to_toml()));
        let host = |env: &str, bucket: &Bucket| {
            let data = home.path().join(format!("host-{env}"));
            let catalog = "[catalog]\npoll_ms = 100\ncontrol_poll_ms = 50\n";
            let text =
                format!("env = \"{env}\"\ndata_dir = {data:?}\n[store]\n{}{catalog}[listen]\nio_threads = 1\n{listen}{issuer}", bucket.to_toml());
            file(&format!("{env}.toml"), text)
        };
        let registry = Server::start("extensions-registry", &settings_of_registry).await;
        let dev = Server::start("extensions-runtime", &host("dev", &own)).await;
        let prod = Server::start("extensions-runtime", &host("prod", &of_prod)).await;
        Self { minio, registry, dev, prod, settings_of_registry, home, key }
    }

    /// Another registry in the place of one that is gone.
    pub(crate) async fn start_registry(&mut self) {
        self.registry = Server::start("extensions-registry", &self.settings_of_registry).await;
    }

    fn token(&self, subject: &str, audience: Audience, roles: &[Role]) -> String {
        let subject = CallLabel::parse(subject).unwrap();
        let claims = Claims::new("test", &subject, audience, ActorType::User, SystemTime::now() + Duration::from_secs(3_600));
        self.key.sign(&claims.tenant(&TenantId::parse("acme").unwrap()).scopes(&[Scope::Invoke]).roles(roles))
    }

    /// A component that answers `{"rule": MARK}`, with its extension.toml beside it.
    pub(crate) fn component(&self, mark: u32) -> String {
        let folder = self.home.path().join(format!("rule-{mark}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("extension.toml"), format!("id = \"{RULE}\"\nkind = \"process_hook\"\nlang = \"rust\"\n")).unwrap();
        let file = folder.join("rule.wasm");
        std::fs::write(&file, Guest::answering(Kind::ProcessHook, format!("{{\"rule\":{mark}}}")).component()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// A compile worker for this registry, with the toolchains of `EXT_HOME`.
    pub(crate) async fn start_worker(&self) -> Server {
        let subject = CallLabel::parse("worker-1").unwrap();
        let claims = Claims::new("test", &subject, Audience::Registry, ActorType::System, SystemTime::now() + Duration::from_secs(3_600));
        let token_file = self.home.path().join("worker.token");
        std::fs::write(&token_file, self.key.sign(&claims.scopes(&[Scope::Compile]))).unwrap();
        let toolchains = std::env::var("EXT_HOME").expect("EXT_HOME names the folder that `ext toolchain install` filled");
        let text = format!("[registry]\nurl = {:?}\ntoken_file = {token_file:?}\n[worker]\nhome = {toolchains:?}\n", self.registry.url);
        let settings = self.home.path().join("worker.toml");
        std::fs::write(&settings, text).unwrap();
        Server::start_worker(&settings).await
    }

    /// `ext` at the registry, by somebody with every role but that of reviewer.
    pub(crate) async fn ext(&self, arguments: &[&str]) -> Ran {
        let server = ["--json", "--server", &self.registry.url];
        ext(self.home.path(), &self.author(), &[&server[..], arguments].concat()).await
    }

    /// Pushes the source in `folder`: a compiler's time.
    pub(crate) async fn push_source(&self, folder: &str) -> Ran {
        let arguments = ["--json", "--server", &self.registry.url, "push", folder, "--why", "source"];
        ext_at_length(self.home.path(), &self.author(), &arguments).await
    }

    fn author(&self) -> String {
        self.token("ada", Audience::Registry, &[Role::Author, Role::Releaser, Role::Viewer])
    }

    /// The same, which must succeed.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.ext(arguments).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// What `ext invoke` says at a host.
    pub(crate) async fn call(&self, host: &Server, env: &str) -> Ran {
        self.invoke(host, env, RULE, "{}", "task").await
    }

    /// What `ext invoke` says of any extension.
    pub(crate) async fn invoke(&self, host: &Server, env: &str, extension: &str, input: &str, point: &str) -> Ran {
        let token = self.token("orders", Audience::Runtime, &[]);
        let arguments = ["--json", "--server", &host.url, "--env", env, "invoke", extension, "--input", input, "--point", point];
        ext(self.home.path(), &token, &arguments).await
    }

    /// Calls until `mark` answers: a host looks at its store every 100 ms here.
    pub(crate) async fn answers(&self, host: &Server, env: &str, mark: u32) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let ran = self.call(host, env).await;
            if ran.code == 0 && ran.json()["output"]["rule"] == mark {
                return;
            }
            assert!(std::time::Instant::now() < until, "{env} does not answer by rule {mark}: {}{}", ran.stdout, ran.stderr);
        }
    }
}
