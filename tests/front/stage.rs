//! A host with two tenants, and tables of attacks against it.

use extensions_proto::v1::{ExecutionContext, RiskTier};
use extensions_test_support::{Guest, Platform, Start, log};
use extensions_types::{Kind, TenantId};
use tonic::Code;

use crate::shot::{Shot, Transport, number};

pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_aot-child");

/// A host, its transports, and its tenants `acme` and `umbrella`.
pub(crate) struct Stage {
    pub(crate) platform: Platform,
    pub(crate) acme: TenantId,
    pub(crate) umbrella: TenantId,
    pub(crate) transports: Vec<(&'static str, Transport)>,
}

/// One row: what is changed of a good call, and what it is answered.
pub(crate) struct Row {
    pub(crate) attack: &'static str,
    pub(crate) change: fn(&Stage, &mut Shot),
    /// None where gRPC cannot say it.
    pub(crate) grpc: Option<Code>,
    /// None where HTTP cannot say it.
    pub(crate) http: Option<u16>,
    pub(crate) code: &'static str,
}

pub(crate) const fn row(attack: &'static str, change: fn(&Stage, &mut Shot), grpc: Code, http: u16, code: &'static str) -> Row {
    Row { attack, change, grpc: Some(grpc), http: Some(http), code }
}

pub(crate) const fn http_row(attack: &'static str, change: fn(&Stage, &mut Shot), http: u16, code: &'static str) -> Row {
    Row { attack, change, grpc: None, http: Some(http), code }
}

pub(crate) const fn grpc_row(attack: &'static str, change: fn(&Stage, &mut Shot), grpc: Code, code: &'static str) -> Row {
    Row { attack, change, grpc: Some(grpc), http: None, code }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let [acme, umbrella] = ["acme", "umbrella"].map(|tenant| TenantId::parse(tenant).unwrap());
        let start = Start::new(CHILD).grant("gateway", std::slice::from_ref(&acme), &[Kind::ProcessHook]);
        let platform = start.start();
        let hook = Guest::answering(Kind::ProcessHook, "{\"by\":1}").component();
        for version in [hook.clone(), hook] {
            let served = platform.serve(&acme, "rule", Kind::ProcessHook, "", version);
            platform.load(&served).await.unwrap();
        }
        let high = "risk_tier = \"high\"\n";
        platform.serve(&acme, "risky", Kind::ProcessHook, high, Guest::answering(Kind::ProcessHook, "{\"by\":1}").component());
        platform.serve(&acme, "tool", Kind::AgentTool, "", Guest::answering(Kind::AgentTool, "[1]").component());
        platform.serve(&umbrella, "private", Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, "{}").component());
        let (tcp, unix) = (platform.tcp(), platform.unix());
        let transports = vec![
            ("gRPC over TCP", Transport::grpc(&tcp).await),
            ("gRPC over a Unix socket", Transport::grpc(&unix).await),
            ("HTTP over TCP", Transport::Http(tcp)),
            ("HTTP over a Unix socket", Transport::Http(unix)),
        ];
        Self { platform, acme, umbrella, transports }
    }

    /// A call that succeeds.
    pub(crate) fn good(&self) -> Shot {
        Shot { extension: "rule".into(), token: Some(self.platform.token(&self.acme)), input: "{}".into(), ..Shot::default() }
    }

    /// The same by the delegating service, for tenant `acme` and user `bob`.
    pub(crate) fn delegated(&self) -> Shot {
        let claims = self.platform.claims("gateway").scopes(&[extensions_identity::Scope::Delegate]);
        let ctx = ExecutionContext { tenant_id: "acme".into(), user_id: "bob".into(), ..Default::default() };
        Shot { token: Some(self.platform.sign(&claims)), ctx, ..self.good() }
    }

    /// Every row over every transport that can say it, each followed by a good call.
    pub(crate) async fn answers(&self, rows: &[Row]) {
        for (name, transport) in &self.transports {
            for row in rows {
                let expected = match transport {
                    Transport::Grpc(_) => row.grpc.map(number),
                    Transport::Http(_) => row.http,
                };
                let Some(status) = expected else { continue };
                let mut shot = self.good();
                (row.change)(self, &mut shot);
                let hit = shot.fire(transport).await;
                assert_eq!(hit.told(), (status, row.code), "{} over {name}: {}", row.attack, hit.message);
                for private in ["umbrella", "/tmp", "/proc", ".rs:"] {
                    assert!(!hit.message.contains(private), "{} over {name} tells {private}: {}", row.attack, hit.message);
                }
                // The id that the caller was told finds the line of the host's own log.
                log::line(|line| line["correlation_id"] == hit.correlation && line["error_code"] == row.code).await;
                let next = self.good().fire(transport).await;
                assert_eq!(next.output, "{\"by\":1}", "a good call after {} over {name}: {}", row.attack, next.message);
            }
        }
    }
}

/// A ceiling for a call's risk.
pub(crate) fn ceiling(tier: RiskTier) -> ExecutionContext {
    ExecutionContext { risk_tier: tier.into(), ..Default::default() }
}
