//! What the front needs from the host behind it; admission is the real one.

use std::{future::Future, hash::Hash, sync::Arc};

use extensions_admission::{Answer, AskedSwitch, BatchAnswer, BatchRequest, Refusal, Request};
use extensions_identity::Channel;
use extensions_types::{ExtensionDefinition, Kind, Switch, SwitchTarget};
use serde::Serialize;

/// The largest input that any extension may declare.
const INPUT_BYTES_MAX: usize = 8 << 20;

/// The host as its listeners see it. One type per process, so every call of it is static.
pub trait Service: Send + Sync + 'static {
    /// Who was verified to be calling.
    type Principal: Send + Sync + 'static;
    /// One line of an extension's log, as JSON objects show it.
    type LogRecord: Serialize + Send + 'static;
    /// What operators read about the catalogs, in JSON.
    type Catalogs: Serialize;
    /// What operators read about the host itself, in JSON.
    type About: Serialize;
    /// What operators read of control, in JSON.
    type Control: Serialize;

    /// Says who calls over `channel`, by the bearer token (without `Bearer `); called before any body byte is read.
    ///
    /// # Errors
    /// UNAUTHENTICATED and PERMISSION_DENIED count towards the connection's bound on failures.
    fn authenticate(&self, channel: &Channel, bearer: Option<&str>) -> impl Future<Output = Result<Self::Principal, Refusal>> + Send;

    /// For whom the memory of a caller's bodies is counted: its tenant, or the service that calls for many.
    fn holder(&self, principal: &Self::Principal) -> impl Hash;

    /// Runs one extension. Dropping the future is the caller's cancellation.
    fn invoke(&self, principal: &Self::Principal, request: Request<'_>) -> impl Future<Output = Result<Answer, Refusal>> + Send;

    /// Runs one extension for each input of a batch. Dropping the future is the caller's cancellation.
    ///
    /// # Errors
    /// When no input ran.
    fn invoke_batch(&self, principal: &Self::Principal, request: BatchRequest<'_>) -> impl Future<Output = Result<BatchAnswer, Refusal>> + Send;

    /// What this host serves to the principal's tenant, ordered by id; bounded in time.
    ///
    /// # Errors
    /// When the principal may not list, or what is served cannot be read now.
    fn list(&self, principal: &Self::Principal, kind: Option<Kind>) -> impl Future<Output = Result<Vec<Arc<ExtensionDefinition>>, Refusal>> + Send;

    /// The oldest `max` log records of an extension after sequence number `after`.
    ///
    /// # Errors
    /// When the principal may not read them or there is no such extension.
    fn logs(&self, principal: &Self::Principal, extension: &str, after: u64, max: usize) -> Result<Vec<Self::LogRecord>, Refusal>;

    /// The sequence number of a record, from which a later read goes on.
    fn log_seq(record: &Self::LogRecord) -> u64;

    /// Whether the principal holds `platform:operate`.
    ///
    /// # Errors
    /// When it does not.
    fn authorize_admin(&self, principal: &Self::Principal) -> Result<(), Refusal>;

    /// Whether calls can be answered.
    fn ready(&self) -> bool;

    /// What this host is.
    fn about(&self) -> Self::About;

    /// Where the catalogs stand.
    fn catalogs(&self) -> Self::Catalogs;

    /// What is switched off on this host alone, in JSON.
    fn local_switches(&self) -> Vec<Switch>;

    /// Switches something off on this host alone. The principal holds `platform:operate`.
    ///
    /// # Errors
    /// When the switch makes no sense or cannot be kept.
    fn switch_off(&self, principal: &Self::Principal, asked: AskedSwitch) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Takes such a switch away; false where there was none.
    ///
    /// # Errors
    /// When that cannot be kept.
    fn switch_on(&self, principal: &Self::Principal, target: SwitchTarget) -> impl Future<Output = Result<bool, Refusal>> + Send;

    /// All of control that is in force here.
    fn control(&self) -> Self::Control;

    /// What control says of one extension, as a JSON text; `env` may be empty.
    ///
    /// # Errors
    /// When a word is none, or control is not known here.
    fn effective(&self, env: &str, tenant: &str, extension: &str) -> Result<Vec<u8>, Refusal>;

    /// Larger inputs are refused while they arrive.
    fn input_bytes_max(&self) -> usize {
        INPUT_BYTES_MAX
    }
}
