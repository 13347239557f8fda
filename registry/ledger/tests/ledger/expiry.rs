//! Switches with an end: cleared away when their time is over, once, by whoever looks first.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use extensions_registry_core::{Command, Policy, control::ControlAction};
use extensions_registry_ledger::{Clock, Ledger};
use extensions_types::{ControlSource, Environment, RiskTier, SwitchTarget};

use crate::kit::{World, label, off, operator};

#[tokio::test]
async fn a_switch_is_cleared_away_once_its_time_is_over() {
    let world = World::new();
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let clock = || {
        let now_ms = Arc::clone(&now_ms);
        Clock::from_fn(move || now_ms.load(Relaxed))
    };
    let [one, two] = [(); 2].map(|()| Ledger::new(world.stores(), Policy::default(), clock()));
    let env = Environment::Prod;
    let target = SwitchTarget::Tier { tier: RiskTier::High };
    let action = ControlAction::ForceOff { target, source: ControlSource::Operator, until_ms: Some(5_000), abort: false };
    let command = Command { id: label("timed"), expected_seq: None, why: "drill".into(), from: None, action };
    one.change_control(env, &command, &operator()).await.unwrap();
    one.change_control(env, &off("lasting"), &operator()).await.unwrap();

    now_ms.store(4_999, Relaxed);
    assert_eq!(one.expire_switches(env).await.unwrap(), None);
    now_ms.store(5_000, Relaxed);
    let (first, second) = tokio::join!(one.expire_switches(env), two.expire_switches(env));
    assert!(first.unwrap().is_some() || second.unwrap().is_some());
    let state = two.control(env).await.unwrap().state;
    assert_eq!((state.applied_seq, state.switches.len()), (3, 1), "one event, and the lasting switch stays");
    assert!(state.switches[0].until_ms.is_none());
    let last = one.control_history(env, 2, 10).await.unwrap();
    assert_eq!((last[0].change.name(), last[0].actor.to_string().as_str()), ("expired", "control-clock"));
    assert_eq!(one.expire_switches(env).await.unwrap(), None);
}
