//! The fleet and who works with it: a registry, hosts, a worker, S3 and Redis,
//! with a way between any program and any server that a test may break.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use extensions_test_servers::{Bucket, FaultProxy, Minio, Redis};
use extensions_test_support::{Request, event};
use tempfile::TempDir;

use crate::{look::ASK_EVERY, people::People, programs::Server, store::Objects};

/// The extension that walks.
pub(crate) const RULE: &str = "limit";
/// One that nobody touches.
pub(crate) const STEADY: &str = "steady";
/// Polling is so fast here that what is only polled takes no time either.
const OFTEN: &str = "[catalog]\npoll_ms = 100\ncontrol_poll_ms = 50\n";
/// What arrives sooner was not polled: a test does not wait so long.
pub(crate) const SELDOM: &str = "[catalog]\npoll_ms = 60000\ncontrol_poll_ms = 5000\n";
/// What programs of a fleet prove to each other.
pub(crate) const REDIS_KEY: &str = "a key of a test that nobody else has, long enough";
/// A test's machine is busy, and a store that hangs must be noticed soon.
const TRY_TIMEOUT_MS: u32 = 1_000;

/// An S3 server, Redis where there is one, a registry, and what hosts and workers need to join.
pub(crate) struct Fleet {
    redis: Option<Redis>,
    /// `[catalog]` of hosts.
    catalog: &'static str,
    pub(crate) registry: Server,
    /// The registry's.
    pub(crate) ways: Ways,
    pub(crate) people: People,
    settings_of_registry: PathBuf,
    /// Of the registry, dev and staging.
    bucket: Bucket,
    bucket_of_prod: Bucket,
    s3: Arc<Minio>,
    home: TempDir,
}

/// A host of the fleet; its server may be killed and started again.
pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) ways: Ways,
    pub(crate) env: &'static str,
    settings: PathBuf,
}

/// The ways of one program.
pub(crate) struct Ways {
    pub(crate) store: FaultProxy,
    pub(crate) redis: Option<FaultProxy>,
}

impl Ways {
    fn new(s3: &Minio, redis: Option<&Redis>) -> Self {
        let to = |address| FaultProxy::to(address).unwrap();
        Self { store: to(s3.address()), redis: redis.map(|redis| to(redis.address())) }
    }

    /// To Redis, in a fleet that has one.
    pub(crate) fn redis(&self) -> &FaultProxy {
        self.redis.as_ref().unwrap()
    }

    /// Where nobody listens: for programs that must not come so far.
    pub(crate) fn nowhere() -> Self {
        Self { store: FaultProxy::to(SocketAddr::from(([127, 0, 0, 1], 1))).unwrap(), redis: None }
    }

    fn redis_section(&self, home: &TempDir) -> String {
        self.redis.as_ref().map(|way| redis_section(way.address(), home)).unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn each(&self) -> impl Iterator<Item = &FaultProxy> {
        [&self.store].into_iter().chain(&self.redis)
    }
}

impl Fleet {
    /// A registry on the S3 server that tests share; nobody knows Redis.
    pub(crate) async fn without_redis() -> Self {
        Self::start(Minio::shared().unwrap(), None).await
    }

    /// The same with a Redis of its own.
    pub(crate) async fn with_redis() -> Self {
        Self::start(Minio::shared().unwrap(), Some(Redis::start().unwrap())).await
    }

    /// The same for hosts with another section `[catalog]`.
    pub(crate) async fn with_redis_and_hosts_that(catalog: &'static str) -> Self {
        Self { catalog, ..Self::with_redis().await }
    }

    /// A registry on this S3 server.
    pub(crate) async fn start(s3: Arc<Minio>, redis: Option<Redis>) -> Self {
        let (bucket, bucket_of_prod) = (s3.bucket().unwrap(), s3.bucket().unwrap());
        let (home, people, ways) = (tempfile::tempdir().unwrap(), People::new(), Ways::new(&s3, redis.as_ref()));
        std::fs::write(home.path().join("redis.key"), REDIS_KEY).unwrap();
        let at = ways.store.address();
        let (own, of_prod) = (store("store", &bucket, at), store("stores.prod", &bucket_of_prod, at));
        let text = format!("{own}{of_prod}[compile]\nlease_seconds = 15\n{}{}{}", ways.redis_section(&home), people.to_toml(), listen(""));
        let settings_of_registry = write(&home, "registry.toml", &text);
        let registry = Server::start("extensions-registry", &settings_of_registry).await;
        Self { redis, catalog: OFTEN, registry, ways, people, settings_of_registry, bucket, bucket_of_prod, s3, home }
    }

    /// The registry's settings, with `more` at their end.
    pub(crate) fn registry_settings(&self, name: &str, more: &str) -> PathBuf {
        let text = std::fs::read_to_string(&self.settings_of_registry).unwrap();
        write(&self.home, &format!("{name}.toml"), &format!("{text}{more}"))
    }

    /// Two hosts of dev that serve [`RULE`] and [`STEADY`], each in its first version.
    pub(crate) async fn two_hosts(&self) -> [Host; 2] {
        let (one, other) = tokio::join!(self.host("one", "dev"), self.host("other", "dev"));
        for extension in [RULE, STEADY] {
            self.promoted(extension, 1).await;
        }
        for host in [&one, &other] {
            self.answers(host, RULE, 1).await;
            self.answers(host, STEADY, 1).await;
        }
        [one, other]
    }

    /// A host under a name of its own.
    pub(crate) async fn host(&self, name: &str, env: &'static str) -> Host {
        let ways = Ways::new(&self.s3, self.redis.as_ref());
        let settings = self.host_settings(name, env, &ways, "");
        Host { server: Server::start("extensions-runtime", &settings).await, ways, env, settings }
    }

    /// Writes a host's settings, with `more` at their end.
    pub(crate) fn host_settings(&self, name: &str, env: &str, ways: &Ways, more: &str) -> PathBuf {
        let data = self.home.path().join(name);
        let bucket = if env == "prod" { &self.bucket_of_prod } else { &self.bucket };
        let of_store = store("store", bucket, ways.store.address());
        let of_redis = ways.redis_section(&self.home);
        let (of_listen, people) = (listen("io_threads = 1\nmerge_admin = true\n"), self.people.to_toml());
        let text = format!("env = \"{env}\"\ndata_dir = {data:?}\n{of_store}{of_redis}{}{of_listen}{people}{more}", self.catalog);
        write(&self.home, &format!("{name}.toml"), &text)
    }

    /// A host that shares another key with Redis's others than this fleet's programs.
    pub(crate) async fn foreign_host(&self, name: &str) -> Host {
        let ways = Ways::new(&self.s3, self.redis.as_ref());
        let settings = self.host_settings(name, "dev", &ways, "");
        write(&self.home, "foreign.key", "another key of a test, long enough, that is nobody else's");
        std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap().replace("redis.key", "foreign.key")).unwrap();
        Host { server: Server::start("extensions-runtime", &settings).await, ways, env: "dev", settings }
    }

    /// A host that reaches nothing from its start on.
    pub(crate) async fn host_without_anything(&self, name: &str) -> Host {
        let ways = Ways::new(&self.s3, self.redis.as_ref());
        ways.each().for_each(FaultProxy::cut);
        let settings = self.host_settings(name, "dev", &ways, "");
        Host { server: Server::start("extensions-runtime", &settings).await, ways, env: "dev", settings }
    }

    /// The objects of dev, as somebody with the bucket's keys sees them.
    pub(crate) fn objects(&self) -> Objects {
        Objects::of(&self.bucket)
    }

    /// Redis, in a fleet that has one.
    pub(crate) fn redis(&self) -> &Redis {
        self.redis.as_ref().unwrap()
    }

    /// The S3 server itself.
    pub(crate) fn s3(&self) -> &Minio {
        &self.s3
    }

    /// The folder of everything.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Another registry in the place of one that is gone.
    pub(crate) async fn start_registry(&mut self) {
        self.registry = Server::start("extensions-registry", &self.settings_of_registry).await;
    }

    /// Writes a settings file for a compile worker that reaches the registry at `registry`, with toolchains below `home`.
    pub(crate) fn worker_settings(&self, name: &str, home: &Path, registry: SocketAddr) -> PathBuf {
        let token_file = write(&self.home, "worker.token", &self.people.worker());
        let of_registry = format!("[registry]\nurl = \"http://{registry}\"\ntoken_file = {token_file:?}\n");
        let of_redis = self.redis.as_ref().map(|redis| redis_section(redis.address(), &self.home)).unwrap_or_default();
        write(&self.home, &format!("{name}.toml"), &format!("{of_registry}{of_redis}[worker]\nhome = {home:?}\nname = \"{name}\"\n"))
    }
}

impl Host {
    /// SIGKILL.
    pub(crate) async fn kill(&self) {
        self.server.kill().await;
    }

    /// Starts it again, with its own data, at another port.
    pub(crate) async fn restart(&mut self) {
        self.server = Server::start("extensions-runtime", &self.settings).await;
    }

    /// Waits until the last copy on its disk names these extensions: who is killed before has not had the time.
    pub(crate) async fn has_copied(&self, extensions: &[&str]) {
        let index = self.settings.with_extension("").join("catalog").join(self.env).join("index.json");
        let copied = async {
            loop {
                let text = std::fs::read_to_string(&index).unwrap_or_default();
                if extensions.iter().all(|extension| text.contains(&format!("\"{extension}\""))) {
                    return;
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        event(copied).await;
    }

    /// Whether calls are wanted here.
    pub(crate) async fn is_ready(&self) -> bool {
        event(Request::get("/readyz").send(&self.server.url.parse().unwrap())).await.status == 200
    }

    /// Waits until calls are wanted here.
    pub(crate) async fn becomes_ready(&self) {
        let ready = async {
            while !self.is_ready().await {
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        event(ready).await;
    }
}

fn write(home: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A store's section, by a way to its server.
fn store(section: &str, bucket: &Bucket, way: SocketAddr) -> String {
    format!("[{section}]\ntry_timeout_ms = {TRY_TIMEOUT_MS}\n{}", bucket.through(way).to_toml())
}

fn redis_section(address: SocketAddr, home: &TempDir) -> String {
    format!("[redis]\nurl = \"redis://{address}\"\nkey_file = {:?}\n", home.path().join("redis.key"))
}

fn listen(more: &str) -> String {
    format!("[listen]\naddress = \"127.0.0.1:0\"\ndrain_notice_ms = 0\n{more}")
}
