//! What an author may count on: evidence, the same digest everywhere, every reason, no build twice.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use extensions_compile_jobs::{Bundle, CompileEvent, NotCompiled};
use extensions_compiler_core::{Expected, check};
use extensions_pipeline::place;
use extensions_toolchain::{Request, Toolchain, sdk};
use extensions_types::{Language, Origin, Sha256};
use extensions_worker::Drained;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{
    board::{Board, Ended},
    bundles,
    scene::Scene,
};

#[test]
fn a_rule_is_built_tested_and_told_about() {
    let scene = Scene::get();
    let bundle = bundles::plain();
    let Ended { result, events } = scene.run(scene.board.compile(&bundle));
    let compiled = result.unwrap();
    let evidence = &compiled.evidence;
    let build = evidence.build.as_ref().unwrap();
    assert_eq!((evidence.origin, evidence.tests.passed, evidence.tests.failed), (Origin::Source, 1, 0));
    assert!(build.isolation.starts_with("user namespace, mount namespace"), "{}", build.isolation);
    let steps: Vec<_> = build.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(steps, ["source", "secrets", "check", "compile", "test"]);
    assert_eq!(build.cases.len(), 1);
    assert!(build.cases[0].wall_micros > 0 && build.module_bytes > 0 && build.compact);
    assert_eq!(compiled.definition.metadata.created_by, "kim");
    assert!(events.iter().any(|event| matches!(event, CompileEvent::StepDone { step, .. } if step == "building the source")), "{events:?}");

    let again = scene.run(scene.board.compile(&bundle));
    let second = again.result.unwrap();
    assert!(again.events.iter().any(|event| matches!(event, CompileEvent::StepDone { step, .. } if step.contains("equal compile"))));
    assert_eq!((second.component, second.evidence), (compiled.component, compiled.evidence));
    assert_ne!(second.definition.version, compiled.definition.version, "the answer is about the version that was asked for");
}

/// Two folders on this machine as it is, and the sandbox with its own user.
#[test]
fn the_same_source_gives_the_same_digest_everywhere() {
    let scene = Scene::get();
    let bundle = bundles::plain();
    let isolated = scene.run(scene.board.compile(&bundle)).result.unwrap().evidence.component_sha256.to_string();
    for folder in ["here", "some where/else"] {
        assert_eq!(directly(scene, &placed(scene, &bundle, folder)), isolated, "{folder}");
    }
}

/// Copies, clones and worktrees have the package's name and the times of their files in common.
#[test]
fn a_copy_of_a_folder_is_not_taken_for_the_folder() {
    let scene = Scene::get();
    let copy = bundles::with_source("#[used]\nstatic MARK: [u8; 4] = *b\"copy\";\n");
    let [one, two] = [placed(scene, &bundles::plain(), "original"), placed(scene, &copy, "copy")];
    let of_one = directly(scene, &one);
    let of_two = directly(scene, &two);
    assert_ne!(of_one, of_two);
    assert_eq!((directly(scene, &one), directly(scene, &two)), (of_one, of_two));
}

fn placed(scene: &Scene, bundle: &Bundle, folder: &str) -> PathBuf {
    let folder = scene.outside.path().join(folder);
    place(&folder, bundle.files()).unwrap();
    folder
}

/// The digest of what an author's own machine makes of this folder.
fn directly(scene: &Scene, folder: &Path) -> String {
    let tools = scene.direct();
    let sdk = sdk::unpack(&tools.home, tools.sdks.rust).unwrap();
    let target_dir = folder.join("target");
    let request = Request { home: &tools.home, sdk: &sdk, folder, target_dir: &target_dir, runner: &*tools.runner };
    let module = Toolchain::find(&tools.home, Language::Rust).unwrap().build(request, &mut |_| {}).unwrap();
    check(&module.wasm, Expected::default()).facts.unwrap().digest
}

#[test]
fn every_reason_has_its_place_and_no_path_of_the_machine() {
    let scene = Scene::get();
    let broken = bundles::with_source("fn one() -> u8 { \"text\" }\nfn two() -> u8 { missing }\n");
    let Ended { result, events } = scene.run(scene.board.compile(&broken));
    let Err(NotCompiled::Failed(findings)) = result else { panic!("{result:?}") };
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|one| one.code == "does_not_compile" && one.place.starts_with("src/lib.rs:")), "{findings:?}");
    let told = format!("{findings:?}{events:?}");
    for path in [scene.home.path(), scene.outside.path()] {
        assert!(!told.contains(&*path.to_string_lossy()), "{told}");
    }
    let secret = bundles::with_source(&format!("const KEY: &str = \"AKIA{}\";\n", "Q3EGRZ7XW2LPN5TD"));
    let Err(NotCompiled::Failed(findings)) = scene.run(scene.board.compile(&secret)).result else { panic!("a secret was let pass") };
    assert!(findings.iter().any(|one| one.code == "embedded_secret" && one.place.starts_with("src/lib.rs:")), "{findings:?}");
}

/// Archives are read by the registry too; a worker trusts nobody.
#[test]
fn hostile_archives_are_refused_by_name() {
    let scene = Scene::get();
    let mut bomb = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    for _ in 0..64 {
        bomb.write_all(&[0; 1 << 20]).unwrap();
    }
    for (what, bytes) in [("no archive", b"no archive".to_vec()), ("zeros", bomb.finish().unwrap())] {
        let result = scene.run(scene.board.compile_bytes(Bytes::from(bytes))).result;
        let Err(NotCompiled::Failed(findings)) = &result else { panic!("{what}: {result:?}") };
        assert_eq!(findings[0].code, "bundle_refused", "{what}");
    }
}

#[test]
fn a_drain_gives_back_what_does_not_end() {
    let scene = Scene::get();
    let board = Arc::<Board>::default();
    let result = scene.run(async {
        let worker = scene.worker("drained", Arc::clone(&board) as _, Arc::clone(&board) as _).unwrap();
        assert!(scene.worker("drained", Arc::clone(&board) as _, Arc::clone(&board) as _).is_err(), "a folder is one worker's");
        let slow = bundles::named_with_build_script("slow", "std::thread::sleep(Duration::from_secs(3600))");
        let compiling = tokio::spawn({
            let board = Arc::clone(&board);
            async move { board.compile(&slow).await.result }
        });
        board.claimed().await;
        assert_eq!(worker.drain(Duration::ZERO).await, Drained { finished: 0, given_back: 1 });
        compiling.await.unwrap()
    });
    assert_eq!(result.unwrap_err(), NotCompiled::GivenBack);
}

/// The journal of a worker that was killed while it built this source, twice.
#[test]
fn a_source_that_ends_the_worker_is_set_aside() {
    let scene = Scene::get();
    let bundle = bundles::with_source("// poison");
    let source = Sha256::new(Hasher::digest(bundle.pack().unwrap()).into());
    let running = scene.outside.path().join("crashed/journal/running");
    let board = Arc::<Board>::default();
    let result = scene.run(async {
        for _ in 0..2 {
            std::fs::create_dir_all(&running).unwrap();
            std::fs::write(running.join("acme_rule_1_1"), format!("{{\"job\": \"acme/rule/1/1\", \"source_sha256\": \"{source}\"}}")).unwrap();
            let worker = scene.worker("crashed", Arc::<Board>::default(), Arc::<Board>::default()).unwrap();
            worker.drain(Duration::ZERO).await;
        }
        let worker = scene.worker("crashed", Arc::clone(&board) as _, Arc::clone(&board) as _).unwrap();
        let result = board.compile(&bundle).await.result;
        worker.drain(Duration::ZERO).await;
        result
    });
    let Err(NotCompiled::Failed(findings)) = result else { panic!("{result:?}") };
    assert_eq!(findings[0].code, "compile_poisoned");
}
