//! `ext promote`, `rollback`, `pin`, `disable`, `enable`, `retire`.

use std::time::Instant;

use extensions_client::registry::Place;
use extensions_types::VersionSelector;

use super::{change, connect, named, pick, refused, report, wait};
use crate::{
    args::{Enable, Global, Pin, Promote, Retire, Rollback},
    failure::Failure,
    say::{Say, seconds},
};

pub(crate) async fn promote(promote: &Promote, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &promote.extension.id;
    let version = match promote.extension.version {
        VersionSelector::Exact(version) => version,
        VersionSelector::Latest => {
            let extension = registry.extension(id).await.map_err(|error| refused(error, id))?;
            pick::next_for(&extension, promote.to)?.version
        }
    };
    let waits = say.progress(format!("promoting {} to {}", named(id, version), promote.to));
    let start = Instant::now();
    let done = registry.promote(&change(id, &promote.change), version, promote.to).await;
    waits.finish_and_clear();
    let done = done.map_err(|error| refused(error, id))?;
    say.good(format_args!("promoted in {}", seconds(start.elapsed())));
    let about = wait::About { extension: id, env: promote.to, changed: &done };
    wait::report(&registry, &promote.wait, about, &format!("{} is served in {}", named(id, version), promote.to), say).await
}

pub(crate) async fn rollback(rollback: &Rollback, global: &Global, say: &Say) -> Result<(), Failure> {
    let (id, env) = (&rollback.extension, global.env);
    let registry = connect(global)?;
    let done = registry.rollback(&change(id, &rollback.change), rollback.to, env).await.map_err(|error| refused(error, id))?;
    let about = wait::About { extension: id, env, changed: &done };
    wait::report(&registry, &rollback.wait, about, &format!("{} is served in {env} again", named(id, rollback.to)), say).await
}

pub(crate) async fn pin(pin: &Pin, global: &Global, say: &Say) -> Result<(), Failure> {
    let (id, env) = (&pin.extension.id, global.env);
    let (place, who) = match (&pin.caller, &pin.hook_point) {
        (Some(caller), _) => (Place::Caller(caller.clone()), format!("caller {caller}")),
        (None, Some(point)) => (Place::HookPoint(point.clone()), format!("hook point {point}")),
        (None, None) => return Err(Failure::Usage("say whose calls with --caller or --hook-point".to_owned())),
    };
    let version = match (pin.extension.version, pin.remove) {
        (VersionSelector::Exact(version), false) => Some(version),
        (VersionSelector::Latest, true) => None,
        (VersionSelector::Latest, false) => {
            return Err(Failure::Usage(format!("say which version: {id}@VERSION, or --remove to take the pin away")));
        }
        (VersionSelector::Exact(_), true) => {
            return Err(Failure::Usage(format!("--remove takes the pin away whatever its version: name {id} alone")));
        }
    };
    let registry = connect(global)?;
    let done = registry.pin(&change(id, &pin.change), env, place, version).await.map_err(|error| refused(error, id))?;
    let text = match version {
        Some(version) => format!("{who} gets {} in {env}", named(id, version)),
        None => format!("{who} gets what {env} serves of {id}"),
    };
    wait::report(&registry, &pin.wait, wait::About { extension: id, env, changed: &done }, &text, say).await
}

pub(crate) async fn set_enabled(enable: &Enable, enabled: bool, global: &Global, say: &Say) -> Result<(), Failure> {
    let (id, env) = (&enable.extension, global.env);
    let registry = connect(global)?;
    let done = registry.set_enabled(&change(id, &enable.change), env, enabled).await.map_err(|error| refused(error, id))?;
    let text = format!("{id} is {} in {env}", if enabled { "on" } else { "off" });
    wait::report(&registry, &enable.wait, wait::About { extension: id, env, changed: &done }, &text, say).await
}

pub(crate) async fn retire(retire: &Retire, global: &Global, say: &Say) -> Result<(), Failure> {
    let id = &retire.extension.id;
    let VersionSelector::Exact(version) = retire.extension.version else {
        return Err(Failure::Usage(format!("say which version: {id}@VERSION; `ext show {id}` lists them")));
    };
    let done = connect(global)?.retire(&change(id, &retire.change), version).await.map_err(|error| refused(error, id))?;
    report(say, id, &done, &format!("{} is retired", named(id, version)));
    Ok(())
}
