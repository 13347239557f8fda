//! Compiles with their progress, and watches that resume.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use extensions_compile_jobs::{CompileEvent, Compiled, NotCompiled};
use extensions_proto::v1::{self, compile_progress::Event};
use extensions_registry::Finding;
use extensions_types::{Abi, Build, Evidence, Origin, Schemas, TestCounts};
use tokio::sync::mpsc;

use crate::{
    driver::{CompileJob, SourceCompiler},
    guest::{bundle, component, create, manifest, parts, push, tokio_stream},
    stage::{Client, Stage, Who, code_of, command, new_key},
};

/// Builds what `src/lib.rs` says: `ok`, `bad`, `lies`, or nothing now.
#[derive(Debug)]
struct Scripted;

impl SourceCompiler for Scripted {
    fn compile(&self, job: CompileJob, tell: mpsc::Sender<CompileEvent>) -> Pin<Box<dyn Future<Output = Result<Compiled, NotCompiled>> + Send>> {
        Box::pin(async move {
            let _ = tell.send(CompileEvent::StepStarted("source".to_owned())).await;
            let took = Duration::from_millis(3);
            let _ = tell.send(CompileEvent::StepDone { step: "source".to_owned(), took, summary: "1 crate".to_owned() }).await;
            match &job.bundle.file("src/lib.rs").unwrap()[..] {
                b"bad" => {
                    let _ = tell.send(CompileEvent::Diagnostic { level: "error".to_owned(), text: "expected `;`".to_owned() }).await;
                    let finding = Finding::new("build", "source", "it does not build", "correct it");
                    return Err(NotCompiled::Failed(vec![finding]));
                }
                b"away" => return Err(NotCompiled::Unavailable("the toolchain is not installed".to_owned())),
                b"lies" => return Ok(compiled(job, |build| build.digest = "0".repeat(64))),
                _ => {}
            }
            Ok(compiled(job, |_| {}))
        })
    }
}

fn compiled(job: CompileJob, change: impl FnOnce(&mut Build)) -> Compiled {
    let wasm = component(7);
    let report = extensions_compiler_core::check(&wasm, extensions_compiler_core::Expected::default());
    let component: bytes::Bytes = report.component.unwrap().into();
    let mut build = Build {
        tenant: job.tenant,
        abi: Abi::Component,
        version: job.version,
        digest: extensions_artifact::digest(&component).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: job.created_by,
    };
    change(&mut build);
    let evidence = Evidence {
        origin: Origin::Source,
        source_sha256: job.bundle_sha256,
        component_sha256: extensions_artifact::digest(&component),
        component_bytes: component.len() as u64,
        toolchain: "scripted 1.0".to_owned(),
        imports: Vec::new(),
        tests: TestCounts { passed: 1, failed: 0 },
        at_ms: 0,
        elapsed_ms: 3,
        waivers: Vec::new(),
        build: None,
    };
    Compiled { definition: job.manifest.define(build), component, evidence }
}

async fn source(client: &mut Client, text: &str) -> u64 {
    let bytes = bundle(&[("extension.toml", manifest("x", "low").as_bytes()), ("src/lib.rs", text.as_bytes())]);
    let version = client.create_version(create("x", "low", v1::Origin::Source, &bytes)).await.unwrap().into_inner().change.unwrap().version;
    client.upload(tokio_stream(parts("x", version, &bytes))).await.unwrap();
    version
}

async fn compile(client: &mut Client, version: u64) -> Vec<Result<Event, tonic::Status>> {
    let mut stream = client.compile(v1::CompileRequest { command: Some(command("x")), version }).await.unwrap().into_inner();
    let mut events = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(progress)) => events.push(Ok(progress.event.unwrap())),
            Ok(None) => return events,
            Err(status) => {
                events.push(Err(status));
                return events;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_tells_its_steps_and_its_end() {
    let stage = Stage::with_compiler(Some(Arc::new(Scripted))).await;
    let mut ann = stage.client(&Who::person("ann"));
    let version = source(&mut ann, "ok").await;
    let events = compile(&mut ann, version).await;
    assert!(matches!(&events[..], [Ok(Event::Requested(_)), Ok(Event::StepStarted(_)), Ok(Event::StepDone(_)), Ok(Event::Built(_))]), "{events:?}");
    let again = compile(&mut ann, version).await;
    assert!(matches!(&again[..], [Ok(Event::Requested(_)), Ok(Event::Built(_))]), "asked again, its end: {again:?}");
    let request = v1::GetVersionRequest { tenant_id: String::new(), extension_id: "x".to_owned(), version, with_wit: true };
    let shown = ann.get_version(request).await.unwrap().into_inner();
    assert!(shown.wit.contains("export evaluate: func"), "{}", shown.wit);
    let evidence: serde_json::Value = serde_json::from_slice(&shown.evidence_json).unwrap();
    assert_eq!((evidence["toolchain"].as_str(), evidence["origin"].as_str()), (Some("scripted 1.0"), Some("source")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_fails_with_its_reasons_or_leaves_the_draft() {
    let stage = Stage::with_compiler(Some(Arc::new(Scripted))).await;
    let mut ann = stage.client(&Who::person("ann"));
    let bad = source(&mut ann, "bad").await;
    let events = compile(&mut ann, bad).await;
    assert!(matches!(&events[events.len() - 2..], [Ok(Event::Diagnostic(_)), Ok(Event::Failed(failed))] if failed.findings.len() == 1), "{events:?}");
    let away = source(&mut ann, "away").await;
    let events = compile(&mut ann, away).await;
    assert_eq!(code_of_last(events), "UNAVAILABLE");
    let lies = source(&mut ann, "lies").await;
    let events = compile(&mut ann, lies).await;
    assert!(matches!(events.last(), Some(Ok(Event::Failed(_)))), "the registry checks what a compiler gives: {events:?}");
}

fn code_of_last(events: Vec<Result<Event, tonic::Status>>) -> String {
    let status = events.into_iter().next_back().unwrap().unwrap_err();
    extensions_proto::detail_of(status.details()).unwrap().error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_without_its_source_cannot_be_compiled() {
    let stage = Stage::with_compiler(Some(Arc::new(Scripted))).await;
    let mut ann = stage.client(&Who::person("ann"));
    let created = ann.create_version(create("x", "low", v1::Origin::Source, b"never sent")).await.unwrap().into_inner();
    let request = v1::CompileRequest { command: Some(command("x")), version: created.change.unwrap().version };
    assert_eq!(code_of(&ann.compile(request).await.unwrap_err()), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_resumes_where_it_was() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    push(&mut ann, "x", 1).await;
    let one =
        |cursor: &str, after_seq| v1::WatchRequest { extension_id: "x".to_owned(), cursor: cursor.to_owned(), after_seq, tenant_id: String::new() };
    let mut watch = ann.watch(one("", Some(0))).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.event.unwrap().change, "version_created");
    drop(watch);
    let mut resumed = ann.watch(one(&first.cursor, None)).await.unwrap().into_inner();
    assert_eq!(resumed.message().await.unwrap().unwrap().event.unwrap().change, "version_built");
    let promote = v1::PromoteRequest { command: Some(command("x")), version: 1, to_env: "dev".to_owned() };
    ann.promote(promote).await.unwrap();
    let promoted = resumed.message().await.unwrap().unwrap().event.unwrap();
    assert_eq!((promoted.seq, promoted.change.as_str(), promoted.env.as_str(), promoted.from.as_str()), (3, "promoted", "dev", "192.0.2.7"));
    for (request, code) in
        [(one("garbage", None), "BAD_REQUEST"), (v1::WatchRequest { after_seq: Some(1), ..v1::WatchRequest::default() }, "BAD_REQUEST")]
    {
        assert_eq!(code_of(&ann.watch(request).await.unwrap_err()), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_watch_sees_every_extension() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    push(&mut ann, "x", 1).await;
    let mut watch = ann.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let beginning = watch.message().await.unwrap().unwrap();
    assert!(beginning.event.is_none() && !beginning.cursor.is_empty(), "{beginning:?}");
    push(&mut ann, "y", 1).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let item = watch.message().await.unwrap().unwrap();
        seen.extend(item.event.map(|event| (item.extension_id, event.change)));
    }
    assert_eq!(seen, [("y".to_owned(), "version_created".to_owned()), ("y".to_owned(), "version_built".to_owned())]);
    let request = v1::WatchRequest { cursor: beginning.cursor, ..v1::WatchRequest::default() };
    let again = ann.watch(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_eq!((again.extension_id.as_str(), again.event.unwrap().seq), ("y", 1), "resumed at the beginning");
}

/// Over HTTP the same streams are server-sent events.
#[tokio::test(flavor = "multi_thread")]
async fn progress_over_http() {
    let stage = Stage::with_compiler(Some(Arc::new(Scripted))).await;
    let who = Who::person("ann");
    let version = source(&mut stage.client(&who), "ok").await;
    let headers = [("content-type", "application/json"), ("idempotency-key", &*new_key())];
    let path = format!("/v1/registry/extensions/x/versions/{version}:compile");
    let answer = stage.send(&stage.token(&who), "POST", &path, &headers, b"{}".to_vec()).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let names: Vec<_> = answer.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["requested", "step_started", "step_done", "built"]);
}
