//! `ext submit`, `ext approve`, `ext reject`.

use extensions_client::registry::{Change, Decision, RegistryClient};
use extensions_types::{Environment, Version, VersionSelector};

use super::{change, connect, guarded, named, pick, refused, report};
use crate::{
    args::{Approve, Global, Reference, Reject, Submit},
    failure::Failure,
    say::Say,
};

pub(crate) async fn submit(submit: &Submit, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &submit.extension.id;
    let version = match submit.extension.version {
        VersionSelector::Exact(version) => version,
        VersionSelector::Latest => {
            let extension = registry.extension(id).await.map_err(|error| refused(error, id))?;
            pick::next_for(&extension, submit.to)?.version
        }
    };
    let done = registry.submit(&change(id, &submit.change), version, submit.to).await.map_err(|error| refused(error, id))?;
    report(say, id, &done, &format!("{} is submitted for {}", named(id, version), submit.to));
    Ok(())
}

pub(crate) async fn approve(approve: &Approve, global: &Global, say: &Say) -> Result<(), Failure> {
    let id = &approve.extension.id;
    decide(&approve.extension, approve.to, Decision::Approve, change(id, &approve.change), global, say).await
}

pub(crate) async fn reject(reject: &Reject, global: &Global, say: &Say) -> Result<(), Failure> {
    let change = guarded(&reject.extension.id, &reject.why, &reject.guard);
    decide(&reject.extension, reject.to, Decision::Reject, change, global, say).await
}

async fn decide(extension: &Reference, to: Environment, decision: Decision, change: Change, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &extension.id;
    let (version, digest) = reviewed(&registry, extension, to).await?;
    let done = registry.decide(&change, version, to, decision, &digest).await.map_err(|error| refused(error, id))?;
    let word = match decision {
        Decision::Approve => "approved",
        Decision::Reject => "rejected",
    };
    report(say, id, &done, &format!("{} is {word} for {to}", named(id, version)));
    Ok(())
}

/// The version that is decided on, and the digest that the decision binds to.
async fn reviewed(registry: &RegistryClient, extension: &Reference, to: Environment) -> Result<(Version, String), Failure> {
    match extension.version {
        VersionSelector::Exact(version) => Ok((version, String::new())),
        VersionSelector::Latest => {
            let found = registry.extension(&extension.id).await.map_err(|error| refused(error, &extension.id))?;
            let waiting = pick::waiting_for(&found, to)?;
            Ok((waiting.version, waiting.digest.clone()))
        }
    }
}
