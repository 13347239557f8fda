//! Settings are checked before anything is bound, and what is wrong is named.

use std::process::Output;

use extensions_test_support::event;

use crate::program::{PROGRAM, Place, command};

async fn check(place: &Place, store: &str) -> (Option<i32>, String) {
    let output: Output = event(command(&place.settings(store)).arg("--check").output()).await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn wrong_settings_end_with_2_and_their_name() {
    let place = Place::new();
    let there = format!("dir = {:?}", place.home.path().join("store"));
    assert_eq!(check(&place, &there).await.0, Some(0));
    let cases = [
        ("", "name either `dir` or `s3`"),
        ("dir = \"a\"\ns3 = { bucket = \"b\" }", "name either `dir` or `s3`"),
        ("bucket = \"b\"", "bucket"),
        (&format!("{there}\n[engine]\nmemory_reset = \"fast\""), "engine.memory_reset"),
    ];
    for (store, expected) in cases {
        let (code, said) = check(&place, store).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said} should say: {expected}");
    }
    let output = event(command(&place.settings(&there)).env("EXT_CATALOG_POLL_MS", "5").arg("--check").output()).await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("catalog.poll_ms is 5"));
    let text = std::fs::read_to_string(place.settings(&there)).unwrap().replace("[store]", "[other]");
    std::fs::write(place.home.path().join("other.toml"), text).unwrap();
    let output = event(command(&place.home.path().join("other.toml")).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn help_shows_a_file_to_begin_with() {
    let output = event(tokio::process::Command::new(PROGRAM).arg("--help").output()).await.unwrap();
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["--config", "--admin-listen", "--memory-reset", "[store.s3]", "EXT_STORE_S3_BUCKET", "/readyz", "Exit codes"] {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
}
