//! The signer as its operators run it: a key pair, one run, its report, and its refusals.

use std::{fs, path::Path};

use extensions_artifact::{Key, Owned, Prefix, Store, digest, document};
use extensions_identity::DevKey;
use extensions_types::{Abi, BlobRef, Build, EntryDocument, EntryVersion, Environment, ExtensionId, Manifest, SchemaV1, Schemas, TenantId, Version};
use futures_util::TryStreamExt as _;
use serde_json::Value;

use crate::program::program;

/// The smallest component there is: a preamble.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A folder with stores, of which prod serves one component; its settings file.
async fn served(dir: &Path, more: &str) -> String {
    let issuer = format!("issuer = 'https://id.example'\njwks = '{}'\ntenants = 'all'\n", DevKey::generate().unwrap().jwks());
    let stores = format!("[store]\ndir = '{0}/store'\n[stores.prod]\ndir = '{0}/prod'\n", dir.display());
    let text = format!("[[identity.issuers]]\n{issuer}{stores}{more}");
    fs::write(dir.join("signer.toml"), text).unwrap();
    let prod = Store::local(&dir.join("prod")).unwrap();
    let of = Owned::new(TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
    let manifest = Manifest::parse("id = \"x\"\nkind = \"process_hook\"\nlang = \"rust\"\n").unwrap();
    let (version, sha256) = (Version::FIRST, digest(COMPONENT));
    let build = Build {
        tenant: of.tenant.clone(),
        abi: Abi::Component,
        version,
        digest: sha256.to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "test".to_owned(),
    };
    let blob = of.component(version);
    let listed = EntryVersion { definition: manifest.define(build), blob: BlobRef { key: blob.path(), sha256, bytes: COMPONENT.len() as u64 } };
    let entry = EntryDocument {
        schema: SchemaV1,
        tenant: of.tenant.clone(),
        extension: of.extension.clone(),
        env: Environment::Prod,
        generation: 1,
        applied_seq: 1,
        enabled: true,
        current: version,
        caller_pins: Default::default(),
        hook_pins: Default::default(),
        last_good: None,
        versions: [(version, listed)].into(),
    };
    prod.put(&blob, COMPONENT.into()).await.unwrap();
    prod.put(&of.entry(Environment::Prod), document::encode(&entry).unwrap()).await.unwrap();
    dir.join("signer.toml").display().to_string()
}

#[tokio::test]
async fn a_signer_makes_its_key_and_signs_what_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("signer.key").display().to_string();
    let (code, made, _) = program(&["signer", "--new-key", &key]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((code, made["public"].as_str()), (0, Some(format!("{key}.pub").as_str())));
    assert_eq!(program(&["signer", "--new-key", &key]).0, 2, "a key is never written over");

    let config = served(dir.path(), &format!("[signer]\nkey_file = '{key}'\n")).await;
    assert_eq!(program(&["signer", "--config", &config, "--check"]).0, 0);
    let (code, report, said) = program(&["signer", "--config", &config, "--once"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((code, &report["compiled"], &report["stored"]), (0, &Value::from(1), &Value::from(2)), "{said}");
    assert!(said.contains("signing"), "{said}");
    for store in ["store", "prod"] {
        let store = Store::local(&dir.path().join(store)).unwrap();
        let rows: Vec<_> = store.list(&Prefix::Precompiled, None).try_collect().await.unwrap();
        assert!(matches!(&rows[..], [code, account]
            if matches!(&code.key, Key::Precompiled { component, .. } if *component == digest(COMPONENT)) && matches!(account.key, Key::Signer { .. })));
    }
}

#[tokio::test]
async fn a_signer_without_a_key_of_its_own_does_not_start() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let config = served(dir.path(), "").await;
    let (code, _, said) = program(&["signer", "--config", &config, "--once"]);
    assert!(code == 2 && said.contains("[signer]"), "{said}");

    let key = dir.path().join("signer.key");
    program(&["signer", "--new-key", &key.display().to_string()]);
    let config = served(dir.path(), &format!("[signer]\nkey_file = '{}'\n", key.display())).await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, said) = program(&["signer", "--config", &config, "--once"]);
    assert!(code == 2 && said.contains("may be read by others"), "{said}");
    assert_eq!(program(&["--config", &config, "--check"]).0, 0, "a registry does not read the signer's key");

    let config = served(dir.path(), "[signer]\nkey_file = 'k'\nprofiles = ['fast']\n").await;
    let (code, _, said) = program(&["signer", "--config", &config, "--once"]);
    assert!(code == 2 && said.contains("fast"), "{said}");
}
