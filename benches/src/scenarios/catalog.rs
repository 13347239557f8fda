//! A host with a catalog of 10,000 extensions on MinIO: how soon it is ready,
//! and what an extension that nobody calls costs in memory.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, bail};
use extensions_artifact::{Owned, S3Settings, Secret, Store, digest, document};
use extensions_identity::{Audience, Claims, DevKey, Scope};
use extensions_test_servers::{Bucket, Minio};
use extensions_types::{
    Abi, ActorType, BlobRef, Build, CallLabel, EntryDocument, EntryVersion, Environment, ExtensionId, Manifest, SchemaV1, Schemas, TenantId, Version,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Bench;
use crate::harness::{Bound, Ended, Section, median, resident_kib};

const EXTENSIONS: usize = 10_000;
const TENANTS: usize = 100;
/// Starts that are measured; each is a process of its own.
const STARTS_MAX: usize = 5;
const READY_MAX: Duration = Duration::from_secs(60);
const WRITES_AT_ONCE: usize = 16;

/// What one host showed.
struct Seen {
    ready: Duration,
    /// Resident once it is ready.
    idle_kib: u64,
    /// Resident once each entry has been read.
    read_kib: u64,
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let minio = Minio::start()?;
    let (empty, full) = (minio.bucket()?, minio.bucket()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(&store(&full)?))?;
    let key = DevKey::generate()?;
    let starts = bench.plan.rounds.clamp(1, STARTS_MAX);
    let see = |bucket: &Bucket| (0..starts).map(|_| start(bucket, &key)).collect::<anyhow::Result<Vec<_>>>();
    let (bare, laden) = (see(&empty)?, see(&full)?);
    let median = |seen: &[Seen], figure: fn(&Seen) -> f64| median(seen.iter().map(figure).collect());
    let ready = |seen: &Seen| seen.ready.as_secs_f64();
    section.goal("host ready, empty catalog on MinIO", median(&bare, ready), "s", Bound::AtMost(3.0));
    section.goal("host ready, 10,000 extensions on MinIO", median(&laden, ready), "s", Bound::AtMost(3.0));
    let each = |figure: fn(&Seen) -> f64| (median(&laden, figure) - median(&bare, figure)).max(0.0) / EXTENSIONS as f64;
    section.goal("RSS of an extension in the index", each(|seen| seen.idle_kib as f64), "KiB", Bound::AtMost(64.0));
    section.goal("RSS of an extension whose entry was read", each(|seen| seen.read_kib as f64), "KiB", Bound::AtMost(64.0));
    Ok(())
}

/// Starts the program, waits until it is ready, has it read every entry, ends it.
fn start(bucket: &Bucket, key: &DevKey) -> anyhow::Result<Seen> {
    let home = tempfile::tempdir()?;
    let settings = settings(home.path(), bucket, key)?;
    let program = std::env::current_exe()?.with_file_name("extensions-runtime");
    let begin = Instant::now();
    let child = Command::new(&program).arg("--config").arg(settings).stderr(Stdio::piped()).stdin(Stdio::null()).spawn();
    let mut host = Ended(child.with_context(|| format!("cannot start {}; build the workspace first", program.display()))?);
    let log = BufReader::new(host.0.stderr.take().context("no log")?);
    let mut lines = log.lines();
    let address = loop {
        let line = lines.next().context("the host ended")??;
        let line: serde_json::Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        if line["message"] == "listening" {
            break line["address"].as_str().context("no address")?.parse()?;
        }
    };
    // The rest is read away, so that the host never waits for room.
    std::thread::spawn(move || lines.for_each(drop));
    while get(address, "/readyz", None)?.0 != 200 {
        if begin.elapsed() > READY_MAX {
            bail!("the host is not ready after {READY_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ready = begin.elapsed();
    let idle_kib = resident_kib(host.0.id())?;
    for at in 0..TENANTS {
        let (status, body) = get(address, "/v1/extensions", Some(&token(key, at)?))?;
        if status != 200 {
            bail!("a list answered {status}: {body}");
        }
    }
    Ok(Seen { ready, idle_kib, read_kib: resident_kib(host.0.id())? })
}

fn settings(home: &Path, bucket: &Bucket, key: &DevKey) -> anyhow::Result<std::path::PathBuf> {
    let path = home.join("host.toml");
    let text = format!(
        "env = \"prod\"\ndata_dir = {:?}\n[store]\n{}[listen]\naddress = \"127.0.0.1:0\"\n\
         [[identity.issuers]]\nissuer = \"bench\"\njwks = '{}'\ntenants = \"all\"\n",
        home.join("data"),
        bucket.to_toml(),
        key.jwks()
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

fn token(key: &DevKey, tenant: usize) -> anyhow::Result<String> {
    let until = SystemTime::now() + Duration::from_secs(3_600);
    let claims = Claims::new("bench", &CallLabel::parse("ada")?, Audience::Runtime, ActorType::User, until);
    Ok(key.sign(&claims.tenant(&TenantId::parse(&format!("tenant-{tenant}"))?).scopes(&[Scope::Invoke])))
}

pub(super) fn get(address: SocketAddr, path: &str, token: Option<&str>) -> anyhow::Result<(u16, String)> {
    let mut connection = TcpStream::connect(address)?;
    let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    write!(connection, "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n{token}\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no HTTP answer")?;
    Ok((status, answer))
}

fn store(bucket: &Bucket) -> anyhow::Result<Store> {
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
    Ok(Store::s3(&settings)?)
}

async fn fill(store: &Store) -> anyhow::Result<()> {
    let writes = stream::iter(0..EXTENSIONS).map(|at| async move {
        let (of, document) = entry(at)?;
        store.put(&of.entry(Environment::Prod), document::encode(&document)?).await?;
        anyhow::Ok(())
    });
    writes.buffer_unordered(WRITES_AT_ONCE).try_collect().await
}

/// An entry as a small extension has it: two versions with their schemas.
fn entry(at: usize) -> anyhow::Result<(Owned, EntryDocument)> {
    let id = format!("extension-{}", at / TENANTS);
    let of = Owned::new(TenantId::parse(&format!("tenant-{}", at % TENANTS))?, ExtensionId::parse(&id)?);
    let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"domain_hook\"\nlang = \"rust\"\ndescription = \"One of many.\"\n"))?;
    let schema =
        serde_json::json!({"type": "object", "properties": {"customer": {"type": "string"}, "lines": {"type": "array"}}, "required": ["customer"]});
    let version = |number: Version| {
        let sha256 = digest(format!("{of}@{number}").as_bytes());
        let schemas = Schemas { input: Some(schema.clone()), output: None };
        let (tenant, digest) = (of.tenant.clone(), sha256.to_string());
        let build = Build { tenant, abi: Abi::Component, version: number, digest, schemas, tool: None, created_by: "bench".to_owned() };
        let blob = BlobRef { key: of.component(number).path(), sha256, bytes: 20_000 };
        (number, EntryVersion { definition: manifest.clone().define(build), blob })
    };
    let current = Version::FIRST.next();
    let document = EntryDocument {
        schema: SchemaV1,
        tenant: of.tenant.clone(),
        extension: of.extension.clone(),
        env: Environment::Prod,
        generation: 1,
        applied_seq: 7,
        enabled: true,
        current,
        caller_pins: [].into(),
        hook_pins: [].into(),
        last_good: Some(Version::FIRST),
        versions: [version(Version::FIRST), version(current)].into(),
    };
    Ok((of, document))
}
