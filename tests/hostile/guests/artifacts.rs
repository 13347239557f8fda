//! Components and code that are not what their names say.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use extensions_aot::digest;
use extensions_test_support::{Guest, Start, log};
use extensions_types::Kind;
use tempfile::TempDir;

use crate::{
    CHILD,
    attack::{Attack, Row},
    stage::{Scene, Stage},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "cwasm-tampering", about: "machine code on disk that is not this host's", run: |stage| Box::pin(tampering(stage)) },
    Attack { name: "digest-swap", about: "bytes under another component's digest", run: |stage| Box::pin(swapped(stage)) },
];

fn answering(json: &str) -> Vec<u8> {
    Guest::answering(Kind::ProcessHook, json).component()
}

/// The code of a component in a host's folder.
fn code_of(home: &Path, component: &[u8]) -> PathBuf {
    let name = format!("{}.cwasm", digest(component));
    let engines = fs::read_dir(home.join("aot")).unwrap();
    let files = engines.map(|engine| engine.unwrap().path().join(&name));
    files.into_iter().find(|file| file.exists()).expect("the component was compiled")
}

/// An intruder with the host's own rights changes its cache: a later host
/// does not run it, says so, and compiles again.
async fn tampering(stage: &Stage) -> Vec<Row> {
    let (mine, foreign) = (answering("{\"mine\":1}"), answering("{\"foreign\":1}"));
    let first = stage.elsewhere(Scene::new(stage.profile).await);
    for (id, component) in [("mine", &mine), ("foreign", &foreign)] {
        first.serve(id, Kind::ProcessHook, "", component.clone()).await.1.unwrap();
    }
    let home = first.platform.home();
    drop(first);
    let (file, of_foreign) = (code_of(home.path(), &mine), code_of(home.path(), &foreign));
    let (whole, foreign_code) = (fs::read(&file).unwrap(), fs::read(of_foreign).unwrap());
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let changes = [
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("without its last byte", whole[..whole.len() - 1].to_vec()),
        ("with a byte more", [&whole[..], &[0]].concat()),
        ("empty", Vec::new()),
        ("another component's", foreign_code),
        ("a bit at the start", flipped(0)),
        ("a bit in the code", flipped(whole.len() / 3)),
        ("a bit at the end", flipped(whole.len() - 1)),
        ("random", vec![0x90; 64 << 10]),
    ];
    let mut rows = vec![untouched(stage, &home, &file, &mine).await];
    for (what, bytes) in changes {
        fs::remove_file(&file).unwrap();
        fs::write(&file, &bytes).unwrap();
        let warned = log::lines(is_warning).len();
        let later = stage.elsewhere(Scene::of(stage.profile, Start::new(CHILD).home(home.clone())).await);
        let loaded = later.serve("mine", Kind::ProcessHook, "", mine.clone()).await.1;
        let told = later.call("mine").await;
        let said = if log::lines(is_warning).len() > warned { "said so" } else { "no line in the log" };
        let mended = if fs::read(&file).unwrap() == bytes { "the bad file stays" } else { "compiled again" };
        rows.push(Row::new(
            what,
            "OK {\"mine\":1}, said so, compiled again",
            format!("{}{}, {said}, {mended}", told.answer(), loaded.err().unwrap_or_default()),
        ));
    }
    rows
}

/// What verifies is used as it is.
async fn untouched(stage: &Stage, home: &Arc<TempDir>, file: &Path, mine: &[u8]) -> Row {
    let modified = || fs::metadata(file).unwrap().modified().unwrap();
    let before = modified();
    let later = stage.elsewhere(Scene::of(stage.profile, Start::new(CHILD).home(Arc::clone(home))).await);
    later.serve("mine", Kind::ProcessHook, "", mine.to_vec()).await.1.unwrap();
    let how = if modified() == before { "as it is" } else { "compiled again" };
    Row::new("untouched", "OK {\"mine\":1}, as it is", format!("{}, {how}", later.call("mine").await.answer()))
}

fn is_warning(line: &serde_json::Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains("does not verify"))
}

/// A digest that is the neighbour's gives the neighbour's code only for the neighbour's bytes.
async fn swapped(stage: &Stage) -> Vec<Row> {
    let platform = &stage.platform;
    let (good, bad) = (answering("{\"good\":1}"), answering("{\"bad\":1}"));
    stage.serve("good", Kind::ProcessHook, "", good.clone()).await.1.unwrap();
    let mut rows = Vec::new();
    for (id, component, named) in [
        ("bad-as-good", bad.clone(), digest(&good).to_string()),
        ("good-as-unknown", good.clone(), digest(b"other").to_string()),
        ("nothing-as-good", Vec::new(), digest(&good).to_string()),
        ("no-digest", bad, "sha256".to_owned()),
        ("a-path", good.clone(), "../../../etc/passwd".to_owned()),
    ] {
        platform.serve_as(&stage.attacker, id, Kind::ProcessHook, "", component, named);
        let told = stage.call(id).await;
        rows.push(Row::new(id, "ARTIFACT_CORRUPT", told.answer()));
    }
    rows.push(Row::new("the digest's own component", "OK {\"good\":1}", stage.call("good").await.answer()));
    rows
}
