//! Quotas as callers meet them: refused over every transport, named, with a time
//! to retry, and without a trace.

use std::time::Duration;

use bytes::Bytes;
use extensions_client::{Invoke, InvokeError};
use extensions_identity::Scope;
use extensions_proto::{
    detail_of,
    v1::{InvokeExtensionRequest, wasm_extension_runtime_client::WasmExtensionRuntimeClient},
};
use extensions_test_support::{Guest, Platform, Request, Start, event};
use extensions_types::{ControlScope, ErrorCode, ExtensionId, Kind, QuotaLimits, TenantId};
use tonic::Code;

use crate::{
    shot::{Shot, Transport, number},
    stage::{CHILD, Stage},
};

const SPIN: &str = "(loop $again (br $again)) (unreachable)";
/// So slow that no test sees a second call let in.
const ONE: QuotaLimits = QuotaLimits { rate_per_s: Some(1), burst: Some(1), ..NONE };
const NONE: QuotaLimits = QuotaLimits { concurrency: None, rate_per_s: None, burst: None, cpu_ms_per_s: None, memory_mb: None, log_kb_per_s: None };

fn of_tenant(stage: &Stage) -> ControlScope {
    ControlScope::Tenant { tenant: stage.acme.clone() }
}

#[tokio::test]
async fn a_rate_is_refused_over_every_transport_and_says_when() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        stage.platform.quota(of_tenant(&stage), NONE);
        assert_eq!(stage.good().fire(transport).await.output, "{\"by\":1}");
        stage.platform.quota(of_tenant(&stage), ONE);
        // One may be let in, and a busy machine may take a second to ask again.
        let mut hit = stage.good().fire(transport).await;
        for _ in 0..20 {
            if !hit.error_code.is_empty() {
                break;
            }
            hit = stage.good().fire(transport).await;
        }
        let status = match transport {
            Transport::Grpc(_) => number(Code::ResourceExhausted),
            Transport::Http(_) => 429,
        };
        assert_eq!(hit.told(), (status, "QUOTA_EXCEEDED"), "{name}: {}", hit.message);
        assert!(hit.message.contains("the tenant's quota rate_per_s of 1 calls a second is used up; retry after "), "{name}: {}", hit.message);
    }
    stage.platform.quota(of_tenant(&stage), NONE);
    assert_eq!(stage.good().fire(&stage.transports[0].1).await.output, "{\"by\":1}", "a change holds from the next call on");
}

/// The hint: beside the code in gRPC, a header over HTTP.
#[tokio::test]
async fn hints_say_when_to_retry() {
    let stage = Stage::new().await;
    stage.platform.quota(of_tenant(&stage), QuotaLimits { concurrency: Some(1), memory_mb: Some(1), ..NONE });
    let (Shot { token, .. }, Transport::Grpc(channel)) = (stage.good(), &stage.transports[0].1) else { panic!("gRPC comes first") };
    let token = token.unwrap();
    // The guest's memory limit alone is more than the quota: no retry helps, and none is offered.
    let refused = over_grpc(channel, &token).await;
    assert!(refused.message().contains("memory_mb of 1 MiB of memory in flight is less than this one call needs"), "{}", refused.message());
    stage.platform.quota(of_tenant(&stage), QuotaLimits { cpu_ms_per_s: Some(1), ..ONE });
    let refused = until_refused(channel, &token).await;
    let detail = detail_of(refused.details()).unwrap();
    assert_eq!(detail.error_code, "QUOTA_EXCEEDED");
    assert!((1..=1_000).contains(&detail.retry_after_ms), "{detail:?}");
    let request = Request::new("POST", "/v1/extensions/rule:invoke".to_owned()).token(&token).body(b"{}".to_vec());
    let reply = request.send(&stage.platform.tcp()).await;
    assert_eq!((reply.status, reply.headers["retry-after"].as_str()), (429, "1"), "{}", reply.text());
}

async fn until_refused(channel: &tonic::transport::Channel, token: &str) -> tonic::Status {
    event(async {
        loop {
            if let Err(refused) = try_grpc(channel, token).await {
                return refused;
            }
        }
    })
    .await
}

async fn over_grpc(channel: &tonic::transport::Channel, token: &str) -> tonic::Status {
    event(try_grpc(channel, token)).await.unwrap_err()
}

async fn try_grpc(channel: &tonic::transport::Channel, token: &str) -> Result<(), tonic::Status> {
    let asked = InvokeExtensionRequest { extension_id: "rule".into(), input_json: Bytes::from_static(b"{}"), ..Default::default() };
    let mut request = tonic::Request::new(asked);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    WasmExtensionRuntimeClient::new(channel.clone()).invoke_extension(request).await.map(drop)
}

/// A neighbour, another extension and the operators' figures.
#[tokio::test]
async fn a_quota_holds_for_its_scope_alone_and_is_counted() {
    let stage = Stage::new().await;
    let of_rule = ControlScope::Extension { tenant: stage.acme.clone(), extension: ExtensionId::parse("rule").unwrap() };
    stage.platform.quota(of_rule, ONE);
    let transport = &stage.transports[0].1;
    let mut refused = 0;
    for _ in 0..20 {
        let hit = stage.good().fire(transport).await;
        if hit.error_code == "QUOTA_EXCEEDED" {
            assert!(hit.message.contains("extension `rule`'s quota rate_per_s"), "{}", hit.message);
            refused += 1;
        }
        let tool = Shot { extension: "tool".into(), ..stage.good() };
        assert_eq!(tool.fire(transport).await.error_code, "", "another extension");
        let token = Some(stage.platform.token(&stage.umbrella));
        assert_eq!(Shot { extension: "private".into(), token, ..stage.good() }.fire(transport).await.error_code, "", "a neighbour");
    }
    assert!(refused > 0);
    let metrics = stage.platform.metrics().await;
    let line = format!("extensions_quota_refused_total{{quota=\"rate_per_s\",scope=\"extension\"}} {refused}");
    assert!(metrics.contains(&line), "{line} in {metrics}");
    assert!(metrics.contains("extensions_quota_tenants 2"), "{metrics}");
    let names = metrics.lines().filter(|line| line.starts_with("extensions_quota")).any(|line| line.contains("acme"));
    assert!(!names, "as many figures as there are kinds of quota, not tenants:\n{metrics}");
}

/// Calls under way count until they end, however they end: also those whose caller has left.
#[tokio::test]
async fn places_come_back_when_calls_end_and_are_seen_by_operators() {
    let start = Start::new(CHILD);
    let platform = start.start();
    let acme = TenantId::parse("acme").unwrap();
    let spins = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\nmemory_mb = 64\n";
    let served = platform.serve(&acme, "spin", Kind::ProcessHook, spins, Guest::new(Kind::ProcessHook, SPIN).component());
    platform.load(&served).await.unwrap();
    platform.quota(ControlScope::Tenant { tenant: acme.clone() }, QuotaLimits { concurrency: Some(2), memory_mb: Some(128), ..NONE });
    let spin = |timeout| {
        let client = platform.client(&acme);
        tokio::spawn(async move { client.invoke(Invoke::new("spin").point("task").timeout(timeout)).await })
    };
    let running = [spin(Duration::from_secs(20)), spin(Duration::from_secs(20))];
    uses(&platform, |used| used["tenant"]["concurrency"] == 2 && used["tenant"]["memory_mb"] == 128).await;
    let refused = spin(Duration::from_secs(20)).await.unwrap().unwrap_err();
    assert!(is_over_quota(&refused), "{refused}");
    // Two leave, and their instances end soon after.
    running.iter().for_each(tokio::task::JoinHandle::abort);
    uses(&platform, |used| used["tenant"]["concurrency"] == 0 && used["tenant"]["memory_mb"] == 0).await;
    let ended = spin(Duration::from_secs(20)).await.unwrap().unwrap_err();
    assert!(!is_over_quota(&ended), "{ended}");
}

fn is_over_quota(error: &InvokeError) -> bool {
    error.code() == Some(ErrorCode::QuotaExceeded)
}

/// CPU time is measured, owed, and waited for.
#[tokio::test]
async fn cpu_time_is_owed_by_whoever_used_it() {
    let stage = Stage::new().await;
    let platform = &stage.platform;
    let limits = "[limits]\ncpu_millis = 100\ntimeout_ms = 20000\n";
    let served = platform.serve(&stage.acme, "spin", Kind::ProcessHook, limits, Guest::new(Kind::ProcessHook, SPIN).component());
    platform.load(&served).await.unwrap();
    platform.quota(of_tenant(&stage), QuotaLimits { cpu_ms_per_s: Some(10), ..NONE });
    let transport = &stage.transports[0].1;
    let spin = Shot { extension: "spin".into(), ..stage.good() };
    assert_eq!(spin.fire(transport).await.error_code, "CPU_LIMIT", "the first one finds a second's worth");
    let hit = spin.fire(transport).await;
    assert_eq!(hit.error_code, "QUOTA_EXCEEDED", "{}", hit.message);
    assert!(hit.message.contains("cpu_ms_per_s of 10 ms of CPU time a second"), "{}", hit.message);
    let token = Some(platform.token(&stage.umbrella));
    assert_eq!(Shot { extension: "private".into(), token, ..stage.good() }.fire(transport).await.error_code, "");
}

/// Asks the host what acme uses until it is as `wanted`.
async fn uses(platform: &Platform, wanted: impl Fn(&serde_json::Value) -> bool) {
    let token = platform.sign(&platform.claims("root").scopes(&[Scope::Operate]));
    event(async {
        loop {
            let path = "/admin/v1/control?tenant_id=acme&extension_id=spin".to_owned();
            let reply = Request::new("GET", path).token(&token).send(&platform.admin()).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            if wanted(&reply.json()["use"]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
