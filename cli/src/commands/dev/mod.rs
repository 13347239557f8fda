//! `ext dev`: the embedded platform, one process, nothing else to install.

mod compiler;
mod environments;
mod mounted;
mod one_host;
mod platform;
mod serve;
mod settings;
mod token;
mod watch;

use extensions_host::Stop;
use serde_json::json;

use crate::{
    args::{Dev, Token},
    commands::dev::{platform::Platform, serve::Served, watch::Watch},
    failure::Failure,
    say::Say,
};

/// Starts the platform, builds and serves the folders, and waits for the end.
pub(crate) async fn run(dev: &Dev, say: &Say) -> Result<(), Failure> {
    let platform = Platform::start(dev, say)?;
    let socket = platform.running.socket.as_deref().map_or_else(String::new, |socket| format!(" and {}", socket.display()));
    say.note(format_args!("listening on {}{socket}", platform.running.server));
    let mut served = Served::new(&dev.folders, dev.tenant.clone())?;
    // Watching begins first, so that no change falls between build and watch.
    let mut changes = if dev.watch { Some(Watch::start(served.folders())?) } else { None };
    served.build_all(&platform, say).await;
    platform.say_ready(say);
    let mut stop = Box::pin(Stop::wait(platform.host.resets_by_scan()));
    let stopped = loop {
        tokio::select! {
            stopped = &mut stop => break stopped.map_err(|error| Failure::Local(format!("cannot wait for signals: {error}")))?,
            folder = next_change(&mut changes) => served.rebuild(&folder, &platform, say).await,
        }
    };
    say.note("stopping: calls in flight may end");
    let drained = platform.stop().await;
    say.event(&json!({"event": "stopped", "finished": drained.finished, "cut": drained.cut}));
    match stopped {
        Stop::Asked => Ok(()),
        Stop::Swap => Err(Failure::Local("swap has appeared while memory is reset by scan; start again with --memory-reset keep".to_owned())),
    }
}

async fn next_change(changes: &mut Option<Watch>) -> std::path::PathBuf {
    match changes {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// `ext dev token`.
pub(crate) fn token(token: &Token, say: &Say) -> Result<(), Failure> {
    token::print(token, say)
}
