//! One file for each command.

mod build;
mod check;
mod completion;
mod dev;
mod invoke;
mod list;
mod load;
mod logs;
mod new;
mod registry;
mod run;
mod server;
mod test;
mod toolchain;

use crate::{
    args::{Arguments, Command, DevCommand, Toolchain},
    failure::Failure,
    say::Say,
};

/// Runs the command that was asked for.
pub(crate) async fn run(arguments: Arguments, say: &Say) -> Result<(), Failure> {
    let global = arguments.global;
    match arguments.command {
        Command::New(new) => new::run(&new, say),
        Command::Build(folder) => build::run(&folder.folder, say).await,
        Command::Check(check) => check::run(&check, say).await,
        Command::Test(test) => test::run(&test, say).await,
        Command::Run(run) => run::run(&run, say).await,
        Command::Dev(dev) => match &dev.command {
            Some(DevCommand::Token(token)) => dev::token(token, say),
            None => dev::run(&dev, say).await,
        },
        Command::Invoke(invoke) => invoke::run(&invoke, &global, say).await,
        Command::Load(load) => load::run(&load, &global, say).await,
        Command::Push(push) => registry::push::run(&push, &global, say).await,
        Command::Submit(submit) => registry::review::submit(&submit, &global, say).await,
        Command::Approve(approve) => registry::review::approve(&approve, &global, say).await,
        Command::Reject(reject) => registry::review::reject(&reject, &global, say).await,
        Command::Waivers(waivers) => registry::waivers::run(&waivers, &global, say).await,
        Command::Promote(promote) => registry::release::promote(&promote, &global, say).await,
        Command::Rollback(rollback) => registry::release::rollback(&rollback, &global, say).await,
        Command::Pin(pin) => registry::release::pin(&pin, &global, say).await,
        Command::Disable(enable) => registry::release::set_enabled(&enable, false, &global, say).await,
        Command::Enable(enable) => registry::release::set_enabled(&enable, true, &global, say).await,
        Command::Retire(retire) => registry::release::retire(&retire, &global, say).await,
        Command::Show(show) => registry::show::run(&show, &global, say).await,
        Command::History(history) => registry::history::run(&history, &global, say).await,
        Command::Watch(watch) => registry::history::watch(&watch, &global, say).await,
        Command::Admin(admin) => registry::admin::run(&admin, &global, say).await,
        Command::List(list) => list::run(&list, &global, say).await,
        Command::Logs(logs) => logs::run(&logs, &global, say).await,
        Command::Toolchain(Toolchain::Install { langs }) => toolchain::install(&langs, say),
        Command::Toolchain(Toolchain::List) => toolchain::list(say),
        Command::Completion { shell } => completion::print(shell),
    }
}
