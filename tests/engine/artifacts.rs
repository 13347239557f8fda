//! What cannot be served is refused by name, and code on disk that is not
//! this host's is never run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use extensions_aot::digest;
use extensions_test_support::{
    Guest, Start,
    components::{WIT, of_module, process_hook_with},
    log,
};
use extensions_types::Kind;

use crate::support::{Attack, CHILD, Scene, assert_public, attack, failed, hook};

fn refused(name: &'static str, component: Vec<u8>) -> Attack {
    Attack { component, ..attack(name, &hook("(unreachable)"), "ARTIFACT_CORRUPT") }
}

#[tokio::test]
async fn what_is_no_process_hook_is_not_served() {
    let scene = Scene::new().await;
    let wit = format!("{}\ninterface clock {{ now: func() -> u64; }}", WIT.replace("world process-hook {", "world process-hook { import clock;"));
    let clock = "(module (import \"ameide:extensions/clock@1.0.0\" \"now\" (func (result i64))) (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export \"run\") (param i32 i32 i32 i32) (result i32) (drop (call 0)) unreachable))";
    let mut cut = hook("(unreachable)").component();
    cut.truncate(cut.len() / 2);
    let seventeen: String = (0..17).map(|at| format!("(core instance $i{at} (instantiate $small))")).collect();
    scene
        .withstands(vec![
            refused("an unknown import", of_module(&wit, "process-hook", clock)),
            refused("another world", Guest::answering(Kind::DomainHook, "{}").component()),
            refused("a core module", vec![0, b'a', b's', b'm', 1, 0, 0, 0]),
            refused("no wasm", b"MZ\x90\0 no component at all".to_vec()),
            refused("nothing", Vec::new()),
            refused("half a component", cut),
            refused("more than 4 mib", [b"\0asm\x0d\0\x01\0".to_vec(), vec![0; 4 << 20]].concat()),
            refused("many instances", process_hook_with(&format!("(core module $small) {seventeen}"))),
            refused("two memories in a module", process_hook_with("(core module $b (memory 1) (memory 1)) (core instance (instantiate $b))")),
            refused("a 64-bit memory", process_hook_with("(core module $b (memory i64 1)) (core instance (instantiate $b))")),
            refused("a shared memory", process_hook_with("(core module $b (memory 1 1 shared)) (core instance (instantiate $b))")),
        ])
        .await;
    let message = failed(scene.invoke("an-unknown-import").await).message;
    assert!(message.contains("clock"), "it names the import: {message}");
}

#[tokio::test]
async fn a_component_that_is_not_its_digest_is_corrupt() {
    let scene = Scene::new().await;
    let other = digest(b"other").to_string();
    let component = Guest::answering(Kind::ProcessHook, "{}").component();
    scene.platform.serve_as(&scene.hostile, "swapped", Kind::ProcessHook, "", component, other);
    let failed = failed(scene.invoke("swapped").await);
    assert_eq!(failed.code, "ARTIFACT_CORRUPT");
    assert_public(&failed.message);
    scene.others_are_unharmed("a swapped component").await;
}

/// The code of a component in a host's folder.
fn code_of(home: &Path, component: &[u8]) -> PathBuf {
    let name = format!("{}.cwasm", digest(component));
    let engines = fs::read_dir(home.join("aot")).unwrap();
    let files = engines.map(|engine| engine.unwrap().path().join(&name));
    files.into_iter().find(|file| file.exists()).expect("the component was compiled")
}

/// Puts `bytes` in a file's place, as an intruder with the host's rights would.
fn replace(file: &Path, bytes: &[u8]) {
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn code_that_does_not_verify_is_compiled_again() {
    let guest = Guest::answering(Kind::ProcessHook, "{\"mine\":1}").component();
    let foreign = Guest::answering(Kind::ProcessHook, "{\"foreign\":1}").component();
    let first = Scene::new().await;
    for (id, component) in [("mine", &guest), ("foreign", &foreign)] {
        first.serve(id, Kind::ProcessHook, "", component.clone()).await;
    }
    let home = first.platform.home();
    drop(first);
    let (file, of_foreign) = (code_of(home.path(), &guest), code_of(home.path(), &foreign));
    let (whole, foreign_code) = (fs::read(&file).unwrap(), fs::read(of_foreign).unwrap());
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    for (what, bytes) in [
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("another component's", foreign_code),
        ("changed", flipped),
        ("random", vec![0x90; 64 << 10]),
    ] {
        replace(&file, &bytes);
        let warned = log::lines(is_warning).len();
        let scene = Scene::of(Start::new(CHILD).home(home.clone())).await;
        scene.platform.serve(&scene.hostile, "mine", Kind::ProcessHook, "", guest.clone());
        assert_eq!(scene.invoke("mine").await.unwrap().output, "{\"mine\":1}", "{what}");
        assert!(log::lines(is_warning).len() > warned, "{what}: no line in the log");
        assert_ne!(fs::read(&file).unwrap(), bytes, "{what}: the bad file stays");
        scene.others_are_unharmed(what).await;
    }
    // What verifies is used as it is.
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let scene = Scene::of(Start::new(CHILD).home(home.clone())).await;
    scene.serve("mine", Kind::ProcessHook, "", guest).await;
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
}

fn is_warning(line: &serde_json::Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains("does not verify"))
}
