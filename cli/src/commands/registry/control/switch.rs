//! `ext admin switch`: of the environment through the registry, or of one host.

use std::time::SystemTime;

use extensions_client::{
    HttpClient,
    registry::{ControlSet, Switch},
};
use extensions_types::{Kind, SwitchTarget};
use serde_json::json;

use super::{guarded, tell};
use crate::{
    args::{Global, SwitchCommand, SwitchOff, Target, Until},
    commands::{registry::TIMEOUT, server::Server},
    failure::Failure,
    say::Say,
};

pub(crate) async fn switch(command: &SwitchCommand, global: &Global, say: &Say) -> Result<(), Failure> {
    let host = match command {
        SwitchCommand::Off(SwitchOff { host, .. }) => host,
        SwitchCommand::On(on) => &on.host,
        SwitchCommand::List { host } => host,
    };
    match host {
        Some(host) => on_host(command, &Server::operated_host(global, host)?.http(TIMEOUT)?, host, say).await,
        None => in_environment(command, global, say).await,
    }
}

async fn in_environment(command: &SwitchCommand, global: &Global, say: &Say) -> Result<(), Failure> {
    let (registry, env) = (Server::for_operators(global)?.registry(TIMEOUT)?, global.env);
    match command {
        SwitchCommand::Off(off) => {
            let target = target(&off.target)?;
            let text = format!("{} is off in {env}", tell::target(&target));
            let set = ControlSet::Off { target, until_ms: until_ms(off), abort: off.abort };
            guarded(&registry, env, set, &off.why, &off.guard, &text, say).await
        }
        SwitchCommand::On(on) => {
            let target = target(&on.target)?;
            let text = format!("operators do not hold {} off in {env}", tell::target(&target));
            guarded(&registry, env, ControlSet::On { target }, &on.why, &on.guard, &text, say).await
        }
        SwitchCommand::List { .. } => {
            let control = registry.control(env).await?;
            let nothing = format!("nothing is switched off in {env} (event {})", control.seq);
            say.data(
                &json!({"seq": control.seq, "generation": control.generation, "switches": control.switches}),
                tell::switches(&control.switches, &nothing, now_ms()),
            );
            Ok(())
        }
    }
}

async fn on_host(command: &SwitchCommand, host: &HttpClient, url: &str, say: &Say) -> Result<(), Failure> {
    match command {
        SwitchCommand::Off(off) => {
            let target = target(&off.target)?;
            host.switch_off(&target, &off.why, until_ms(off), off.abort).await?;
            say.data(
                &json!({"host": url, "target": target, "off": true}),
                format_args!("{} is off on {url}, on this host alone", tell::target(&target)),
            );
        }
        SwitchCommand::On(on) => {
            let target = target(&on.target)?;
            let changed = host.switch_on(&target).await?;
            let event = if changed { "" } else { " (it had none)" };
            let value = json!({"host": url, "target": target, "off": false, "changed": changed});
            say.data(&value, format_args!("{url} has no switch of its own for {}{event}", tell::target(&target)));
        }
        SwitchCommand::List { .. } => {
            let switches: Vec<Switch> = host.switches().await?;
            let nothing = format!("nothing is switched off on {url} alone");
            say.data(&json!({"host": url, "switches": switches}), tell::switches(&switches, &nothing, now_ms()));
        }
    }
    Ok(())
}

fn until_ms(off: &SwitchOff) -> Option<u64> {
    off.until.map(|until| until.at_ms(SystemTime::now()))
}

fn now_ms() -> u64 {
    let now = SystemTime::now();
    Until::At(now).at_ms(now)
}

/// What the flags name; clap has seen to it that it is one thing.
fn target(asked: &Target) -> Result<SwitchTarget, Failure> {
    let Target { tenant, extension, version, kind, tier } = asked;
    Ok(match (tenant.clone(), extension.clone(), *version, *kind, *tier) {
        (Some(tenant), Some(extension), Some(version), None, None) => SwitchTarget::Version { tenant, extension, version },
        (Some(tenant), Some(extension), None, None, None) => SwitchTarget::Extension { tenant, extension },
        (Some(tenant), None, None, None, None) => SwitchTarget::Tenant { tenant },
        (None, None, None, Some(kind), None) => SwitchTarget::Kind { kind: Kind::from(kind) },
        (None, None, None, None, Some(tier)) => SwitchTarget::Tier { tier },
        _ => return Err(Failure::Usage("name one of --tenant, --tenant with --extension (and --version), --kind, --tier".to_owned())),
    })
}
