//! The registry's client against a scripted registry.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use extensions_proto::{
    refusal_details,
    v1::{
        self, ErrorDetail,
        extension_registry_server::{ExtensionRegistry, ExtensionRegistryServer},
    },
};
use extensions_types::{Environment, ErrorCode, ExtensionId, TenantId, Version, VersionState};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming, transport::Server};

use super::tcp;
use crate::{
    InvokeError,
    registry::{Change, CompileEvent, Filter, HistoryRange, Place, RegistryClient, WatchFrom},
};

type Answers<T> = Arc<Mutex<VecDeque<Result<T, Status>>>>;
type Uploads = Arc<Mutex<Vec<(v1::UploadHead, Vec<u8>)>>>;
type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers changes, compiles and watches in order; keeps what was asked.
#[derive(Clone, Default)]
struct Script {
    changes: Answers<v1::ChangeResponse>,
    compiles: Answers<Vec<Result<v1::CompileProgress, Status>>>,
    watches: Answers<Vec<Result<v1::WatchEvent, Status>>>,
    promotes: Arc<Mutex<Vec<v1::PromoteRequest>>>,
    uploads: Uploads,
    compile_keys: Arc<Mutex<Vec<String>>>,
    watched: Arc<Mutex<Vec<v1::WatchRequest>>>,
}

fn script<T>(answers: impl IntoIterator<Item = Result<T, Status>>) -> Answers<T> {
    Arc::new(Mutex::new(answers.into_iter().collect()))
}

fn next<T>(answers: &Answers<T>) -> Result<T, Status> {
    answers.lock().unwrap().pop_front().unwrap_or_else(|| Err(Status::internal("the script has ended")))
}

fn refused(code: ErrorCode, retry_after_ms: u32) -> Status {
    let detail = ErrorDetail { error_code: code.as_str().into(), retry_after_ms, correlation_id: "c-1".into() };
    let number = code.grpc() as i32;
    Status::with_details(Code::from_i32(number), "said no", refusal_details(number, "said no", &detail))
}

fn id(text: &str) -> ExtensionId {
    text.parse().unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn promoted(seq: u64) -> v1::ChangeResponse {
    let pin = v1::PinState { place: Some(v1::pin_state::Place::Caller("orders".into())), version: 2 };
    let entry = v1::EntryState { env: "prod".into(), version: 3, digest: "ab".into(), enabled: true, last_good: 2, pins: vec![pin] };
    v1::ChangeResponse { seq, changed: true, version: 3, state: Some(v1::VersionState::PromotedProd.into()), entry: Some(entry) }
}

impl Script {
    async fn serve(&self) -> RegistryClient {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = ExtensionRegistryServer::new(self.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        RegistryClient::builder().token("abc").connect_registry(&tcp(port)).unwrap()
    }
}

/// Methods that no test here asks for.
macro_rules! silent {
    ($($name:ident($request:ident) -> $answer:ident,)+) => {
        #[tonic::async_trait]
        impl ExtensionRegistry for Script {
            type CompileStream = Streamed<v1::CompileProgress>;
            type WatchStream = Streamed<v1::WatchEvent>;

            async fn promote(&self, request: Request<v1::PromoteRequest>) -> Result<Response<v1::ChangeResponse>, Status> {
                self.promotes.lock().unwrap().push(request.into_inner());
                next(&self.changes).map(Response::new)
            }

            async fn upload(&self, request: Request<Streaming<v1::UploadRequest>>) -> Result<Response<v1::UploadResponse>, Status> {
                let (mut head, mut bytes) = (v1::UploadHead::default(), Vec::new());
                let mut parts = request.into_inner();
                while let Some(part) = parts.message().await? {
                    match part.part.unwrap() {
                        v1::upload_request::Part::Head(first) => head = first,
                        v1::upload_request::Part::Chunk(chunk) => bytes.extend_from_slice(&chunk),
                    }
                }
                self.uploads.lock().unwrap().push((head, bytes));
                next(&self.changes).map(|change| Response::new(v1::UploadResponse { change: Some(change), ..Default::default() }))
            }

            async fn compile(&self, request: Request<v1::CompileRequest>) -> Result<Response<Self::CompileStream>, Status> {
                self.compile_keys.lock().unwrap().push(request.into_inner().command.unwrap().idempotency_key);
                Ok(Response::new(stream::iter(next(&self.compiles)?).boxed()))
            }

            async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
                self.watched.lock().unwrap().push(request.into_inner());
                Ok(Response::new(stream::iter(next(&self.watches)?).chain(stream::pending()).boxed()))
            }

            $(async fn $name(&self, _: Request<v1::$request>) -> Result<Response<v1::$answer>, Status> {
                Err(Status::unimplemented("not in this script"))
            })+
        }
    };
}

silent! {
    create_version(CreateVersionRequest) -> CreateVersionResponse,
    submit(SubmitRequest) -> ChangeResponse,
    decide(DecideRequest) -> ChangeResponse,
    rollback(RollbackRequest) -> ChangeResponse,
    pin(PinRequest) -> ChangeResponse,
    set_enabled(SetEnabledRequest) -> ChangeResponse,
    retire(RetireRequest) -> ChangeResponse,
    request_waiver(RequestWaiverRequest) -> ChangeResponse,
    grant_waiver(GrantWaiverRequest) -> ChangeResponse,
    lower_tier(LowerTierRequest) -> ChangeResponse,
    get_extension(GetExtensionRequest) -> GetExtensionResponse,
    get_version(GetVersionRequest) -> GetVersionResponse,
    list_extensions(ListRegisteredRequest) -> ListRegisteredResponse,
    history(HistoryRequest) -> HistoryResponse,
    get_control(GetControlRequest) -> GetControlResponse,
    change_control(ChangeControlRequest) -> ChangeControlResponse,
    erase_tenant(EraseTenantRequest) -> UpkeepResponse,
    list_hosts(ListHostsRequest) -> ListHostsResponse,
    list_precompiled(ListPrecompiledRequest) -> ListPrecompiledResponse,
    run_upkeep(RunUpkeepRequest) -> UpkeepResponse,
}

#[tokio::test]
async fn a_change_carries_its_command_and_is_read_whole() {
    let script = Script { changes: script([Ok(promoted(7))]), ..Script::default() };
    let client = script.serve().await.of_tenant(TenantId::parse("acme").unwrap());
    let change = Change::of(&id("vat")).why("go live").expected_seq(6).key("k-1");
    let done = client.promote(&change, version(3), Environment::Prod).await.unwrap();
    assert_eq!((done.seq, done.version, done.state), (7, Version::new(3), Some(VersionState::PromotedProd)));
    let entry = done.entry.unwrap();
    assert_eq!((entry.env, entry.last_good, &entry.pins[0].place), (Environment::Prod, Version::new(2), &Place::Caller("orders".into())));
    let asked = script.promotes.lock().unwrap().pop().unwrap();
    assert_eq!((asked.version, asked.to_env.as_str()), (3, "prod"));
    let command = asked.command.unwrap();
    assert_eq!((command.idempotency_key.as_str(), command.expected_seq, command.why.as_str()), ("k-1", Some(6), "go live"));
    assert_eq!((command.tenant_id.as_str(), command.extension_id.as_str()), ("acme", "vat"));
}

/// What may have arrived is sent again under the same key; CONFLICT is the caller's.
#[tokio::test]
async fn a_repetition_keeps_its_key_and_a_conflict_is_not_repeated() {
    let lost = || Err(Status::unavailable("a proxy lost it"));
    let script = Script { changes: script([lost(), Err(refused(ErrorCode::Unavailable, 1)), Ok(promoted(7))]), ..Script::default() };
    let client = script.serve().await;
    assert!(client.promote(&Change::of(&id("vat")), version(3), Environment::Prod).await.unwrap().changed);
    let keys: Vec<_> = script.promotes.lock().unwrap().drain(..).map(|asked| asked.command.unwrap().idempotency_key).collect();
    assert_eq!(keys.len(), 3);
    assert!(!keys[0].is_empty() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");

    script.changes.lock().unwrap().extend([Err(refused(ErrorCode::Conflict, 0)), Ok(promoted(8))]);
    let error = client.promote(&Change::of(&id("vat")), version(3), Environment::Prod).await.unwrap_err();
    assert_eq!((error.code(), script.promotes.lock().unwrap().len()), (Some(ErrorCode::Conflict), 1));
    assert_ne!(script.promotes.lock().unwrap()[0].command.as_ref().unwrap().idempotency_key, keys[0], "another change has another key");
}

#[tokio::test]
async fn a_bundle_arrives_whole_and_its_progress_rises() {
    let script = Script { changes: script([Ok(promoted(2))]), ..Script::default() };
    let bundle: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let tell = move |bytes| ear.lock().unwrap().push(bytes);
    script.serve().await.upload(&Change::of(&id("vat")).key("k"), version(1), Bytes::from(bundle.clone()), tell).await.unwrap();
    let (head, bytes) = script.uploads.lock().unwrap().pop().unwrap();
    assert_eq!((head.version, head.command.unwrap().idempotency_key.as_str(), bytes == bundle), (1, "k", true));
    assert!(heard.lock().unwrap().is_sorted() && heard.lock().unwrap().last() == Some(&200_000));
}

fn progress(event: v1::compile_progress::Event) -> Result<v1::CompileProgress, Status> {
    Ok(v1::CompileProgress { event: Some(event) })
}

#[tokio::test]
async fn a_compile_is_joined_again_and_told_to_its_end() {
    use v1::compile_progress::Event;
    let built = v1::CompileBuilt { change: Some(promoted(4)), digest: "cd".into(), component_bytes: 9 };
    let first = vec![progress(Event::StepStarted("build".into())), Err(Status::unavailable("restarting"))];
    let second = vec![progress(Event::StepDone(v1::StepDone { step: "build".into(), micros: 5, ..Default::default() }))];
    let third = vec![progress(Event::Built(built)), progress(Event::StepStarted("never told".into()))];
    let script = Script { compiles: script([Ok(first), Ok(second), Ok(third)]), ..Script::default() };
    let mut compiling = script.serve().await.compile(&Change::of(&id("vat")).key("k"), version(1)).await.unwrap();
    assert!(matches!(compiling.next().await.unwrap(), Some(CompileEvent::Started { step }) if step == "build"));
    assert!(matches!(compiling.next().await.unwrap(), Some(CompileEvent::Done { took, .. }) if took.as_micros() == 5));
    assert!(matches!(compiling.next().await.unwrap(), Some(CompileEvent::Built { component_bytes: 9, .. })));
    assert_eq!(compiling.next().await.unwrap(), None);
    assert_eq!(*script.compile_keys.lock().unwrap(), ["k", "k", "k"]);
}

#[tokio::test]
async fn a_watch_resumes_behind_what_it_has_given() {
    let event = |cursor: &str, seq| {
        let event = v1::HistoryEvent { seq, change: "promoted".into(), version: 3, env: "dev".into(), ..Default::default() };
        Ok(v1::WatchEvent { cursor: cursor.into(), extension_id: "vat".into(), event: Some(event) })
    };
    let alive = Ok(v1::WatchEvent { cursor: "c-2".into(), ..Default::default() });
    let first = vec![event("c-1", 5), alive, Err(Status::unavailable("restarting"))];
    let script = Script { watches: script([Ok(first), Ok(vec![event("c-3", 6)])]), ..Script::default() };
    let mut watching = script.serve().await.watch(Some(&id("vat")), WatchFrom::Seq(4)).await.unwrap();
    let given: Vec<_> = [watching.next().await.unwrap(), watching.next().await.unwrap()].map(|event| (event.event.seq, event.cursor)).into();
    assert_eq!(given, [(5, "c-1".to_owned()), (6, "c-3".to_owned())]);
    let asked: Vec<_> = script.watched.lock().unwrap().iter().map(|asked| (asked.cursor.clone(), asked.after_seq)).collect();
    assert_eq!(asked, [(String::new(), Some(4)), ("c-2".to_owned(), None)]);

    script.watches.lock().unwrap().push_back(Err(refused(ErrorCode::PermissionDenied, 0)));
    let error = script.serve().await.watch(None, WatchFrom::Now).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PermissionDenied));
}

#[tokio::test]
async fn a_server_without_a_registry_is_told_apart() {
    let client = Script::default().serve().await;
    assert!(matches!(client.list(&Filter::default(), 0, "").await.unwrap_err(), InvokeError::Absent { .. }));
    assert!(matches!(client.history(&id("x"), HistoryRange::default()).await.unwrap_err(), InvokeError::Absent { .. }));
}

/// A matter of types, so compiling is the test.
#[test]
fn calls_can_be_spawned() {
    fn sent<T: Send>(_: T) {}
    fn check(client: &RegistryClient, change: &Change) {
        sent(client.promote(change, Version::FIRST, Environment::Dev));
        sent(client.list(&Filter::default(), 0, ""));
        sent(client.upload(change, Version::FIRST, Bytes::new(), |_| ()));
        sent(client.compile(change, Version::FIRST));
        sent(client.watch(None, WatchFrom::Now));
    }
    let _ = check;
}
