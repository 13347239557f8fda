//! Every request of every command fails in every way, alone and in pairs; then
//! a fresh registry repairs, and nothing accepted is lost or doubled, nothing
//! refused is there, and every entry is what the history says.

use std::time::Duration;

use extensions_artifact::{
    Key, Operation, Timing, document,
    testing::{Fault, Faults},
};
use extensions_registry_core::{Action, control::ControlAction};
use extensions_registry_ledger::{LedgerError, Outcome};
use extensions_types::{ControlSource, ControlState, Environment, Kind, RiskTier, SwitchTarget};

use crate::{
    check,
    kit::{Driver, World, built, bundle, component, described, draft, off, one_try, operator, owned, person, registry},
    scenes::{Scene, scenes},
};

/// Longer than any request takes to arrive, however late; the clock is paused.
const ALL_HAS_ARRIVED: Duration = Duration::from_secs(3_600);

const FAULTS: [Fault; 15] = [
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
    Fault::Full,
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

/// A disk that is full from some request on: nothing is half done, and once
/// there is room the same command goes.
#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up() {
    for scene in scenes().await {
        for number in 1..=requests(&scene).await {
            let plan: Vec<_> = (number..number + 40).map(|number| (number, Fault::Full)).collect();
            run(&scene, Timing::default(), &plan).await;
        }
    }
}

/// Control has no markers: the reconciler looks at it in every round.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_request_of_a_change_of_control() {
    for number in 1..=10 {
        for fault in FAULTS {
            for next in [None, Some(Fault::Error), Some(Fault::Lost), Some(Fault::StopAfter)] {
                let plan: Vec<_> = [(number, fault)].into_iter().chain(next.map(|fault| (number + 1, fault))).collect();
                change_control(&plan).await;
            }
        }
    }
}

async fn change_control(plan: &[(u64, Fault)]) {
    let world = World::new();
    world.ledger().change_control(Environment::Prod, &off("before"), &operator()).await.unwrap();
    let faults = Faults::default();
    plan.iter().for_each(|&(number, fault)| faults.at(number, fault));
    let (ledger, operator, mut lift) = (world.faulty(&faults, one_try()), operator(), off("the-command"));
    lift.action = ControlAction::Lift { target: SwitchTarget::Kind { kind: Kind::AgentTool }, source: ControlSource::Operator };
    let ended = tokio::select! {
        biased;
        () = faults.stopped() => None,
        result = ledger.change_control(Environment::Prod, &lift, &operator) => Some(result),
    };
    tokio::time::sleep(ALL_HAS_ARRIVED).await;
    let fresh = world.ledger();
    assert_eq!(fresh.reconcile_pending().await.unwrap().failed, 0);
    let events = fresh.control_history(Environment::Prod, 1, 10).await.unwrap();
    match &ended {
        Some(Ok(outcome)) => assert_eq!((events.len(), outcome.seq), (1, 2), "{plan:?}"),
        Some(Err(LedgerError::Unserved { .. })) => assert_eq!(events.len(), 1, "{plan:?}"),
        Some(Err(LedgerError::Unsettled(_))) | None => assert!(events.len() <= 1, "{plan:?}"),
        Some(Err(error)) => assert!(events.is_empty(), "{plan:?}: {error}, so nothing was changed"),
    }
    // Hosts read what the events say.
    let object = world.prod.get(&Key::ControlState { env: Environment::Prod }).await.unwrap().unwrap();
    let state: ControlState = document::decode(&object.bytes).unwrap();
    assert_eq!((state.applied_seq, state.switches.len()), (1 + events.len() as u64, 1 - events.len()), "{plan:?}");
    let again = fresh.change_control(Environment::Prod, &lift, &operator).await.unwrap();
    assert_eq!((again.seq, again.changed), (2, true), "{plan:?}");
    assert_eq!(fresh.control_history(Environment::Prod, 0, 10).await.unwrap().len(), 2);
}

/// A version's objects: whole, or not committed.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_request_of_an_upload() {
    let of = owned("order-check");
    let template = World::new();
    let mut driver = Driver::new(template.ledger(), of.clone());
    let drafted = driver.must(&person("ann"), draft(RiskTier::Low, "mine")).await.version.unwrap();
    driver.must(&person("ann"), Action::RequestCompile { version: drafted }).await;
    let made = described(&of, drafted, RiskTier::Low);
    for number in 1..=16 {
        for fault in FAULTS {
            let world = template.copy().await;
            let faults = Faults::default();
            faults.at(number, fault);
            let ledger = world.faulty(&faults, one_try());
            let upload = async {
                let source = ledger.put_source(&of, drafted, bundle("mine")).await.is_ok();
                let built = ledger.put_built(&of, drafted, component(drafted), &made).await.is_ok();
                (source, built)
            };
            let ended = tokio::select! {
                biased;
                () = faults.stopped() => (false, false),
                ended = upload => ended,
            };
            tokio::time::sleep(ALL_HAS_ARRIVED).await;
            let fresh = world.ledger();
            if ended.0 {
                assert_eq!(fresh.source(&of, drafted).await.unwrap(), bundle("mine"), "{fault:?} at {number}");
            }
            let mut driver = Driver::new(fresh.clone(), of.clone());
            if !ended.1 {
                fresh.put_source(&of, drafted, bundle("mine")).await.unwrap();
                fresh.put_built(&of, drafted, component(drafted), &made).await.unwrap();
            }
            driver.must(&registry(), built(&of, drafted, RiskTier::Low, 1)).await;
            assert_eq!(fresh.component(&of, drafted).await.unwrap(), component(drafted), "{fault:?} at {number}");
        }
    }
}

/// The reconciler itself dies and errs; the next one ends its work.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_request_of_a_repair() {
    let all = scenes().await;
    let scene = all.iter().find(|scene| scene.name == "retire").unwrap();
    let template = scene.world.copy().await;
    let faults = Faults::default();
    faults.rule(|call| (call.operation == Operation::Create && call.path.contains("/events/")).then_some(Fault::StopAfter));
    let dying = template.faulty(&faults, one_try());
    tokio::select! {
        () = faults.stopped() => {}
        result = dying.run(&scene.of, &scene.command, &scene.caller) => panic!("{result:?}"),
    }
    for number in 1..=40 {
        for fault in FAULTS {
            let world = template.copy().await;
            let faults = Faults::default();
            faults.at(number, fault);
            let ledger = world.faulty(&faults, one_try());
            tokio::select! {
                biased;
                () = faults.stopped() => {}
                result = ledger.reconcile_pending() => drop(result),
            }
            drop(ledger);
            tokio::time::sleep(ALL_HAS_ARRIVED).await;
            let (events, _) = check::after_repair(&world, &scene.of).await;
            assert_eq!(check::answers(&events, &scene.command.id), 1);
        }
    }
}
