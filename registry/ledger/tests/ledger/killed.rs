//! A registry's process killed for real, on a disk, at every request of a command.

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, ExitStatus},
};

use extensions_artifact::{
    Timing,
    testing::{Fault, Faults},
};

use crate::{check, kit::World, scenes::scenes};

const FOLDER: &str = "LEDGER_TEST_FOLDER";
const SCENE: &str = "LEDGER_TEST_SCENE";
const AT: &str = "LEDGER_TEST_KILL_AT";
const AFTER: &str = "LEDGER_TEST_KILL_AFTER";
/// More requests than any command makes: one that never ends is an error.
const REQUESTS_MAX: u64 = 60;

/// Does nothing unless it is the child of the tests below.
#[tokio::test]
async fn child() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let scene = env::var(SCENE).unwrap();
    let scene = scenes().await.into_iter().find(|other| other.name == scene).unwrap();
    let fault = if env::var(AFTER).is_ok() { Fault::KillAfter } else { Fault::Kill };
    let faults = Faults::default();
    faults.at(env::var(AT).unwrap().parse().unwrap(), fault);
    let ledger = World::on_disk(Path::new(&folder)).faulty(&faults, Timing::default());
    ledger.run(&scene.of, &scene.command, &scene.caller).await.unwrap();
}

fn run_child(folder: &Path, scene: &str, at: u64, after: bool) -> ExitStatus {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "killed::child", "--test-threads", "1"]).stdout(std::process::Stdio::null());
    child.env(FOLDER, folder).env(SCENE, scene).env(AT, at.to_string());
    if after {
        child.env(AFTER, "1");
    }
    child.status().unwrap()
}

async fn kill_everywhere(name: &str) {
    let scene = scenes().await.into_iter().find(|scene| scene.name == name).unwrap();
    let mut kills = 0;
    for after in [false, true] {
        for at in 1..=REQUESTS_MAX {
            assert!(at < REQUESTS_MAX, "the command does not end");
            let folder = tempfile::tempdir().unwrap();
            let world = World::on_disk(folder.path());
            scene.world.copy_to(&world).await;
            let before = check::history(&world, &scene.of).await.0;
            let status = run_child(folder.path(), name, at, after);
            assert!(status.success() || status.signal() == Some(9), "{status}");
            let (events, _) = check::after_repair(&world, &scene.of).await;
            assert_eq!(events[..before.len()], before);
            assert!(events.len() <= before.len() + 1);
            let again = world.ledger().run(&scene.of, &scene.command, &scene.caller).await.unwrap();
            assert!(again.changed);
            let (events, _) = check::after_repair(&world, &scene.of).await;
            assert_eq!(check::answers(&events, &scene.command.id), 1);
            if status.success() {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 5, "{kills}");
}

#[tokio::test]
async fn while_it_promotes_to_another_store() {
    kill_everywhere("promote to prod").await;
}

/// Between the marker and the event among others: whoever asks again gets the same compile.
#[tokio::test]
async fn while_a_compile_is_asked_for() {
    kill_everywhere("request compile").await;
}

/// Between the event and the marker's removal among others.
#[tokio::test]
async fn while_a_build_is_recorded() {
    kill_everywhere("report built").await;
}

#[tokio::test]
async fn while_it_rolls_back() {
    kill_everywhere("roll back").await;
}
