//! Scripts: an operation of several parts is one, so that nothing happens between them.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind, ToRedisArgs, cmd};

use crate::{OperationError, shared::Shared};

/// What Redis runs, and the digest that it knows it by.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

/// Names scripts by the files beside the caller's.
macro_rules! scripts {
    ($($name:ident = $file:literal)*) => {
        $(pub(super) static $name: $crate::script::Script = $crate::script::Script::new(include_str!($file), || {
            redis::Script::new(include_str!($file)).get_hash().to_owned()
        });)*
    };
}
pub(crate) use scripts;

impl Script {
    pub(crate) const fn new(text: &'static str, digest: fn() -> String) -> Self {
        Self { text, digest: LazyLock::new(digest) }
    }

    /// Runs it within an operation's time. By its digest first: a Redis that was
    /// started anew does not know it, and is told it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        shared: &Shared,
        keys: &[impl ToRedisArgs],
        arguments: &[impl ToRedisArgs],
    ) -> Result<T, OperationError> {
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
