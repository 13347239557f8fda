//! A host with a hostile tenant and its neighbour, and what holds after each attack.

use std::time::Duration;

use extensions_client::{Client, Context, Invocation, Invoke, InvokeError, Stats};
use extensions_proto::v1::{InvokeExtensionRequest, InvokeExtensionResponse, wasm_extension_runtime_client::WasmExtensionRuntimeClient};
use extensions_test_support::{Guest, PlainGuest, Platform, Start, log};
use extensions_types::{Abi, ErrorCode, Kind, TenantId};
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;

pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_aot-child");

/// A guest that is stopped may overrun its CPU limit by a late tick and by one
/// bulk instruction over its memory; on a crowded machine ticks come late.
const CPU_OVERRUN_MAX: Duration = Duration::from_millis(250);

/// On a crowded machine a long call may wait for its turn longer than the
/// default wall limit: only tests of time have one of their own.
fn patient(manifest: &str) -> String {
    const LIMITS: &str = "[limits]\n";
    const PATIENCE: &str = "[limits]\ntimeout_ms = 30000\n";
    if manifest.contains("timeout_ms") {
        manifest.to_owned()
    } else if manifest.contains(LIMITS) {
        manifest.replace(LIMITS, PATIENCE)
    } else {
        format!("{manifest}{PATIENCE}")
    }
}

/// A call under way.
pub(crate) type Calling = JoinHandle<Result<InvokeExtensionResponse, tonic::Status>>;

/// What a tenant with a good extension next to a bad one has.
pub(crate) struct Scene {
    pub(crate) platform: Platform,
    pub(crate) hostile: TenantId,
    pub(crate) neighbour: TenantId,
    pub(crate) client: Client,
    of_neighbour: Client,
}

/// A hostile guest and what becomes of it.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) abi: Abi,
    pub(crate) kind: Kind,
    pub(crate) limits: &'static str,
    pub(crate) component: Vec<u8>,
    pub(crate) code: &'static str,
}

/// Attacks by a process hook under the default limits.
pub(crate) fn attack(name: &'static str, guest: &Guest, code: &'static str) -> Attack {
    Attack { name, abi: Abi::Component, kind: Kind::ProcessHook, limits: "", component: guest.component(), code }
}

/// The same by a module of the plain ABI.
pub(crate) fn plain_attack(name: &'static str, guest: &PlainGuest, code: &'static str) -> Attack {
    Attack { name, abi: Abi::Plain, kind: Kind::ProcessHook, limits: "", component: guest.component(), code }
}

impl Attack {
    pub(crate) fn limits(self, limits: &'static str) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

pub(crate) fn hook(body: &str) -> Guest {
    Guest::new(Kind::ProcessHook, body)
}

/// How a call failed: its code, public text and cost.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) stats: Stats,
}

pub(crate) fn failed(result: Result<Invocation, InvokeError>) -> Failed {
    match result.expect_err("the call must fail") {
        InvokeError::Outcome(outcome) => {
            Failed { code: outcome.code.to_string(), message: outcome.message, stats: outcome.stats.expect("an outcome says what it cost") }
        }
        InvokeError::Refused(refused) => Failed { code: refused.code.to_string(), message: refused.message, stats: Stats::default() },
        other => panic!("no answer of the platform: {other:?}"),
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(Start::new(CHILD)).await
    }

    pub(crate) async fn of(start: Start) -> Self {
        let platform = start.start();
        let [hostile, neighbour] = ["hostile", "neighbour"].map(|tenant| TenantId::parse(tenant).unwrap());
        let (client, of_neighbour) = (platform.client(&hostile), platform.client(&neighbour));
        let good = Guest::answering(Kind::ProcessHook, "{\"good\":true}").component();
        for tenant in [&hostile, &neighbour] {
            let served = platform.serve(tenant, "good", Kind::ProcessHook, "", good.clone());
            platform.load(&served).await.unwrap();
        }
        Self { platform, hostile, neighbour, client, of_neighbour }
    }

    /// Serves a guest to the hostile tenant, ready to be called.
    pub(crate) async fn serve(&self, id: &str, kind: Kind, manifest: &str, component: Vec<u8>) {
        let served = self.platform.serve(&self.hostile, id, kind, &patient(manifest), component);
        self.platform.load(&served).await.unwrap();
    }

    /// The same for a wrapped module.
    pub(crate) async fn serve_plain(&self, id: &str, kind: Kind, manifest: &str, component: Vec<u8>) {
        let served = self.platform.serve_plain(&self.hostile, id, kind, &patient(manifest), component);
        self.platform.load(&served).await.unwrap();
    }

    pub(crate) async fn invoke(&self, id: &str) -> Result<Invocation, InvokeError> {
        self.client.invoke(Invoke::new(id)).await
    }

    /// The same in a task of its own, which can be aborted.
    pub(crate) async fn calling(&self, id: &str) -> Calling {
        let channel = Endpoint::from_shared(self.platform.tcp().to_string()).unwrap().connect().await.unwrap();
        let message = InvokeExtensionRequest { extension_id: id.to_owned(), input_json: "{}".into(), ..Default::default() };
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.platform.token(&self.hostile)).parse().unwrap());
        tokio::spawn(async move { WasmExtensionRuntimeClient::new(channel).invoke_extension(request).await.map(tonic::Response::into_inner) })
    }

    /// The output of a call that succeeds.
    pub(crate) async fn output(&self, id: &str) -> serde_json::Value {
        serde_json::from_slice(&self.invoke(id).await.unwrap().output).unwrap()
    }

    /// Both tenants' good extensions answer, on the same connections and threads.
    pub(crate) async fn others_are_unharmed(&self, after: &str) {
        for client in [&self.client, &self.of_neighbour] {
            let answer = client.invoke(Invoke::new("good")).await;
            let answer = answer.unwrap_or_else(|error| panic!("a good call after {after}: {error}"));
            assert_eq!(answer.output, "{\"good\":true}", "after {after}");
        }
    }

    /// Runs each attack twice: the code, the bounds, the log line, the others.
    pub(crate) async fn withstands(&self, attacks: Vec<Attack>) {
        for attack in attacks {
            let id = attack.name.replace(' ', "-");
            let limits = patient(attack.limits);
            let served = match attack.abi {
                Abi::Component => self.platform.serve(&self.hostile, &id, attack.kind, &limits, attack.component),
                Abi::Plain => self.platform.serve_plain(&self.hostile, &id, attack.kind, &limits, attack.component),
            };
            let limits = served.definition.limits;
            for time in ["first", "second"] {
                let correlation = format!("{id}-{time}");
                let call = Invoke::new(&id).context(Context::new().correlation(&correlation));
                let failed = failed(self.client.invoke(call).await);
                assert_eq!(failed.code, attack.code, "{} ({time} time): {}", attack.name, failed.message);
                assert_public(&failed.message);
                assert!(failed.stats.cpu <= limits.cpu() + CPU_OVERRUN_MAX, "{}: {:?}", attack.name, failed.stats);
                assert!(failed.stats.memory_peak_bytes <= limits.memory_bytes() as u64, "{}: {:?}", attack.name, failed.stats);
                logged(&correlation, attack.code).await;
                self.others_are_unharmed(attack.name).await;
            }
        }
    }
}

/// The host's log has a line of the call with its code.
pub(crate) async fn logged(correlation: &str, code: &str) {
    log::line(|line| line["correlation_id"] == correlation && line["error_code"] == code).await;
}

/// Public text names nothing of the host.
pub(crate) fn assert_public(message: &str) {
    for private in ["/tmp", "/proc", "/root", "/home", ".rs:", "neighbour"] {
        assert!(!message.contains(private), "{private} in a public text: {message}");
    }
    assert!(message.len() <= 4_096, "a public text of {} bytes", message.len());
}

/// Whether a call failed with `code`.
pub(crate) fn is(result: &Result<Invocation, InvokeError>, code: ErrorCode) -> bool {
    matches!(result, Err(error) if error.code() == Some(code))
}
