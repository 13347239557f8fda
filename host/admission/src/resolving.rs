//! Which version answers a request: entry, pins, what the caller names.

use std::{sync::Arc, time::Instant};

use extensions_catalog::{Entry, Hook, NotServed, ServedVersion, find, resolve};
use extensions_types::{ErrorCode, ExecutionContext, ExtensionId, IdError, Refusal, VersionSelector};

use crate::{
    Admission, Asked,
    refusals::{not_found, not_there},
};

/// A version and the entry that gave it.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) entry: Arc<Entry>,
    pub(crate) version: Arc<ServedVersion>,
}

/// No version answers.
#[derive(Debug)]
pub(crate) struct Unresolved {
    pub(crate) refusal: Refusal,
    /// Whose failure contract may answer: the entry's current version. An
    /// extension that nobody knows has none.
    pub(crate) contract: Option<Resolved>,
}

impl From<Refusal> for Unresolved {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, contract: None }
    }
}

impl Admission {
    pub(crate) async fn resolve(&self, context: &ExecutionContext, asked: &Asked<'_>, deadline: Option<Instant>) -> Result<Resolved, Unresolved> {
        let bad = |error: IdError| Refusal::new(ErrorCode::BadRequest, error.to_string());
        let id = ExtensionId::parse(asked.extension_id).map_err(bad)?;
        let selector: VersionSelector = asked.version.parse().map_err(bad)?;
        let catalog = self.catalogs().get(context.env).ok_or_else(|| not_found(&id, context.env))?;
        let found = find(&**catalog, &context.tenant, &id, deadline).await;
        let entry = found.map_err(|missing| not_there(&missing, &id, context.env, deadline))?;
        let hook = Hook { caller: &context.caller, point: context.hook_point.as_ref() };
        match resolve(&entry, selector, hook) {
            Ok(version) => Ok(Resolved { version: Arc::clone(version), entry }),
            Err(not_served) => Err(unresolved(not_served, entry)),
        }
    }
}

fn unresolved(not_served: NotServed, entry: Arc<Entry>) -> Unresolved {
    let code = match not_served {
        NotServed::Disabled => ErrorCode::Disabled,
        NotServed::NotListed { .. } => ErrorCode::NotPromoted,
    };
    let current = entry.current().cloned();
    Unresolved { refusal: Refusal::new(code, not_served.to_string()), contract: current.map(|version| Resolved { entry, version }) }
}
