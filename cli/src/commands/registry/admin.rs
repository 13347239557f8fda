//! `ext admin`: tiers, erasure, upkeep, and where the rest of it is.

use extensions_client::registry::{Change, UpkeepTask, Upkept};

use super::{TIMEOUT, control, hosts, precompile, refused, report, words};
use crate::{
    args::{Admin, Global, UpkeepArgument},
    commands::server::Server,
    failure::Failure,
    say::Say,
};

pub(crate) async fn run(admin: &Admin, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = || Server::for_operators(global)?.registry(TIMEOUT);
    match admin {
        // It may be for a host.
        Admin::Switch(command) => control::switch(command, global, say).await,
        Admin::Hosts => hosts::list(&registry()?, global.env, say).await,
        Admin::Quota(command) => control::quota(command, global, say).await,
        Admin::Weight(command) => control::weight(&registry()?, command, global.env, say).await,
        Admin::Policy(command) => control::policy(&registry()?, command, global.env, say).await,
        Admin::Contract(command) => control::contract(&registry()?, command, global.env, say).await,
        Admin::Precompile(asked) => precompile::run(&registry()?, asked, global.env, say).await,
        Admin::Tier(asked) => {
            let (id, change) = (&asked.extension, Change::of(&asked.extension).why(&asked.why));
            let done = registry()?.of_tenant(asked.tenant.clone()).lower_tier(&change, asked.to).await.map_err(|error| refused(error, id))?;
            report(say, id, &done, &format!("{id} of {} is treated as tier {} at least", asked.tenant, asked.to));
            Ok(())
        }
        Admin::Erase(asked) => {
            upkept(&registry()?.erase(&asked.tenant, &asked.why, asked.dry_run).await?, asked.dry_run, say);
            Ok(())
        }
        Admin::Upkeep(asked) => {
            let task = match asked.task {
                UpkeepArgument::Retention => UpkeepTask::Retention,
                UpkeepArgument::Garbage => UpkeepTask::Garbage,
                UpkeepArgument::Rebuild => UpkeepTask::Rebuild,
            };
            let registry = match &asked.tenant {
                Some(tenant) => registry()?.of_tenant(tenant.clone()),
                None => registry()?,
            };
            upkept(&registry.upkeep(task, &asked.why, asked.dry_run).await?, asked.dry_run, say);
            Ok(())
        }
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
