//! Keys and channels, built in one place.

use extensions_types::Environment;

use crate::{HostId, Scope};

/// Names within one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    namespace: String,
}

impl Names {
    pub(crate) const fn within(namespace: String) -> Self {
        Self { namespace }
    }

    /// The channel of an environment's changes.
    pub(crate) fn changes(&self, env: Environment) -> String {
        format!("{}:{env}:changes", self.namespace)
    }

    /// The key of a host's heartbeat.
    pub(crate) fn host(&self, env: Environment, host: &HostId) -> String {
        format!("{}{host}", self.hosts(env))
    }

    /// What all heartbeat keys of an environment begin with. A namespace has no
    /// character that a pattern would read otherwise.
    pub(crate) fn hosts(&self, env: Environment) -> String {
        format!("{}:{env}:host:", self.namespace)
    }

    /// The stream of compile jobs.
    pub(crate) fn compile(&self) -> String {
        format!("{}:compile", self.namespace)
    }

    /// The key of an environment's hosts' shares of one scope. Ids have no colon,
    /// so no scope's key is another's.
    pub(crate) fn lease(&self, env: Environment, scope: &Scope) -> String {
        match &scope.extension {
            Some(extension) => format!("{}:{env}:lease:{}:{extension}", self.namespace, scope.tenant),
            None => format!("{}:{env}:lease:{}", self.namespace, scope.tenant),
        }
    }

    /// The key of the hosts' shares of every scope that they do not claim.
    pub(crate) fn unclaimed(&self, env: Environment) -> String {
        format!("{}:{env}:leases", self.namespace)
    }
}
