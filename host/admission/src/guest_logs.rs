//! The latest log lines of every tenant's extensions, for `ext logs`.
//!
//! A bounded tail in memory, and all that is kept of them for now: lines are
//! lost with the host, and with more tenants than there are tails.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use extensions_engine::{LogLevel, Outcome};
use extensions_types::{ExecutionContext, ExtensionDefinition, ExtensionId, TenantId};
use serde::Serialize;

/// Kept for each tenant.
const TENANT_BYTES_MAX: usize = 1 << 20;
/// A record costs at least this.
const RECORD_BYTES_MIN: usize = 256;
/// Tenants with a tail; beyond them the one that logged longest ago loses its.
const TENANTS_MAX: usize = 64;

/// One line of an extension.
#[derive(Debug, Clone, Serialize)]
pub struct LogRecord {
    /// Rises with every record of the host; readers go on from here.
    pub seq: u64,
    /// When the call ended, in milliseconds since 1970.
    pub time_unix_ms: u64,
    /// Who logged.
    pub extension_id: ExtensionId,
    /// Which version of it.
    pub version: u64,
    /// Ties the line to one business operation.
    pub correlation_id: String,
    /// As the guest said.
    pub level: LogLevel,
    /// Whole.
    pub message: String,
}

impl LogRecord {
    fn bytes(&self) -> usize {
        self.message.len() + RECORD_BYTES_MIN
    }
}

#[derive(Debug, Default)]
struct Tail {
    records: VecDeque<LogRecord>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, record: LogRecord) {
        self.bytes += record.bytes();
        self.records.push_back(record);
        while self.bytes > TENANT_BYTES_MAX
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    fn newest(&self) -> u64 {
        self.records.back().map_or(0, |record| record.seq)
    }
}

#[derive(Debug, Default)]
struct Tails {
    seq: u64,
    by_tenant: HashMap<TenantId, Tail>,
}

/// The tails of all tenants of a host.
#[derive(Debug, Default)]
pub struct GuestLogs {
    tails: Mutex<Tails>,
}

impl GuestLogs {
    /// Appends what one call logged.
    pub(crate) fn append(&self, extension: &ExtensionDefinition, context: &ExecutionContext, outcome: &Outcome) {
        if outcome.logs.is_empty() && outcome.logs_dropped == 0 {
            return;
        }
        let dropped = (outcome.logs_dropped > 0)
            .then(|| (LogLevel::Warn, format!("{} more lines exceeded the log quota of the call and were dropped", outcome.logs_dropped)));
        let lines = outcome.logs.iter().map(|line| (line.level, line.message.clone())).chain(dropped);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let mut tails = self.lock();
        let mut seq = tails.seq;
        let tail = tails.of(&context.tenant);
        for (level, message) in lines {
            seq += 1;
            tail.push(LogRecord {
                seq,
                time_unix_ms,
                extension_id: extension.id.clone(),
                version: extension.version.get(),
                correlation_id: context.correlation.to_string(),
                level,
                message,
            });
        }
        tails.seq = seq;
    }

    /// The oldest `max` kept records of an extension after `after`.
    pub(crate) fn read(&self, tenant: &TenantId, extension: &ExtensionId, after: u64, max: usize) -> Vec<LogRecord> {
        let tails = self.lock();
        let records = tails.by_tenant.get(tenant).into_iter().flat_map(|tail| &tail.records);
        records.filter(|record| record.seq > after && record.extension_id == *extension).take(max).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tails> {
        // A half-appended call leaves whole records.
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tails {
    fn of(&mut self, tenant: &TenantId) -> &mut Tail {
        if self.by_tenant.len() >= TENANTS_MAX && !self.by_tenant.contains_key(tenant) {
            let quietest = self.by_tenant.iter().min_by_key(|(_, tail)| tail.newest()).map(|(tenant, _)| tenant.clone());
            if let Some(quietest) = quietest {
                self.by_tenant.remove(&quietest);
            }
        }
        self.by_tenant.entry(tenant.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64, bytes: usize) -> LogRecord {
        let extension_id = ExtensionId::parse("x").unwrap();
        LogRecord { seq, time_unix_ms: 0, extension_id, version: 1, correlation_id: String::new(), level: LogLevel::Info, message: "m".repeat(bytes) }
    }

    #[test]
    fn a_tail_keeps_the_newest_within_its_bytes() {
        let mut tail = Tail::default();
        (1..=40).for_each(|seq| tail.push(record(seq, 64 << 10)));
        assert!(tail.bytes <= TENANT_BYTES_MAX);
        assert_eq!(tail.records.back().unwrap().seq, 40);
        assert_eq!(tail.records.len(), TENANT_BYTES_MAX / ((64 << 10) + RECORD_BYTES_MIN));
    }

    #[test]
    fn the_quietest_tenant_makes_room() {
        let mut tails = Tails::default();
        for at in 0..=TENANTS_MAX {
            tails.of(&TenantId::parse(&format!("t{at}")).unwrap()).push(record(at as u64 + 1, 1));
        }
        assert_eq!(tails.by_tenant.len(), TENANTS_MAX);
        assert!(!tails.by_tenant.contains_key(&TenantId::parse("t0").unwrap()));
    }
}
