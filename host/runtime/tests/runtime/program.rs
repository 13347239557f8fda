//! The program as a child process, and ways to talk to it.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, SystemTime},
};

use extensions_client::Endpoint;
use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_test_support::{PATIENCE, Reply, Request, event};
use extensions_types::{ActorType, CallLabel, TenantId};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_extensions-runtime");

/// A folder for a host, and whom it believes.
pub(crate) struct Place {
    pub(crate) home: TempDir,
    key: DevKey,
    catalog: &'static str,
    redis: Option<String>,
}

/// A running host.
pub(crate) struct Program {
    child: Child,
    log: UnboundedReceiver<String>,
    address: Endpoint,
    admin: Endpoint,
    token: String,
    operator: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let catalog = "poll_ms = 100\ncontrol_poll_ms = 50";
        Self { home: tempfile::tempdir().unwrap(), key: DevKey::generate().unwrap(), catalog, redis: None }
    }

    /// A host that hears of changes through Redis, or hardly ever.
    pub(crate) fn in_fleet(redis_url: &str) -> Self {
        let redis = format!("[redis]\nurl = \"{redis_url}\"\n[host]\nname = \"host-a\"\naddress = \"http://a\"\n");
        Self { catalog: "poll_ms = 60000\ncontrol_poll_ms = 5000", redis: Some(redis), ..Self::new() }
    }

    /// Writes a settings file whose section `[store]` is `store`.
    pub(crate) fn settings(&self, store: &str) -> std::path::PathBuf {
        let path = self.home.path().join("host.toml");
        let text = format!(
            "env = \"prod\"\ndata_dir = {:?}\n[store]\n{store}\n{redis}[catalog]\n{catalog}\n\
             [listen]\naddress = \"127.0.0.1:0\"\nadmin_address = \"127.0.0.1:0\"\nio_threads = 1\ndrain_notice_ms = 0\n\
             [[identity.issuers]]\nissuer = \"test\"\njwks = '{}'\ntenants = \"all\"\nmay_operate = true\n",
            self.home.path().join("data"),
            self.key.jwks(),
            redis = self.redis.as_deref().unwrap_or_default(),
            catalog = self.catalog,
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn claims(&self, subject: &str) -> Claims {
        let subject = CallLabel::parse(subject).unwrap();
        Claims::new("test", &subject, Audience::Runtime, ActorType::User, SystemTime::now() + Duration::from_secs(3_600))
    }

    /// Starts the program, which listens when this returns.
    pub(crate) async fn start(&self, store: &str) -> Program {
        let mut child = command(&self.settings(store)).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (read, mut log) = unbounded_channel();
        // Read away all the time: a program whose log is full stands still.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = read.send(line);
            }
        });
        let listening = line(&mut log, |line| line["message"] == "listening").await;
        let endpoint = |name: &str| format!("http://{}", listening[name].as_str().unwrap()).parse().unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        Program {
            child,
            log,
            address: endpoint("address"),
            admin: endpoint("admin"),
            token: self.key.sign(&self.claims("ada").tenant(&tenant).scopes(&[Scope::Invoke]).roles(&[Role::Viewer])),
            operator: self.key.sign(&self.claims("olga").scopes(&[Scope::Operate])),
        }
    }
}

pub(crate) fn command(settings: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--config").arg(settings).kill_on_drop(true).stdin(Stdio::null()).env_remove("EXT_ENV");
    command
}

async fn line(log: &mut UnboundedReceiver<String>, wanted: impl Fn(&Value) -> bool) -> Value {
    event(async {
        let mut seen = Vec::new();
        while let Some(line) = log.recv().await {
            match serde_json::from_str::<Value>(&line) {
                Ok(line) if wanted(&line) => return line,
                _ => seen.push(line),
            }
        }
        panic!("the program ended; its log:\n{}", seen.join("\n"))
    })
    .await
}

impl Program {
    /// Waits for a line of the log.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        line(&mut self.log, |line| line["message"].as_str().is_some_and(|text| text.contains(message))).await
    }

    pub(crate) async fn call(&self, extension: &str, query: &str) -> Reply {
        let request = Request::new("POST", format!("/v1/extensions/{extension}:invoke?point=task{query}"));
        event(request.token(&self.token).body("{}").send(&self.address)).await
    }

    /// The version that answers, or the error's code.
    pub(crate) async fn served(&self, extension: &str) -> Result<u64, String> {
        let reply = self.call(extension, "").await;
        if reply.status == 200 { Ok(reply.json()["version"].as_u64().unwrap()) } else { Err(reply.error_code()) }
    }

    /// Calls until the answer is `expected`.
    pub(crate) async fn serves(&self, extension: &str, expected: Result<u64, &str>) {
        let expected = expected.map_err(str::to_owned);
        let mut last = None;
        let waited = tokio::time::timeout(PATIENCE, async {
            while last.as_ref() != Some(&expected) {
                last = Some(self.served(extension).await);
            }
        });
        assert!(waited.await.is_ok(), "expected {expected:?}, got {last:?}");
    }

    pub(crate) async fn list(&self) -> Value {
        event(Request::get("/v1/extensions").token(&self.token).send(&self.address)).await.json()
    }

    /// The status of this environment's catalog.
    pub(crate) async fn status(&self) -> Value {
        self.whole_status().await["catalogs"]["prod"].clone()
    }

    pub(crate) async fn whole_status(&self) -> Value {
        event(Request::get("/admin/v1/status").token(&self.operator).send(&self.admin)).await.json()
    }

    /// The value of a metric, by its name and labels as they are written.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let reply = event(Request::get("/metrics").send(&self.admin)).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    pub(crate) async fn is_ready(&self) -> bool {
        event(Request::get("/readyz").send(&self.admin)).await.status == 200
    }

    pub(crate) async fn ready(&self) {
        event(async { while !self.is_ready().await {} }).await;
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let process = rustix::process::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.logged("stopped").await;
        event(self.child.wait()).await.unwrap()
    }
}
