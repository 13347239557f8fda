//! Admission as the front sees it.

use std::{collections::BTreeMap, sync::Arc};

use extensions_admission::{Admission, Answer, LogRecord, Refusal, Request};
use extensions_catalog::CatalogStatus;
use extensions_front::Service;
use extensions_identity::Principal;
use extensions_types::{Environment, ExtensionDefinition, Kind};

/// The one [`Service`] of a host.
#[derive(Debug)]
pub(crate) struct Admitted(pub(crate) Admission);

impl Service for Admitted {
    type Principal = Arc<Principal>;
    type LogRecord = LogRecord;
    type Catalogs = BTreeMap<Environment, CatalogStatus>;

    fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Principal, Refusal> {
        self.0.authenticate(bearer)
    }

    async fn invoke(&self, principal: &Self::Principal, request: Request) -> Result<Answer, Refusal> {
        self.0.invoke(principal, request).await
    }

    async fn list(&self, principal: &Self::Principal, kind: Option<Kind>) -> Result<Vec<Arc<ExtensionDefinition>>, Refusal> {
        self.0.list(principal, kind).await
    }

    fn logs(&self, principal: &Self::Principal, extension: &str, after: u64, max: usize) -> Result<Vec<LogRecord>, Refusal> {
        self.0.logs(principal, extension, after, max)
    }

    fn log_seq(record: &LogRecord) -> u64 {
        record.seq
    }

    fn authorize_admin(&self, principal: &Self::Principal) -> Result<(), Refusal> {
        self.0.authorize_admin(principal)
    }

    fn ready(&self) -> bool {
        self.0.ready()
    }

    fn catalogs(&self) -> BTreeMap<Environment, CatalogStatus> {
        self.0.status().into_iter().collect()
    }
}
