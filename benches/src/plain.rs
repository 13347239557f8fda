//! What wrapping costs: modules of the plain ABI beside components of the same logic.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use extensions_aot::digest;
use extensions_catalog::ServedVersion;
use extensions_engine::{Engine, Extension, Settings, Unobserved};
use extensions_test_support::{Guest, PlainGuest};
use extensions_types::{Abi, Build, Kind, Manifest, Schemas, TenantId, Version};

use crate::{
    in_process::{context, invoke, one_thread},
    platform::modules,
    report::{Bound, Report},
    rounds::{Contender, Plan, Sample, alternate},
};

/// A component and a module that do the same.
const NAMES: [&str; 4] = ["component, answers", "plain module, answers", "component, context and log", "plain module, context and log"];

pub(crate) fn measure(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let engine = Arc::new(Engine::start(Settings { io_threads: 2, slow_calls_max: 8, ..Settings::default() }, Arc::new(Unobserved))?);
    let home = tempfile::tempdir()?;
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let versions = [
        (Abi::Component, Guest::answering(Kind::ProcessHook, "{}").component()),
        (Abi::Plain, PlainGuest::answering("{}").component()),
        (Abi::Component, component().component()),
        (Abi::Plain, module().component()),
    ];
    let mut contenders = Vec::new();
    for ((abi, wasm), name) in versions.into_iter().zip(NAMES) {
        let extension = background.block_on(load(&engine, home.path(), abi, wasm))?;
        let (engine, context) = (Arc::clone(&engine), context(&extension.definition().tenant_id));
        contenders.push(Contender::new(name, move |length| one_thread(length, || invoke(&engine, &extension, &context))));
    }
    let series = alternate(contenders, plan)?;
    report.add("plain", &series);
    let cpu = |at: usize| series[at].median(|sample: &Sample| sample.cpu_micros.unwrap_or(f64::NAN));
    report.goal("a wrapped module over a component, answers", cpu(1) - cpu(0), "µs", Bound::AtMost(2.0));
    report.goal("a wrapped module over a component, context and log", cpu(3) - cpu(2), "µs", Bound::AtMost(2.0));
    Ok(())
}

fn component() -> Guest {
    let body = "(call $current (i32.const 2048)) (call $log (call $line)) (call $ok (call $answer))";
    Guest::new(Kind::ProcessHook, body).text("line", "an order is above its ceiling").text("answer", "{}")
}

fn module() -> PlainGuest {
    let body = "(drop (call $host_context)) (call $host_log (i32.const 2) (call $line)) (call $pair (call $answer))";
    PlainGuest::new(body).text("line", "an order is above its ceiling").text("answer", "{}")
}

async fn load(engine: &Arc<Engine>, home: &Path, abi: Abi, component: Vec<u8>) -> anyhow::Result<Arc<Extension>> {
    let manifest = Manifest::parse("id = \"same\"\nkind = \"process_hook\"\nlang = \"rust\"\n")?;
    let digest = digest(&component).to_string();
    let tenant = TenantId::parse("bench")?;
    let build = Build { tenant, abi, version: Version::FIRST, digest, schemas: Schemas::default(), tool: None, created_by: "bench".to_owned() };
    let version = Arc::new(ServedVersion::new(manifest.define(build), Bytes::from(component)));
    Ok(modules(engine, home)?.get(&version, None).await?)
}
