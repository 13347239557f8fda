//! One host for several environments, as in `ext dev`.

use std::{sync::Arc, time::SystemTime};

use extensions_catalog::{Catalogs, Layered, Overlay, ServedVersion};
use extensions_client::Endpoint;
use extensions_host::{Host, HostSettings};
use extensions_identity::{Audience, Claims, DevKey, IdentitySettings, IssuerSettings, Scope};
use extensions_test_support::{Request, event};
use extensions_types::{ActorType, Build, CallLabel, Environment, ExtensionId, Manifest, Schemas, TenantId};
use tokio::runtime::Handle;

use crate::{
    program::PROGRAM,
    shelf::{answering, version},
};

fn serving(number: u64) -> Arc<Overlay> {
    let component = answering(number);
    let build = Build {
        tenant: TenantId::parse("acme").unwrap(),
        abi: extensions_types::Abi::Component,
        version: version(number),
        digest: extensions_artifact::digest(&component).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "test".to_owned(),
    };
    let definition = Manifest::parse("id = \"x\"\nkind = \"process_hook\"\nlang = \"rust\"\n").unwrap().define(build);
    let overlay = Arc::new(Overlay::default());
    overlay.put(Arc::new(ServedVersion::new(definition, bytes::Bytes::from(component))));
    overlay
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_gets_the_environment_that_it_names_and_folders_hide_what_lies_below() {
    let (home, key) = (tempfile::tempdir().unwrap(), DevKey::generate().unwrap());
    let text = format!("env = \"dev\"\ndata_dir = {:?}\n[identity]\n[listen]\naddress = \"127.0.0.1:0\"\ndrain_notice_ms = 0\n", home.path());
    let mut settings = HostSettings::parse(&text, []).unwrap();
    settings.identity = IdentitySettings { allow_development: true, ..IdentitySettings::new(vec![IssuerSettings::development("test", key.jwks())]) };
    let folders = serving(9);
    let dev = Arc::new(Layered::new(Arc::clone(&folders), serving(1)));
    let catalogs = Catalogs::of(Environment::Dev, dev).and(Environment::Staging, serving(2));
    let host = Host::start(&settings, catalogs, Handle::current(), PROGRAM.as_ref()).unwrap();
    let endpoint: Endpoint = format!("http://{}", host.addresses().tcp.unwrap()).parse().unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let until = SystemTime::now() + std::time::Duration::from_secs(600);
    let claims = Claims::new("test", &CallLabel::parse("ada").unwrap(), Audience::Runtime, ActorType::User, until);
    let token = key.sign(&claims.tenant(&tenant).scopes(&[Scope::Invoke]));
    let call = async |env: &str| {
        let request = Request::new("POST", format!("/v1/extensions/x:invoke?point=task&env={env}")).token(&token).body("{}");
        event(request.send(&endpoint)).await
    };
    assert_eq!(call("").await.json()["version"], 9);
    assert_eq!(call("dev").await.json()["version"], 9);
    assert_eq!(call("staging").await.json()["version"], 2);
    assert_eq!(call("prod").await.error_code(), "BAD_REQUEST");
    assert_eq!(call("moon").await.error_code(), "BAD_REQUEST");
    folders.remove(&tenant, &ExtensionId::parse("x").unwrap());
    assert_eq!(call("").await.json()["version"], 1, "uncovered again");
    let listed = event(Request::get("/v1/extensions").token(&token).send(&endpoint)).await.json();
    assert_eq!(listed["extensions"][0]["served_version"], 1);
    host.drain().await;
}
