//! `ext admin`: switches, tiers, erasure, upkeep.

use extensions_client::registry::{Change, Control, RegistryClient, UpkeepTask, Upkept};
use extensions_types::{Environment, Kind, SwitchTarget};
use serde_json::json;

use super::{TIMEOUT, refused, report, words};
use crate::{
    args::{Admin, Global, Switch, UpkeepArgument},
    commands::server::Server,
    failure::Failure,
    say::Say,
};

pub(crate) async fn run(admin: &Admin, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = Server::for_operators(global)?.registry(TIMEOUT)?;
    match admin {
        Admin::Status => status(&registry, global.env, say).await,
        Admin::Off(asked) => switch(&registry, asked, true, global.env, say).await,
        Admin::On(asked) => switch(&registry, asked, false, global.env, say).await,
        Admin::Tier(asked) => {
            let (id, change) = (&asked.extension, Change::of(&asked.extension).why(&asked.why));
            let done = registry.of_tenant(asked.tenant.clone()).lower_tier(&change, asked.to).await.map_err(|error| refused(error, id))?;
            report(say, id, &done, &format!("{id} of {} is treated as tier {} at least", asked.tenant, asked.to));
            Ok(())
        }
        Admin::Erase(asked) => {
            upkept(&registry.erase(&asked.tenant, &asked.why, asked.dry_run).await?, asked.dry_run, say);
            Ok(())
        }
        Admin::Upkeep(asked) => {
            let task = match asked.task {
                UpkeepArgument::Retention => UpkeepTask::Retention,
                UpkeepArgument::Garbage => UpkeepTask::Garbage,
                UpkeepArgument::Rebuild => UpkeepTask::Rebuild,
            };
            let registry = match &asked.tenant {
                Some(tenant) => registry.of_tenant(tenant.clone()),
                None => registry,
            };
            upkept(&registry.upkeep(task, &asked.why, asked.dry_run).await?, asked.dry_run, say);
            Ok(())
        }
    }
}

async fn status(registry: &RegistryClient, env: Environment, say: &Say) -> Result<(), Failure> {
    let control = registry.control(env).await?;
    say.data(&control, table(&control, env));
    Ok(())
}

fn table(control: &Control, env: Environment) -> String {
    if control.switches.is_empty() {
        return format!("nothing is switched off in {env} (event {})", control.seq);
    }
    let mut table = words::Table::new(&["OFF", "HELD BY", "SINCE", "EVENT", "WHY"]);
    for one in &control.switches {
        table.row([target_text(&one.target), one.source.clone(), words::time(one.at_ms), one.seq.to_string(), one.why.clone()]);
    }
    table.render()
}

async fn switch(registry: &RegistryClient, asked: &Switch, off: bool, env: Environment, say: &Say) -> Result<(), Failure> {
    let target = target(asked)?;
    let (seq, changed) = registry.switch(env, &target, off, &asked.why, asked.expected_seq).await?;
    let (word, event) = (if off { "off" } else { "on" }, if changed { format!("event {seq}") } else { "was so already".to_owned() });
    let value = json!({"env": env, "target": target, "off": off, "seq": seq, "changed": changed});
    say.data(&value, format_args!("{} is {word} in {env} ({event})", target_text(&target)));
    Ok(())
}

/// What the flags name; clap has seen to it that it is one thing.
fn target(asked: &Switch) -> Result<SwitchTarget, Failure> {
    let Switch { tenant, extension, version, kind, tier, .. } = asked;
    Ok(match (tenant.clone(), extension.clone(), *version, *kind, *tier) {
        (Some(tenant), Some(extension), Some(version), None, None) => SwitchTarget::Version { tenant, extension, version },
        (Some(tenant), Some(extension), None, None, None) => SwitchTarget::Extension { tenant, extension },
        (Some(tenant), None, None, None, None) => SwitchTarget::Tenant { tenant },
        (None, None, None, Some(kind), None) => SwitchTarget::Kind { kind: Kind::from(kind) },
        (None, None, None, None, Some(tier)) => SwitchTarget::Tier { tier },
        _ => return Err(Failure::Usage("name one of --tenant, --tenant with --extension (and --version), --kind, --tier".to_owned())),
    })
}

fn target_text(target: &SwitchTarget) -> String {
    match target {
        SwitchTarget::Tenant { tenant } => format!("tenant {tenant}"),
        SwitchTarget::Extension { tenant, extension } => format!("{extension} of {tenant}"),
        SwitchTarget::Version { tenant, extension, version } => format!("{extension}@{version} of {tenant}"),
        SwitchTarget::Kind { kind } => format!("kind {kind}"),
        SwitchTarget::Tier { tier } => format!("tier {tier}"),
    }
}

fn upkept(upkept: &Upkept, dry_run: bool, say: &Say) {
    if dry_run {
        say.note("a dry run: nothing was changed");
    }
    for problem in &upkept.problems {
        say.warning(words::plain(problem));
    }
    let mut table = words::Table::new(&["COUNT", "WHAT"]);
    for (name, count) in &upkept.counts {
        table.row([count.to_string(), name.replace('_', " ")]);
    }
    say.data(upkept, table.render());
}
