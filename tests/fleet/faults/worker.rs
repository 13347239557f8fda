//! A compile worker killed with SIGKILL while it has a job.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use extensions_test_servers::FaultProxy;
use extensions_test_support::PlainGuest;
use serde_json::Value;

use crate::{
    cast::{Fleet, Host, RULE},
    programs::Server,
};

/// A worker that builds nothing but folders with a ready module: no toolchain, and so no time, is needed.
pub(crate) struct Worker {
    pub(crate) server: Server,
    to_registry: FaultProxy,
}

impl Worker {
    pub(crate) async fn start(fleet: &Fleet, name: &str) -> Self {
        let to_registry = FaultProxy::to(fleet.registry.address()).unwrap();
        let home = fleet.home().join(name);
        let settings = fleet.worker_settings(name, &home, to_registry.address());
        let [node, asc] = languages_that_only_seem_to_be_there(&home);
        let environment =
            [("EXT_NODE", node.as_str()), ("EXT_ASC", &asc), ("EXT_RUSTC", "/nowhere"), ("EXT_RUST_SYSROOT", "/nowhere"), ("EXT_TINYGO", "/nowhere")];
        Self { server: Server::start_worker(&settings, &environment).await, to_registry }
    }
}

/// A worker starts only where a language can be built. None of this is ever run but `node --version`.
fn languages_that_only_seem_to_be_there(home: &Path) -> [String; 2] {
    let (node, package) = (home.join("seeming/node"), home.join("seeming/assemblyscript"));
    fs::create_dir_all(package.join("dist")).unwrap();
    fs::write(&node, "#!/bin/sh\necho v20.0.0\n").unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(package.join("package.json"), "{\"name\": \"assemblyscript\", \"version\": \"0.28.0\"}").unwrap();
    fs::write(package.join("dist/asc.js"), "").unwrap();
    [node, package].map(|path| path.to_str().unwrap().to_owned())
}

/// A folder that is pushed as source, and answers `{"rule": 1}`.
pub(crate) fn source(fleet: &Fleet) -> String {
    let folder = fleet.home().join("source");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("extension.toml"), format!("id = \"{RULE}\"\nkind = \"process_hook\"\nlang = \"wasm\"\n")).unwrap();
    fs::write(folder.join("module.wat"), PlainGuest::answering("{\"rule\":1}").wat()).unwrap();
    folder.to_str().unwrap().to_owned()
}

async fn a_killed_workers_job_is_finished_by_another(fleet: Fleet) {
    let host: Host = fleet.host("one", "dev").await;
    let (first, folder) = (Worker::start(&fleet, "first").await, source(&fleet));
    let dies = async {
        first.server.log.says(|line: &Value| line["message"] == "a job begins").await;
        // It may be quicker than this test: what it says from now on arrives nowhere.
        first.to_registry.black_hole();
        first.server.kill().await;
        Worker::start(&fleet, "second").await
    };
    let (pushed, second) = tokio::join!(fleet.push_source(&folder), dies);
    assert_eq!(pushed.code, 0, "{}", pushed.words());
    assert!(second.server.log.text().contains("a job begins"), "{}", second.server.log.text());
    fleet.done(&["promote", &format!("{RULE}@1"), "--to", "dev"]).await;
    fleet.answers(&host, RULE, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_killed_with_a_job_and_another_finishes_it() {
    a_killed_workers_job_is_finished_by_another(Fleet::without_redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_killed_with_a_job_of_a_queue_in_redis_and_another_finishes_it() {
    a_killed_workers_job_is_finished_by_another(Fleet::with_redis().await).await;
}
