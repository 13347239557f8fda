//! Scripts: each operation on the stream is one, so that nothing happens between its parts.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind, cmd};

use crate::{OperationError, shared::Shared};

/// What Redis runs, and the digest that it knows it by.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

macro_rules! scripts {
    ($($name:ident = $file:literal)*) => {
        $(pub(super) static $name: Script = Script {
            text: include_str!($file),
            digest: LazyLock::new(|| redis::Script::new(include_str!($file)).get_hash().to_owned()),
        };)*
    };
}

scripts! {
    OFFER = "offer.lua"
    TEND = "tend.lua"
    TAKE = "take.lua"
    RENEW = "renew.lua"
    DONE = "done.lua"
    GIVE_BACK = "give_back.lua"
    LEAVE = "leave.lua"
}

impl Script {
    /// Runs it within an operation's time. By its digest first: a Redis that was
    /// started anew does not know it, and is told it.
    pub(super) async fn run<T: FromRedisValue>(&self, shared: &Shared, keys: &[&str], arguments: &[&str]) -> Result<T, OperationError> {
        let call = |how: &str, what: &str| -> Cmd {
            let mut command = cmd(how);
            command.arg(what).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        match shared.ask(&call("EVALSHA", &self.digest)).await {
            Err(OperationError::Redis(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                shared.ask(&call("EVAL", self.text)).await
            }
            answer => answer,
        }
    }
}
