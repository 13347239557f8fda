//! Compile workers over gRPC: credentials, tokens, results that are not what they should be.

use extensions_artifact::digest;
use extensions_identity::Scope;
use extensions_proto::v1::{self, compile_jobs_client::CompileJobsClient, compile_progress::Event, complete_job_request::Result as Ended};
use extensions_types::{Abi, Build, Evidence, ExtensionDefinition, Limits, Manifest, Origin, RiskTier, Schemas, TenantId, TestCounts, Version};
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use crate::{
    guest::{bundle, component, create, manifest, parts, tokio_stream},
    stage::{Client, Stage, Who, code_of, command},
};

type Sign = Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>;
type Jobs = CompileJobsClient<InterceptedService<Channel, Sign>>;

fn worker(sub: &'static str) -> Who {
    Who { tenant: None, roles: Vec::new(), scopes: vec![Scope::Compile], actor: extensions_types::ActorType::System, ..Who::person(sub) }
}

fn jobs(stage: &Stage, who: &Who) -> Jobs {
    let channel = Endpoint::from_shared(format!("http://{}", stage.address)).unwrap().connect_lazy();
    let bearer: MetadataValue<_> = format!("Bearer {}", stage.token(who)).parse().unwrap();
    let sign: Sign = Box::new(move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok(request)
    });
    CompileJobsClient::with_interceptor(channel, sign).max_decoding_message_size(9 << 20)
}

const MEDIUM: &str = "medium";

/// A draft of tier medium that a compile was asked for; its version.
async fn asked(ann: &mut Client, text: &str) -> (u64, tonic::Streaming<v1::CompileProgress>) {
    let bytes = bundle(&[("extension.toml", manifest("x", MEDIUM).as_bytes()), ("src/lib.rs", text.as_bytes())]);
    let version = ann.create_version(create("x", MEDIUM, v1::Origin::Source, &bytes)).await.unwrap().into_inner().change.unwrap().version;
    ann.upload(tokio_stream(parts("x", version, &bytes))).await.unwrap();
    let stream = ann.compile(v1::CompileRequest { command: Some(command("x")), version }).await.unwrap().into_inner();
    (version, stream)
}

async fn claimed(jobs: &mut Jobs) -> v1::ClaimedJob {
    let job = jobs.next(v1::NextJobRequest { worker: "w/0".into() }).await.unwrap().into_inner().job;
    let claim = v1::ClaimJobRequest { job, worker: "w/0".into() };
    jobs.claim(claim).await.unwrap().into_inner().claimed.unwrap()
}

/// What an honest worker would send of version `version`.
fn honest(version: u64) -> (ExtensionDefinition, Vec<u8>, Evidence) {
    let report = extensions_compiler_core::check(&component(7), extensions_compiler_core::Expected::default());
    let component = report.component.unwrap();
    let build = Build {
        tenant: TenantId::parse("acme").unwrap(),
        abi: Abi::Component,
        version: Version::new(version).unwrap(),
        digest: digest(&component).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "ann".to_owned(),
    };
    let evidence = Evidence {
        origin: Origin::Source,
        source_sha256: digest(b"whatever"),
        component_sha256: digest(b"whatever"),
        component_bytes: 1,
        toolchain: "scripted 1.0".to_owned(),
        imports: Vec::new(),
        tests: TestCounts { passed: 1, failed: 0 },
        at_ms: 0,
        elapsed_ms: 3,
        waivers: Vec::new(),
        build: None,
    };
    (Manifest::parse(&manifest("x", MEDIUM)).unwrap().define(build), component, evidence)
}

fn result(token: &str, definition: &ExtensionDefinition, component: Vec<u8>, evidence: &Evidence) -> v1::CompleteJobRequest {
    let compiled = v1::CompiledJob {
        definition_json: serde_json::to_vec(definition).unwrap().into(),
        component: component.into(),
        evidence_json: serde_json::to_vec(evidence).unwrap().into(),
    };
    v1::CompleteJobRequest { token: token.to_owned(), result: Some(Ended::Compiled(compiled)) }
}

async fn last(stream: &mut tonic::Streaming<v1::CompileProgress>) -> Event {
    let mut event = None;
    while let Some(progress) = stream.message().await.unwrap() {
        event = progress.event;
    }
    event.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_a_job_and_its_result_is_the_version() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let (version, mut stream) = asked(&mut ann, "fn main() {}").await;
    let mut jobs = jobs(&stage, &worker("w"));
    let job = claimed(&mut jobs).await;
    assert_eq!((job.job.as_str(), job.created_by.as_str(), job.lease_millis), ("acme/x/1/1", "ann", 60_000));
    assert_eq!(digest(&job.source).to_string(), job.source_sha256);
    let step = v1::JobEvent { event: Some(v1::job_event::Event::StepStarted("build".into())) };
    jobs.report(v1::ReportJobRequest { token: job.token.clone(), events: vec![step] }).await.unwrap();
    let (definition, component, evidence) = honest(version);
    jobs.complete(result(&job.token, &definition, component.clone(), &evidence)).await.unwrap();
    let again = jobs.complete(result(&job.token, &definition, component, &evidence)).await.unwrap_err();
    assert!(again.message().starts_with("job_ended:") && code_of(&again) == "CONFLICT", "{again:?}");
    let Event::Built(built) = last(&mut stream).await else { panic!() };
    assert_eq!(built.digest, definition.digest);
    let request = v1::GetVersionRequest { tenant_id: String::new(), extension_id: "x".to_owned(), version, with_wit: false };
    let shown: serde_json::Value = serde_json::from_slice(&ann.get_version(request).await.unwrap().into_inner().evidence_json).unwrap();
    assert_eq!(shown["source_sha256"], job.source_sha256.as_str(), "the registry's own word, not the worker's");
    assert_eq!(shown["component_sha256"], definition.digest.as_str());
}

/// Who may ask, and who may not.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_for_workers_and_workers_for_jobs() {
    let stage = Stage::start().await;
    let of_a_tenant = Who { tenant: Some("acme"), ..worker("w") };
    let operating = Who { scopes: vec![Scope::Compile, Scope::Operate], ..worker("w") };
    for who in [Who::person("ann"), Who::operator(), of_a_tenant, operating] {
        let mut jobs = jobs(&stage, &who);
        let next = jobs.next(v1::NextJobRequest { worker: "w".into() }).await.unwrap_err();
        let claim = jobs.claim(v1::ClaimJobRequest { job: "acme/x/1/1".into(), worker: "w".into() }).await.unwrap_err();
        let report = jobs.report(v1::ReportJobRequest::default()).await.unwrap_err();
        let end = Some(Ended::GivenBack(v1::GivenBackJob {}));
        let complete = jobs.complete(v1::CompleteJobRequest { token: "t".into(), result: end }).await.unwrap_err();
        for refused in [next, claim, report, complete] {
            assert_eq!(code_of(&refused), "PERMISSION_DENIED", "{who:?}");
        }
        let noted = stage.noted();
        assert_eq!(noted.iter().map(|noted| noted.operation.as_str()).collect::<Vec<_>>(), ["NextJob", "ClaimJob", "ReportJob", "CompleteJob"]);
    }
    let mut registry = stage.client(&worker("w"));
    let listed = registry.list_extensions(v1::ListRegisteredRequest { tenant_id: "acme".into(), ..Default::default() }).await.unwrap_err();
    assert_eq!(code_of(&listed), "PERMISSION_DENIED");
    let request = v1::GetControlRequest { env: "dev".into() };
    assert_eq!(code_of(&registry.get_control(request).await.unwrap_err()), "PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_refused_by_name() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let (_, _stream) = asked(&mut ann, "x").await;
    let mut jobs = jobs(&stage, &worker("w"));
    let job = claimed(&mut jobs).await;
    let claim = |job: &str, worker: &str| v1::ClaimJobRequest { job: job.into(), worker: worker.into() };
    for wrong in [claim("acme/x", "w"), claim("acme/x/1/1", ""), claim("acme/x/1/1", "a b"), claim("../x/1/1", "w")] {
        assert_eq!(code_of(&jobs.claim(wrong).await.unwrap_err()), "BAD_REQUEST");
    }
    for absent in [claim("acme/x/1/2", "w"), claim("acme/x/2/1", "w"), claim("evil/x/1/1", "w")] {
        assert_eq!(jobs.claim(absent).await.unwrap().into_inner().claimed, None);
    }
    let forged = jobs.report(v1::ReportJobRequest { token: format!("{}x", job.token), events: Vec::new() }).await.unwrap_err();
    assert!(forged.message().starts_with("job_token_forged:"), "{forged:?}");
    let mut other = self::jobs(&stage, &worker("v"));
    let foreign = other.report(v1::ReportJobRequest { token: job.token.clone(), events: Vec::new() }).await.unwrap_err();
    assert!(foreign.message().starts_with("job_of_other_worker:") && code_of(&foreign) == "PERMISSION_DENIED", "{foreign:?}");
    let noted = stage.noted();
    assert!(noted.iter().any(|noted| noted.operation == "ReportJob" && noted.tenant.as_deref() == Some("acme")), "{noted:?}");
    let empty = v1::ReportJobRequest { token: job.token.clone(), events: vec![v1::JobEvent { event: None }] };
    assert_eq!(code_of(&jobs.report(empty).await.unwrap_err()), "BAD_REQUEST");
    let nothing = v1::CompleteJobRequest { token: job.token.clone(), result: None };
    assert_eq!(code_of(&jobs.complete(nothing).await.unwrap_err()), "BAD_REQUEST");
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let garbage = v1::CompiledJob { definition_json: deep.into(), component: Vec::new().into(), evidence_json: "{}".into() };
    let garbage = v1::CompleteJobRequest { token: job.token.clone(), result: Some(Ended::Compiled(garbage)) };
    assert_eq!(code_of(&jobs.complete(garbage).await.unwrap_err()), "BAD_REQUEST");
    let huge = v1::CompiledJob { component: vec![0; 7 << 20].into(), ..Default::default() };
    let huge = v1::CompleteJobRequest { token: job.token, result: Some(Ended::Compiled(huge)) };
    assert_eq!(code_of(&jobs.complete(huge).await.unwrap_err()), "INPUT_TOO_LARGE");
}

type Lie = fn(&mut ExtensionDefinition, &mut Vec<u8>);

/// A worker that returns something else than what its job was: the draft fails, by name, and nothing is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_workers_results() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let mut jobs = jobs(&stage, &worker("w"));
    let lies: [(&str, &str, Lie); 12] = [
        ("another tenant's", "other_definition", |definition, _| definition.tenant_id = TenantId::parse("evil").unwrap()),
        ("another extension", "other_definition", |definition, _| definition.id = extensions_types::ExtensionId::parse("y").unwrap()),
        ("another version", "other_definition", |definition, _| definition.version = Version::new(99).unwrap()),
        ("a wrong digest", "other_definition", |definition, _| definition.digest = "0".repeat(64)),
        ("another kind", "other_definition", |definition, _| definition.kind = extensions_types::Kind::ProcessHook),
        ("a higher tier", "other_definition", |definition, _| definition.risk_tier = RiskTier::High),
        ("host calls", "other_definition", |definition, _| definition.host_calls.extend(["orders.get".parse().unwrap()])),
        ("other limits", "other_definition", |definition, _| definition.limits = Limits { cpu_millis: 999, ..definition.limits }),
        ("another author", "other_definition", |definition, _| definition.metadata.created_by = "bob".into()),
        ("a schema of its own", "other_definition", |definition, _| definition.schemas.input = Some(serde_json::json!({"type": "object"}))),
        ("no component", "", |_, component| component.clear()),
        ("a component too large", "", |_, component| component.resize((4 << 20) + 1, 0)),
    ];
    for (name, code, lie) in lies {
        let (version, mut stream) = asked(&mut ann, name).await;
        let job = claimed(&mut jobs).await;
        let (mut definition, mut component, evidence) = honest(version);
        lie(&mut definition, &mut component);
        jobs.complete(result(&job.token, &definition, component, &evidence)).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
        let Event::Failed(failed) = last(&mut stream).await else { panic!("{name}") };
        assert!(failed.findings.iter().any(|finding| finding.code.contains(code)), "{name}: {failed:?}");
        assert!(!stage.objects().keys().any(|path| path.ends_with(&format!("/{version}.wasm"))), "{name}: nothing is stored");
    }
}

/// Waivers are found by the registry itself, in the bundle that it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_with_a_secret_that_a_marker_excuses_waits_for_a_reviewer() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let mut jobs = jobs(&stage, &worker("w"));
    let secret = format!("// ext:allow-secret a key of the public sandbox\nconst KEY: &str = \"AKIA{}\";\n", "IOSFODNN7EXAMPL2");
    let (version, mut stream) = asked(&mut ann, &secret).await;
    let job = claimed(&mut jobs).await;
    let (definition, component, evidence) = honest(version);
    jobs.complete(result(&job.token, &definition, component, &evidence)).await.unwrap();
    let end = last(&mut stream).await;
    assert!(matches!(end, Event::Built(_)), "{end:?}");
    let request = v1::GetVersionRequest { tenant_id: String::new(), extension_id: "x".to_owned(), version, with_wit: false };
    let waivers = ann.get_version(request).await.unwrap().into_inner().summary.unwrap().waivers;
    assert_eq!(waivers.len(), 1, "the registry's own look, whatever the worker says: {waivers:?}");
    assert!(waivers[0].place.starts_with("src/lib.rs") && !waivers[0].reason.is_empty() && waivers[0].granted_by.is_none(), "{waivers:?}");
    // Without the marker it is refused.
    let (_, mut stream) = asked(&mut ann, &secret.replace("ext:allow-secret", "")).await;
    let job = claimed(&mut jobs).await;
    let (definition, component, evidence) = honest(version + 1);
    jobs.complete(result(&job.token, &definition, component, &evidence)).await.unwrap();
    let Event::Failed(failed) = last(&mut stream).await else { panic!() };
    assert!(failed.findings.iter().any(|finding| finding.code == "embedded_secret" && finding.place.starts_with("src/lib.rs")), "{failed:?}");
}
