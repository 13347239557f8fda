//! An environment's store, filled as the registry would.

use std::path::Path;

use extensions_artifact::{Key, Owned, S3Settings, Secret, Store, digest, document};
use extensions_test_servers::Bucket;
use extensions_test_support::Guest;
use extensions_types::{
    BlobRef, Build, ControlSource, ControlState, EntryDocument, EntryVersion, Environment, ExtensionId, Kind, Manifest, Provenance, SchemaV1,
    Schemas, Switch, SwitchTarget, TenantId, Version,
};

pub(crate) const ENV: Environment = Environment::Prod;

pub(crate) fn of(extension: &str) -> Owned {
    Owned::new(TenantId::parse("acme").unwrap(), ExtensionId::parse(extension).unwrap())
}

/// A component that answers `{"version": N}`.
pub(crate) fn answering(number: u64) -> Vec<u8> {
    Guest::answering(Kind::ProcessHook, format!("{{\"version\":{number}}}")).component()
}

/// A store to write to.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(pub(crate) Store);

impl Shelf {
    pub(crate) fn local(dir: &Path) -> Self {
        Self(Store::local(dir).unwrap())
    }

    pub(crate) fn bucket(bucket: &Bucket) -> Self {
        let settings = S3Settings {
            bucket: bucket.name.clone(),
            endpoint: Some(bucket.endpoint.clone()),
            region: "us-east-1".to_owned(),
            prefix: None,
            access_key: Some(Secret::new(&bucket.access_key)),
            secret_key: Some(Secret::new(&bucket.secret_key)),
            access_key_file: None,
            secret_key_file: None,
            ca_file: bucket.ca_file.clone(),
            virtual_hosted: false,
            allow_http: true,
        };
        Self(Store::s3(&settings).unwrap())
    }

    /// Serves version `number`, whose component answers with its number.
    pub(crate) async fn promote(&self, of: &Owned, number: u64) {
        let component = answering(number);
        let sha256 = digest(&component);
        self.0.put(&of.component(version(number)), component.into()).await.unwrap();
        self.write(&entry(of, number, sha256)).await;
    }

    pub(crate) async fn write(&self, entry: &EntryDocument) {
        let key = Owned::new(entry.tenant.clone(), entry.extension.clone()).entry(ENV);
        self.0.put(&key, document::encode(entry).unwrap()).await.unwrap();
    }

    pub(crate) async fn switch_off(&self, seq: u64, targets: &[SwitchTarget]) {
        let switch = |target: &SwitchTarget| Switch::new(target.clone(), Provenance::new(ControlSource::Operator, "drill", seq, 0));
        let state = ControlState { applied_seq: seq, switches: targets.iter().map(switch).collect(), ..ControlState::new(ENV) };
        self.0.put(&Key::ControlState { env: ENV }, document::encode(&state).unwrap()).await.unwrap();
    }
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// An entry at event `number` that serves version `number`.
pub(crate) fn entry(of: &Owned, number: u64, sha256: extensions_types::Sha256) -> EntryDocument {
    let manifest = Manifest::parse(&format!("id = \"{}\"\nkind = \"process_hook\"\nlang = \"rust\"\n", of.extension)).unwrap();
    let definition = manifest.define(Build {
        tenant: of.tenant.clone(),
        abi: extensions_types::Abi::Component,
        version: version(number),
        digest: sha256.to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "test".to_owned(),
    });
    let blob = BlobRef { key: of.component(version(number)).path(), sha256, bytes: 7 };
    EntryDocument {
        schema: SchemaV1,
        tenant: of.tenant.clone(),
        extension: of.extension.clone(),
        env: ENV,
        generation: 1,
        applied_seq: number,
        enabled: true,
        current: version(number),
        caller_pins: [].into(),
        hook_pins: [].into(),
        last_good: None,
        versions: [(version(number), EntryVersion { definition, blob })].into(),
    }
}
