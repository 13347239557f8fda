//! An environment's control: events in the registry's store, their state in the
//! environment's, where hosts read it. The same protocol as for extensions,
//! without markers: there are three of them, and the reconciler looks at all.

use extensions_artifact::Key;
use extensions_registry_core::{
    Caller, Command, Decision, Event,
    control::{Control, ControlAction, ControlChange, ControlCommand, ControlEvent, decide},
};
use extensions_types::{CallLabel, Environment};
use tokio::time::timeout;

use crate::{
    Ledger, LedgerError, Stores,
    documents::{Found, Slot, raise, read_derived},
    events::{self, History},
    ledger::TURN_WAIT,
    record::{self, Attempt, TRIES_MAX},
};

impl History for Environment {
    type Change = ControlChange;
    fn key(&self, seq: u64) -> Key {
        Key::ControlEvent { env: *self, seq }
    }
}

/// What became of a change of control.
#[derive(Debug, Clone)]
pub struct ControlOutcome {
    /// The event that records it; where nothing had to change, the last event.
    pub seq: u64,
    /// False when it had been so before.
    pub changed: bool,
    /// The control after it, as hosts read it.
    pub control: Control,
}

/// A control, and what its state would be swapped over.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) control: Control,
    slot: Option<Slot>,
}

fn state_key(env: Environment) -> Key {
    Key::ControlState { env }
}

/// The state as hosts read it; from the events where it is damaged.
pub(crate) async fn snapshot(stores: &Stores, env: Environment) -> Result<Known, LedgerError> {
    let found: Option<Found<Control>> = read_derived(stores.env(env), &state_key(env)).await?;
    let damaged = found.as_ref().is_some_and(|found| found.value.is_none());
    let slot = found.as_ref().map(Found::slot);
    let own = |control: &Control| control.state.env == env;
    let control = found.and_then(|found| found.value).filter(own).unwrap_or_else(|| Control::new(env));
    let mut known = Known { control, slot };
    if damaged {
        catch_up(stores, env, &mut known.control).await?;
    }
    Ok(known)
}

/// The state after all events.
pub(crate) async fn latest(stores: &Stores, env: Environment) -> Result<Known, LedgerError> {
    let mut known = snapshot(stores, env).await?;
    catch_up(stores, env, &mut known.control).await?;
    Ok(known)
}

async fn catch_up(stores: &Stores, env: Environment, control: &mut Control) -> Result<(), LedgerError> {
    let at = control.state.applied_seq;
    events::after(stores.registry(), &env, at, |event| apply(env, control, &event)).await
}

fn apply(env: Environment, control: &mut Control, event: &ControlEvent) -> Result<(), LedgerError> {
    control.apply(event).map_err(|_| LedgerError::history(&env.key(event.seq), None))
}

/// The state from the events alone.
pub(crate) async fn fold(stores: &Stores, env: Environment) -> Result<Control, LedgerError> {
    let mut control = Control::new(env);
    catch_up(stores, env, &mut control).await?;
    Ok(control)
}

/// Writes the state, unless the environment has a later one.
pub(crate) async fn write(stores: &Stores, env: Environment, control: Control, slot: Option<Slot>) -> Result<(u64, u64), LedgerError> {
    raise(stores.env(env), &state_key(env), control, slot).await
}

/// The state as the environment has it, to be swapped over.
pub(crate) async fn found(stores: &Stores, env: Environment) -> Result<Option<Found<Control>>, LedgerError> {
    read_derived(stores.env(env), &state_key(env)).await
}

/// Makes sure that hosts of `env` read the state after all events. True where it had to be written.
pub(crate) async fn settle(stores: &Stores, env: Environment) -> Result<bool, LedgerError> {
    let Known { control, slot } = latest(stores, env).await?;
    let behind = slot.as_ref().is_none_or(|slot| slot.order() < control.state.order());
    if control.state.applied_seq == 0 && slot.is_none() || !behind {
        return Ok(false);
    }
    write(stores, env, control, slot).await.map(|_| true)
}

impl Ledger {
    /// An environment's control after all of its events.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn control(&self, env: Environment) -> Result<Control, LedgerError> {
        latest(self.stores(), env).await.map(|known| known.control)
    }

    /// Changes an environment's control. Answered when hosts can read it.
    ///
    /// # Errors
    /// See [`LedgerError`]: each says whether something was recorded.
    pub async fn change_control(&self, env: Environment, command: &ControlCommand, caller: &Caller) -> Result<ControlOutcome, LedgerError> {
        let _turn = timeout(TURN_WAIT, self.inner.controls.turn(&env)).await.map_err(|_| LedgerError::Busy)?;
        let known = latest(self.stores(), env).await?;
        let at_ms = self.inner.clock.now_ms();
        let mut run = Run { stores: self.stores(), env, command, caller, at_ms, known, open: None };
        let (seq, changed) = run.tries().await.map_err(|error| if run.open.is_some() { LedgerError::Unsettled(Box::new(error)) } else { error })?;
        let Known { control, slot } = run.known;
        let served = write(self.stores(), env, control.clone(), slot).await;
        served.map_err(|error| LedgerError::Unserved { seq, env, source: Box::new(error) })?;
        Ok(ControlOutcome { seq, changed, control })
    }

    /// Clears away switches whose time is over by this registry's clock. Gives
    /// the last event that it recorded, if any.
    ///
    /// # Errors
    /// When control cannot be read or changed; the next round goes on.
    pub async fn expire_switches(&self, env: Environment) -> Result<Option<u64>, LedgerError> {
        let now_ms = self.inner.clock.now_ms();
        let state = self.control(env).await?.state;
        let mut last = None;
        for switch in state.switches.into_iter().filter(|switch| !switch.holds(now_ms)) {
            let Some(until_ms) = switch.until_ms else { continue };
            let action = ControlAction::Expire { target: switch.target, source: switch.set.source, until_ms };
            // The switch's own event makes it one command, however many registries see it.
            let id = CallLabel::parse(&format!("expire-{}", switch.set.seq)).expect("a constant and digits are a label");
            let command = Command { id, expected_seq: None, why: "its time is over".to_owned(), from: None, action };
            let part = CallLabel::parse("control-clock").expect("a constant of the grammar");
            let outcome = self.change_control(env, &command, &Caller::registry(part)).await?;
            last = outcome.changed.then_some(outcome.seq).or(last);
        }
        Ok(last)
    }

    /// Events of an environment's control after `after`, at most `limit` (and 500).
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn control_history(&self, env: Environment, after: u64, limit: usize) -> Result<Vec<ControlEvent>, LedgerError> {
        events::some(self.stores().registry(), &env, after.saturating_add(1), limit.min(crate::history::PAGE_MAX)).await
    }
}

struct Run<'a> {
    stores: &'a Stores,
    env: Environment,
    command: &'a ControlCommand,
    caller: &'a Caller,
    at_ms: u64,
    known: Known,
    /// The number of an event that was sent and may still be recorded.
    open: Option<u64>,
}

impl Run<'_> {
    /// The event that records the command, and whether it changed anything.
    async fn tries(&mut self) -> Result<(u64, bool), LedgerError> {
        for tried in 0..TRIES_MAX {
            match decide(&self.known.control, self.command, self.caller)? {
                Decision::Record(change) => {
                    if let Some(seq) = self.record(change).await? {
                        return Ok((seq, true));
                    }
                }
                Decision::AlreadySo => return Ok((self.known.control.state.applied_seq, false)),
                Decision::Repeated { seq, .. } => return Ok((seq, true)),
            }
            record::pause(tried).await;
            catch_up(self.stores, self.env, &mut self.known.control).await?;
            self.open = self.open.filter(|&seq| seq > self.known.control.state.applied_seq);
        }
        match decide(&self.known.control, self.command, self.caller)? {
            Decision::Repeated { seq, .. } => Ok((seq, true)),
            Decision::Record(_) | Decision::AlreadySo => Err(LedgerError::Contended { tries: TRIES_MAX }),
        }
    }

    async fn record(&mut self, change: ControlChange) -> Result<Option<u64>, LedgerError> {
        let event = Event::new(self.known.control.state.applied_seq + 1, self.at_ms, self.command, self.caller, change);
        let mut after = self.known.control.clone();
        apply(self.env, &mut after, &event)?;
        match record::create(self.stores.registry(), &self.env.key(event.seq), &event).await? {
            Attempt::Recorded => {
                self.known.control = after;
                Ok(Some(event.seq))
            }
            Attempt::Open => {
                self.open = Some(event.seq);
                Ok(None)
            }
        }
    }
}
