//! What every ended request leaves behind: one record, and from it the figures
//! of the host, a line of its log, and its guest's lines.
//!
//! [`Accounts::open`] begins a request's [`Account`]; the record is made by its
//! end. Labels are of closed sets, or of the busiest tenants and extensions.

mod account;
mod busiest;
mod chatty;
mod late;
mod recent;
mod record;
mod scrape;
mod settings;
mod shard;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod totals;

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use extensions_types::{ExecutionContext, ExtensionDefinition, ExtensionId, Refusal, TenantId};
use prometheus_client::registry::Registry;

pub use account::Account;
pub use settings::{MetricsSettings, MetricsSettingsError};

use self::{
    busiest::{Busiest, Counts},
    chatty::Chatty,
    late::Late,
    recent::Recent,
    record::{Batch, Record},
    scrape::Scrape,
    shard::Shard,
    totals::nanos,
};
use crate::GuestLogs;

/// Shards of the counters: as many threads count without meeting each other.
const SHARDS: usize = 64;

/// Accounts for every request of a host.
#[derive(Debug)]
pub struct Accounts {
    shards: Box<[Arc<Shard>]>,
    books: Arc<Books>,
    late: Late,
}

/// What all shards share.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) guest_logs: Arc<GuestLogs>,
    by_name: Mutex<ByName>,
    chatty: Chatty,
    chatty_callers: AtomicU64,
}

/// Counts of those who are busiest here.
#[derive(Debug)]
struct ByName {
    extensions: Busiest<(TenantId, ExtensionId)>,
    tenants: Busiest<TenantId>,
}

impl Accounts {
    /// Registers the metrics; guests' lines go to `guest_logs`.
    ///
    /// # Errors
    /// Names the setting that cannot work, or says that there is no thread for it.
    pub fn new(registry: &mut Registry, guest_logs: Arc<GuestLogs>, settings: &MetricsSettings) -> Result<Arc<Self>, MetricsSettingsError> {
        settings.check()?;
        let extensions = Busiest::new(settings.extensions_max, settings.named_extensions()?);
        let tenants = Busiest::new(settings.tenants_max, settings.named_tenants()?);
        let books = Arc::new(Books {
            guest_logs,
            by_name: Mutex::new(ByName { extensions, tenants }),
            chatty: Chatty::new(settings.chatty_calls, Duration::from_secs(settings.chatty_window_s.into())),
            chatty_callers: AtomicU64::new(0),
        });
        // One more than threads that open accounts: of those that end elsewhere.
        let of_others = Arc::new(Shard::new(Arc::clone(&books), None));
        let late = Late::start(Arc::clone(&of_others)).map_err(MetricsSettingsError::NoThread)?;
        let own = (0..SHARDS).map(|_| Arc::new(Shard::new(Arc::clone(&books), Some(late.clone()))));
        let shards = own.chain([of_others]).collect();
        let accounts = Arc::new(Self { shards, books, late });
        registry.register_collector(Box::new(Scrape(Arc::clone(&accounts))));
        Ok(accounts)
    }

    /// Opens the account of a request that has a context.
    #[must_use]
    pub fn open(&self, context: Arc<ExecutionContext>) -> Arc<Account> {
        Account::open(Arc::clone(self.shard()), context, Batch::default())
    }

    /// The same where the correlation id was made up for this request alone.
    pub(crate) fn open_unnamed(&self, context: Arc<ExecutionContext>) -> Arc<Account> {
        Account::open(Arc::clone(self.shard()), context, Batch { inputs: 0, is_quiet: true })
    }

    /// Opens the account of the first input of a batch of `inputs`.
    pub(crate) fn open_batch(&self, context: Arc<ExecutionContext>, inputs: u32) -> Arc<Account> {
        Account::open(Arc::clone(self.shard()), context, Batch { inputs, is_quiet: false })
    }

    /// The same for each further input.
    pub(crate) fn open_next_of_batch(&self, context: Arc<ExecutionContext>, inputs: u32) -> Arc<Account> {
        Account::open(Arc::clone(self.shard()), context, Batch { inputs, is_quiet: true })
    }

    /// Records a request that was refused before it had a context: `who` is the
    /// verified caller, if there is one. Its correlation id is its caller's word.
    pub fn refused_unknown(&self, who: Option<String>, refusal: &Refusal) {
        self.shard().count_refused(refusal.code);
        let correlation = refusal.correlation.as_ref().map(tracing::field::display);
        tracing::info!(target: "record", who, correlation_id = correlation, error_code = %refusal.code, reason = refusal.message, "refused");
    }

    /// Counts what compiling a version took of CPU time, under its tenant's and its own name.
    pub(crate) fn compiled(&self, definition: &ExtensionDefinition, cpu: Duration) {
        self.books.by_name().add(definition, Counts { cpu_nanos: nanos(cpu), ..Counts::default() });
    }

    /// The calling thread's shard: cloning it touches no count of other threads.
    fn shard(&self) -> &Arc<Shard> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static THREAD: Cell<Option<usize>> = const { Cell::new(None) });
        let thread = THREAD.get().unwrap_or_else(|| {
            let thread = THREADS.fetch_add(1, Relaxed);
            THREAD.set(Some(thread));
            late::opens();
            thread
        });
        &self.shards[thread % SHARDS]
    }
}

impl ByName {
    fn add(&mut self, ExtensionDefinition { tenant_id, id, .. }: &ExtensionDefinition, counts: Counts) {
        self.tenants.add(tenant_id.clone(), counts);
        self.extensions.add((tenant_id.clone(), id.clone()), counts);
    }
}

impl Books {
    fn by_name(&self) -> MutexGuard<'_, ByName> {
        // Every count is whole.
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_over(&self, recent: &Recent) {
        let mut by_name = self.by_name();
        recent.counted().for_each(|(definition, counts)| by_name.add(definition, counts));
    }

    fn listen_for_chatter(&self, record: &Record<'_>) {
        let Some(definition) = record.definition else { return };
        // A batch is what chatty callers are asked for: it is one call of theirs. And
        // under an id that nobody named, nobody asks again.
        if record.batch.is_quiet {
            return;
        }
        if !self.chatty.saw(record.context, definition, record.at) {
            return;
        }
        self.chatty_callers.fetch_add(1, Relaxed);
        tracing::warn!(
            target: "record",
            tenant = %record.context.tenant,
            extension = %definition.id,
            caller = %record.context.caller,
            user = %record.context.user,
            correlation_id = %record.context.correlation,
            calls = self.chatty.calls(),
            window_s = self.chatty.window().as_secs(),
            "a chatty caller: it asks this extension again and again for one operation; send what belongs together in one batch (InvokeExtensionBatch)"
        );
    }
}
