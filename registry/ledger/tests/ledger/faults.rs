//! Every request of every command fails in every way, alone and in pairs; then
//! a fresh registry repairs, and nothing accepted is lost or doubled, nothing
//! refused is there, and every entry is what the history says.

use std::time::Duration;

use extensions_artifact::{
    Timing,
    testing::{Fault, Faults},
};
use extensions_registry_ledger::{LedgerError, Outcome};

use crate::{
    check,
    kit::one_try,
    scenes::{Scene, scenes},
};

/// Longer than any request takes to arrive, however late; the clock is paused.
const ALL_HAS_ARRIVED: Duration = Duration::from_secs(3_600);

const FAULTS: [Fault; 14] = [
    Fault::Refused,
    Fault::Error,
    Fault::Lost,
    Fault::Silent,
    Fault::SilentAfter,
    Fault::Delay(Duration::from_secs(3)),
    Fault::Late(Duration::from_secs(20)),
    Fault::Twice,
    Fault::TwiceFirst,
    Fault::WrongBytes,
    Fault::Torn,
    Fault::Missing,
    Fault::Stop,
    Fault::StopAfter,
];

/// How the faulty run ended; none: it was killed.
type Ended = Option<Result<Outcome, LedgerError>>;

/// Runs the scene's command in a copy of its world under a plan of faults, and checks everything.
async fn run(scene: &Scene, timing: Timing, plan: &[(u64, Fault)]) -> u64 {
    let told = format!("{} with {plan:?}, {} tries", scene.name, timing.tries);
    let world = scene.world.copy().await;
    let before = check::history(&world, &scene.of).await.0;
    let faults = Faults::default();
    plan.iter().for_each(|&(number, fault)| faults.at(number, fault));
    let ledger = world.faulty(&faults, timing);
    let ended: Ended = tokio::select! {
        biased;
        () = faults.stopped() => None,
        result = ledger.run(&scene.of, &scene.command, &scene.caller) => Some(result),
    };
    let calls = faults.count();
    drop(ledger);
    tokio::time::sleep(ALL_HAS_ARRIVED).await;

    let (events, _) = check::after_repair(&world, &scene.of).await;
    assert_eq!(events[..before.len()], before, "{told}: what is recorded stays");
    check_answer(scene, &told, &ended, &events[before.len()..]);
    if scene.goes {
        // Whoever did not get an answer asks again, and gets it, once.
        let again = world.ledger().run(&scene.of, &scene.command, &scene.caller).await.unwrap_or_else(|error| panic!("{told}: {error}"));
        if let Some(Ok(first)) = &ended {
            assert_eq!((first.seq, first.version, first.changed), (again.seq, again.version, again.changed), "{told}");
        }
        let (events, state) = check::history(&world, &scene.of).await;
        check::entries(&world, &scene.of, &state).await;
        assert_eq!(check::answers(&events, &scene.command.id), usize::from(again.changed), "{told}");
    }
    calls
}

/// The answer told the truth about `new` events.
fn check_answer(scene: &Scene, told: &str, ended: &Ended, new: &[extensions_registry_core::Event]) {
    let recorded = check::answers(new, &scene.command.id);
    assert_eq!(recorded, new.len(), "{told}: nobody else was there");
    assert!(recorded <= usize::from(scene.goes), "{told}: never twice, and nothing refused");
    match ended {
        Some(Ok(outcome)) => {
            assert!(scene.goes, "{told}: answered");
            assert_eq!(recorded, usize::from(outcome.changed), "{told}: what is accepted is there");
            if let Some(event) = new.first() {
                assert_eq!(event.seq, outcome.seq, "{told}");
            }
        }
        Some(Err(LedgerError::Unsettled(_))) | None => {}
        Some(Err(LedgerError::Unserved { seq, .. })) => {
            let confirmed = recorded == 0 && new.is_empty() && scene.name == "promote again";
            assert!(confirmed || new.first().is_some_and(|event| event.seq == *seq), "{told}: it was recorded");
        }
        Some(Err(error)) => assert_eq!(recorded, 0, "{told}: {error}, so nothing was changed"),
    }
}

/// How many requests a command makes when nothing goes wrong, and a few more
/// for what a fault makes it do besides.
async fn requests(scene: &Scene) -> u64 {
    run(scene, one_try(), &[]).await + 4
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_request_of_every_command() {
    for scene in scenes().await {
        for number in 1..=requests(&scene).await {
            for fault in FAULTS {
                run(&scene, one_try(), &[(number, fault)]).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_under_retries() {
    for scene in scenes().await {
        for number in 1..=requests(&scene).await {
            for fault in FAULTS {
                run(&scene, Timing::default(), &[(number, fault)]).await;
            }
        }
    }
}

/// The second fault meets what settles the first.
#[tokio::test(start_paused = true)]
async fn pairs_of_faults() {
    let second = [Fault::Error, Fault::Lost, Fault::Missing, Fault::StopAfter, Fault::Late(Duration::from_secs(20))];
    for scene in scenes().await {
        for number in 1..=requests(&scene).await {
            for first in [Fault::Lost, Fault::Error, Fault::Twice, Fault::Late(Duration::from_millis(30))] {
                for fault in second {
                    for next in 1..=2 {
                        run(&scene, one_try(), &[(number, first), (number + next, fault)]).await;
                    }
                }
            }
        }
    }
}
