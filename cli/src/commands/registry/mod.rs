//! The commands that a registry answers.

pub(crate) mod admin;
mod control;
mod diff;
pub(crate) mod history;
mod hosts;
mod pick;
mod precompile;
pub(crate) mod push;
pub(crate) mod release;
pub(crate) mod review;
pub(crate) mod show;
mod wait;
pub(crate) mod waivers;
pub(crate) mod words;

use std::time::Duration;

use extensions_client::{
    InvokeError,
    registry::{Change, Changed, RegistryClient},
};
use extensions_types::{ErrorCode, ExtensionId, Version};
use serde::Serialize;

use crate::{
    args::{ChangeArguments, Global, Guard},
    commands::server::Server,
    failure::Failure,
    say::Say,
};

/// A promotion copies a component and waits until it is served.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The registry that the flags name.
pub(crate) fn connect(global: &Global) -> Result<RegistryClient, Failure> {
    Server::of(global)?.registry(TIMEOUT)
}

/// A change of `extension` as its flags describe it.
fn change(extension: &ExtensionId, arguments: &ChangeArguments) -> Change {
    guarded(extension, &arguments.why, &arguments.guard)
}

fn guarded(extension: &ExtensionId, why: &str, guard: &Guard) -> Change {
    let mut change = Change::of(extension).why(why);
    if let Some(seq) = guard.expected_seq {
        change = change.expected_seq(seq);
    }
    if let Some(key) = &guard.key {
        change = change.key(key);
    }
    change
}

/// A registry's refusal, with what to do where its own text cannot know.
fn refused(error: InvokeError, extension: &ExtensionId) -> Failure {
    let advice = match error.code() {
        Some(ErrorCode::Conflict) => format!("; `ext history {extension}` tells what happened, then try again"),
        Some(ErrorCode::Unauthenticated) => "; pass one with --token or EXT_TOKEN".to_owned(),
        _ => String::new(),
    };
    match Failure::from(error) {
        // The registry's own advice comes first, and is enough where it names a command.
        Failure::Answered { code, message } if !message.contains("`ext ") => Failure::Answered { code, message: message + &advice },
        other => other,
    }
}

/// What a change did, as programs read it.
#[derive(Serialize)]
struct Done<'c> {
    extension: &'c ExtensionId,
    #[serde(flatten)]
    changed: &'c Changed,
    /// Who serves it, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<&'c wait::Served>,
}

/// Says what a change did.
fn report(say: &Say, extension: &ExtensionId, changed: &Changed, text: &str) {
    say.data(&Done { extension, changed, served: None }, format_args!("{text} ({})", event(changed)));
}

fn event(changed: &Changed) -> String {
    if changed.changed { format!("event {}", changed.seq) } else { "was so already".to_owned() }
}

fn named(extension: &ExtensionId, version: Version) -> String {
    format!("{extension}@{version}")
}
