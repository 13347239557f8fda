//! Bundles that are not what they were announced as, and components that may not be served.

use bytes::Bytes;
use extensions_proto::v1::{self, upload_request::Part};
use extensions_registry::COMPONENT_FILE;
use tonic::Status;

use crate::{
    guest::{bundle, component, component_bundle, create, manifest, parts, tokio_stream},
    stage::{Client, Stage, Who, code_of},
};

async fn draft(client: &mut Client, origin: v1::Origin, bundle: &[u8]) -> u64 {
    client.create_version(create("x", "low", origin, bundle)).await.unwrap().into_inner().change.unwrap().version
}

async fn upload(client: &mut Client, version: u64, bundle: &Bytes) -> Result<v1::UploadResponse, Status> {
    client.upload(tokio_stream(parts("x", version, bundle))).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_announced_bytes_are_taken() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let good = component_bundle("x", "low", &component(1));
    let version = draft(&mut ann, v1::Origin::Uploaded, &good).await;
    let before = stage.objects();
    let mut longer = good.to_vec();
    longer.push(0);
    let mut other = good.to_vec();
    other[10] ^= 1;
    for (bytes, code) in
        [(longer, "INPUT_TOO_LARGE"), (good[..good.len() - 1].to_vec(), "BAD_REQUEST"), (other, "BAD_REQUEST"), (Vec::new(), "BAD_REQUEST")]
    {
        let refused = upload(&mut ann, version, &bytes.into()).await.unwrap_err();
        assert_eq!(code_of(&refused), code, "{refused:?}");
        assert_eq!(stage.noted().len(), 1);
    }
    let headless = v1::UploadRequest { part: Some(Part::Chunk(good.clone())) };
    assert_eq!(code_of(&ann.upload(tokio_stream(vec![headless])).await.unwrap_err()), "BAD_REQUEST");
    let mut two_heads = parts("x", version, &good);
    two_heads[1] = two_heads[0].clone();
    assert_eq!(code_of(&ann.upload(tokio_stream(two_heads)).await.unwrap_err()), "BAD_REQUEST");
    assert_eq!(stage.objects(), before, "nothing was kept");
    let done = upload(&mut ann, version, &good).await.unwrap();
    assert!(!done.digest.is_empty());
    assert_eq!(upload(&mut ann, version, &good).await.unwrap().digest, done.digest, "sent again, it succeeds");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bundles_are_refused_by_name() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let toml = manifest("x", "low");
    let wasm = component(1);
    let bomb = bundle(&[("extension.toml", toml.as_bytes()), ("zeros", &vec![0; 40 << 20])]);
    assert!(bomb.len() < 64 << 10);
    for (bytes, code) in [
        (Bytes::from_static(b"no archive"), "BAD_REQUEST"),
        (bomb, "INPUT_TOO_LARGE"),
        (bundle(&[(COMPONENT_FILE, &wasm)]), "BAD_REQUEST"),
        (bundle(&[("extension.toml", manifest("x", "medium").as_bytes()), (COMPONENT_FILE, &wasm)]), "BAD_REQUEST"),
        (bundle(&[("extension.toml", manifest("y", "low").as_bytes()), (COMPONENT_FILE, &wasm)]), "BAD_REQUEST"),
        (bundle(&[("extension.toml", b"\xff\xfe"), (COMPONENT_FILE, &wasm)]), "BAD_REQUEST"),
    ] {
        for origin in [v1::Origin::Uploaded, v1::Origin::Source] {
            let version = draft(&mut ann, origin, &bytes).await;
            let refused = upload(&mut ann, version, &bytes).await.unwrap_err();
            assert_eq!(code_of(&refused), code, "{origin:?}: {refused:?}");
        }
    }
}

/// All reasons come back, and the draft has failed for good.
#[tokio::test(flavor = "multi_thread")]
async fn components_that_may_not_be_served_fail_with_every_reason() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let foreign = wat::parse_str(r#"(component (import "wasi:io/poll@0.2.0" (instance)))"#).unwrap();
    let with_schema = format!("{}[schemas]\ninput = \"in.json\"\noutput = \"none.json\"\n", manifest("x", "low"));
    let rows = [
        (
            bundle(&[("extension.toml", manifest("x", "low").as_bytes()), (COMPONENT_FILE, &foreign)]),
            manifest("x", "low"),
            vec!["unknown_import", "missing_export"],
        ),
        (bundle(&[("extension.toml", manifest("x", "low").as_bytes())]), manifest("x", "low"), vec!["missing_file"]),
        (
            bundle(&[("extension.toml", with_schema.as_bytes()), (COMPONENT_FILE, &component(1)), ("in.json", br#"{"$ref": "file:///etc/passwd"}"#)]),
            with_schema.clone(),
            vec!["bad_schema", "missing_file"],
        ),
    ];
    for (bytes, manifest_toml, codes) in rows {
        let request = v1::CreateVersionRequest { manifest_toml, ..create("x", "low", v1::Origin::Uploaded, &bytes) };
        let version = ann.create_version(request).await.unwrap().into_inner().change.unwrap().version;
        let uploaded = upload(&mut ann, version, &bytes).await.unwrap();
        let found: Vec<_> = uploaded.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert!(codes.iter().all(|code| found.contains(code)), "{codes:?} in {:?}", uploaded.findings);
        assert!(uploaded.findings.iter().all(|finding| !finding.remedy.is_empty()));
        assert_eq!(uploaded.change.unwrap().state(), v1::VersionState::Failed);
        let request = v1::GetVersionRequest { tenant_id: String::new(), extension_id: "x".to_owned(), version, with_wit: false };
        let shown = ann.get_version(request).await.unwrap().into_inner();
        assert_eq!(shown.summary.unwrap().findings, uploaded.findings, "history has every reason");
        assert!(!stage.objects().contains_key(&format!("acme/x/{version}.wasm")), "nothing of it is stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_a_compile_waits_and_is_kept() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let source = bundle(&[("extension.toml", manifest("x", "low").as_bytes()), ("src/lib.rs", b"")]);
    let version = draft(&mut ann, v1::Origin::Source, &source).await;
    ann.upload(tokio_stream(parts("x", version, &source))).await.unwrap();
    let compile = v1::CompileRequest { command: Some(crate::stage::command("x")), version };
    let mut stream = ann.compile(compile).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(matches!(first.event, Some(v1::compile_progress::Event::Requested(_))), "{first:?}");
    assert!(stage.objects().contains_key(&format!("_compile/acme/x/{version}")), "whoever stops, it is found again");
    // Nobody refuses, and nobody answers: the caller's own patience ends it.
    assert!(futures_util::FutureExt::now_or_never(stream.message()).is_none());
}
