//! Components and bundles to push.

use bytes::Bytes;
use extensions_artifact::digest;
use extensions_proto::v1;
use extensions_registry::{Bundle, COMPONENT_FILE};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::stage::{Client, command};

/// A component of world domain-hook; another number gives other bytes.
pub(crate) fn component(number: u32) -> Vec<u8> {
    let text = format!(
        r#"(module (memory (export "memory") 4) (global i32 (i32.const {number}))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "evaluate") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("extensions.wit", include_str!("../../../wit/extensions.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("domain-hook")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

pub(crate) fn manifest(extension: &str, tier: &str) -> String {
    format!("id = \"{extension}\"\nkind = \"domain_hook\"\nlang = \"rust\"\nrisk_tier = \"{tier}\"\ndescription = \"a rule\"\ntags = [\"t\"]\n")
}

pub(crate) fn bundle(files: &[(&str, &[u8])]) -> Bytes {
    let mut bundle = Bundle::default();
    for (path, bytes) in files {
        bundle.insert(path, Bytes::copy_from_slice(bytes)).unwrap();
    }
    bundle.pack().unwrap().into()
}

/// What `ext push` sends of a built component.
pub(crate) fn component_bundle(extension: &str, tier: &str, wasm: &[u8]) -> Bytes {
    bundle(&[("extension.toml", manifest(extension, tier).as_bytes()), (COMPONENT_FILE, wasm)])
}

pub(crate) fn create(extension: &str, tier: &str, origin: v1::Origin, bundle: &[u8]) -> v1::CreateVersionRequest {
    v1::CreateVersionRequest {
        command: Some(command(extension)),
        origin: origin.into(),
        manifest_toml: manifest(extension, tier),
        bundle_sha256: digest(bundle).to_string(),
        bundle_bytes: bundle.len() as u64,
    }
}

pub(crate) fn parts(extension: &str, version: u64, bundle: &Bytes) -> Vec<v1::UploadRequest> {
    use v1::upload_request::Part;
    let head = v1::UploadHead { command: Some(command(extension)), version };
    let chunks = bundle.chunks(1_000).map(|chunk| Part::Chunk(bundle.slice_ref(chunk)));
    std::iter::once(Part::Head(head)).chain(chunks).map(|part| v1::UploadRequest { part: Some(part) }).collect()
}

/// Pushes a component over gRPC; its version.
pub(crate) async fn push(client: &mut Client, extension: &str, number: u32) -> u64 {
    let bundle = component_bundle(extension, "low", &component(number));
    let created = client.create_version(create(extension, "low", v1::Origin::Uploaded, &bundle)).await.unwrap().into_inner();
    let version = created.change.unwrap().version;
    let uploaded = client.upload(tokio_stream(parts(extension, version, &bundle))).await.unwrap().into_inner();
    assert_eq!(uploaded.findings, []);
    version
}

pub(crate) fn tokio_stream<T: Send + 'static>(items: Vec<T>) -> impl futures_util::Stream<Item = T> + Send + 'static {
    futures_util::stream::iter(items)
}
