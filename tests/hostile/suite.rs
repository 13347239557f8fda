//! Runs the attacks, one after the other, in each profile.

use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Instant};

use crate::{
    arguments::Arguments,
    attack::Attack,
    callers, guests, leaks, process,
    report::{self, Came},
    stage::{ATTACK_MAX, Scene, Stage},
};

/// Answers that each neighbour must have got since an attack began, however short that was.
const NEIGHBOURS_CALLS_MIN: usize = 3;
/// What a profile's attacks may add to the process beyond the first few: every
/// host, client and compiled guest of the run is in it. An attack that leaves
/// something behind at each call passes it within one run.
const GROWTH_MIB_MAX: u64 = 768;

/// Every attack, in the order of the table.
fn all() -> Vec<Attack> {
    let attacks = [guests::all(), leaks::all(), callers::all()].concat();
    // A name is also its attacker's tenant: a second one would inherit what the first did to itself.
    let names: BTreeSet<&str> = attacks.iter().map(|attack| attack.name).collect();
    assert_eq!(names.len(), attacks.len(), "two attacks of one name");
    attacks
}

/// Runs what was asked for; success means that every row of every profile was as expected.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let attacks: Vec<Attack> = all().into_iter().filter(|attack| arguments.wants(attack)).collect();
    if arguments.list {
        attacks.iter().for_each(|attack| report::line(&format!("{:<24} {}", attack.name, attack.about)));
        return ExitCode::SUCCESS;
    }
    if attacks.is_empty() {
        report::line("no attack has such a name; --list names them");
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut failed = 0;
    for profile in &arguments.profiles {
        failed += runtime.block_on(in_profile(profile, &attacks, arguments.rows));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many attacks failed.
async fn in_profile(profile: &'static str, attacks: &[Attack], every_row: bool) -> usize {
    let began = Instant::now();
    process::watch();
    report::head(profile);
    let scene = Arc::new(Scene::new(profile).await);
    let before = process::resident_mib();
    let mut all = Vec::new();
    for attack in attacks {
        let came = one(&scene, *attack).await;
        report::came(&came, every_row);
        all.push(came);
    }
    let grown = process::resident_mib().saturating_sub(before);
    let failed = all.iter().filter(|came| !came.passed()).count();
    let rows: usize = all.iter().map(|came| came.rows.len()).sum();
    report::line(&format!(
        "{profile}: {} attacks, {rows} rows, {failed} failed, {:.1} s, {grown} MiB more than at the start",
        all.len(),
        began.elapsed().as_secs_f64()
    ));
    let stalled = process::stalled(began);
    if !stalled.is_zero() {
        report::line(&format!(
            "the machine stood still for {:.1} s meanwhile; answers that were late for that alone are not counted",
            stalled.as_secs_f64()
        ));
    }
    if grown > GROWTH_MIB_MAX {
        report::line(&format!("! more than {GROWTH_MIB_MAX} MiB: something of the attacks stays"));
        return failed + 1;
    }
    failed
}

async fn one(scene: &Arc<Scene>, attack: Attack) -> Came {
    let began = Instant::now();
    // What was seen between two attacks belongs to none.
    let _ = scene.neighbours.seen();
    let stage = Stage::new(Arc::clone(scene), attack.name);
    let attacking = async {
        let rows = (attack.run)(&stage).await;
        scene.neighbours.answered(NEIGHBOURS_CALLS_MIN).await;
        rows
    };
    let caught = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(attacking));
    let (rows, broke) = match tokio::time::timeout(ATTACK_MAX, caught).await {
        Ok(Ok(rows)) => (rows, None),
        Ok(Err(panic)) => (Vec::new(), Some(format!("it panicked: {}", said(&*panic)))),
        Err(_) => (Vec::new(), Some(format!("no end within {ATTACK_MAX:?}"))),
    };
    Came { attack, rows, broke, seen: scene.neighbours.seen(), took: began.elapsed() }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
