//! The latest log lines of every tenant's extensions, for `ext logs`.
//!
//! A bounded tail in memory, and all that is kept of them for now: lines are
//! lost with the host, and where tenants log more than there is room for, by
//! whoever has most. Lines are whole or dropped; what is dropped is counted,
//! and told in its place to whoever reads.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use extensions_engine::{Call, LogLevel, LogLine};
use extensions_types::{CallLabel, Environment, ExecutionContext, ExtensionDefinition, ExtensionId, TenantId};
use serde::Serialize;

/// Kept for each tenant.
const TENANT_BYTES_MAX: usize = 1 << 20;
/// A record costs at least this, and a line this of its tenant's quota.
const RECORD_BYTES_MIN: usize = 256;
/// Parts of the tails; tenants of different ones never wait for each other.
const PARTS: usize = 16;
/// Kept in each part; beyond it whoever has most there loses the older half.
const PART_BYTES_MAX: usize = 4 << 20;
/// Tenants with a tail in each part; beyond them the one that logged longest
/// ago loses its.
const PART_TENANTS_MAX: usize = 1_000;
/// Extensions of a tenant whose dropped lines are told apart.
const DROPPED_MAX: usize = 256;

/// One line of an extension.
#[derive(Debug, Clone, Serialize)]
pub struct LogRecord {
    /// Rises with every record of the host; readers go on from here.
    pub seq: u64,
    /// When the call ended, in milliseconds since 1970.
    pub time_unix_ms: u64,
    /// Where it ran.
    pub env: Environment,
    /// Who logged.
    pub extension_id: ExtensionId,
    /// Which version of it.
    pub version: u64,
    /// For which organisation of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<CallLabel>,
    /// The named place that called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_point: Option<CallLabel>,
    /// Ties the line to one business operation.
    pub correlation_id: CallLabel,
    /// As the guest said.
    pub level: LogLevel,
    /// Whole.
    pub message: String,
    /// The lines that are missing here; the message says why.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl LogRecord {
    fn bytes(&self) -> usize {
        self.message.len() + RECORD_BYTES_MIN
    }

    fn of(context: &ExecutionContext, definition: &ExtensionDefinition, ended_ms: u64, line: LogLine) -> Self {
        Self {
            seq: 0,
            time_unix_ms: ended_ms,
            env: context.env,
            extension_id: definition.id.clone(),
            version: definition.version.get(),
            org_id: context.org.clone(),
            hook_point: context.hook_point.clone(),
            correlation_id: context.correlation.clone(),
            level: line.level,
            message: line.message,
            dropped: 0,
        }
    }
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// What one call logged, as far as its quota had room.
#[derive(Debug)]
pub(crate) struct Kept {
    definition: Arc<ExtensionDefinition>,
    ended_ms: u64,
    lines: Vec<LogLine>,
    dropped: u64,
}

impl Kept {
    /// Asks the call's payer for each line; without a lock. None: nothing was logged.
    pub(crate) fn of(call: &Call, definition: &Arc<ExtensionDefinition>, mut lines: Vec<LogLine>, dropped: u32) -> Option<Self> {
        if lines.is_empty() && dropped == 0 {
            return None;
        }
        let (now, before) = (Instant::now(), lines.len());
        lines.retain(|line| call.payer.may_log(line.message.len().max(RECORD_BYTES_MIN) as u64, now));
        let dropped = u64::from(dropped) + (before - lines.len()) as u64;
        Some(Self { definition: Arc::clone(definition), ended_ms: now_ms(), lines, dropped })
    }
}

/// One tenant's lines.
#[derive(Debug, Default)]
struct Tail {
    records: VecDeque<LogRecord>,
    bytes: usize,
    /// What is missing and has not been told, by extension.
    dropped: HashMap<ExtensionId, LogRecord>,
}

impl Tail {
    fn push(&mut self, record: LogRecord) {
        self.bytes += record.bytes();
        self.records.push_back(record);
        self.shrink_to(TENANT_BYTES_MAX);
    }

    fn shrink_to(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// Counts `dropped` lines, of which `like` has the latest circumstances.
    fn drop_lines(&mut self, like: LogRecord, dropped: u64) {
        if self.dropped.len() >= DROPPED_MAX && !self.dropped.contains_key(&like.extension_id) {
            return;
        }
        let before = self.dropped.get(&like.extension_id).map_or(0, |record| record.dropped);
        self.dropped.insert(like.extension_id.clone(), LogRecord { dropped: before + dropped, ..like });
    }

    /// Puts what is missing of an extension among its lines.
    fn tell_dropped(&mut self, extension: &ExtensionId, seq: &AtomicU64) {
        if let Some(mut record) = self.dropped.remove(extension) {
            record.seq = next(seq);
            record.message = format!("{} more lines exceeded what one call may log, or the log quota, and were dropped", record.dropped);
            self.push(record);
        }
    }

    fn newest(&self) -> u64 {
        self.records.back().map_or(0, |record| record.seq)
    }
}

fn next(seq: &AtomicU64) -> u64 {
    seq.fetch_add(1, Relaxed) + 1
}

/// The tails of some tenants.
#[derive(Debug, Default)]
struct Tails {
    by_tenant: HashMap<TenantId, Tail>,
}

/// The tails of all tenants of a host.
#[derive(Debug, Default)]
pub struct GuestLogs {
    parts: [Mutex<Tails>; PARTS],
    hash: RandomState,
    seq: AtomicU64,
    kept: AtomicU64,
    dropped: AtomicU64,
}

impl GuestLogs {
    /// Appends what one call logged. Takes a lock that readers on I/O threads want:
    /// not for threads that can be stopped for long.
    pub(crate) fn append(&self, context: &ExecutionContext, kept: Kept) {
        let Kept { definition, ended_ms, lines, dropped } = kept;
        self.kept.fetch_add(lines.len() as u64, Relaxed);
        self.dropped.fetch_add(dropped, Relaxed);
        let record = |line| LogRecord::of(context, &definition, ended_ms, line);
        let mut tails = self.part(&context.tenant);
        let tail = tails.of(&context.tenant);
        for line in lines {
            tail.push(LogRecord { seq: next(&self.seq), ..record(line) });
        }
        if dropped > 0 {
            let notice = LogLine { level: LogLevel::Warn, message: String::new() };
            tail.drop_lines(record(notice), dropped);
        }
        tails.make_room();
    }

    /// The oldest `max` kept records of an extension after `after`.
    pub(crate) fn read(&self, tenant: &TenantId, extension: &ExtensionId, after: u64, max: usize) -> Vec<LogRecord> {
        let mut tails = self.part(tenant);
        let Some(tail) = tails.by_tenant.get_mut(tenant) else { return Vec::new() };
        tail.tell_dropped(extension, &self.seq);
        let records = tail.records.iter().filter(|record| record.seq > after && record.extension_id == *extension);
        records.take(max).cloned().collect()
    }

    /// Lines that were kept, and those that were dropped.
    pub(crate) fn lines(&self) -> (u64, u64) {
        (self.kept.load(Relaxed), self.dropped.load(Relaxed))
    }

    fn part(&self, tenant: &TenantId) -> MutexGuard<'_, Tails> {
        // A half-appended call leaves whole records.
        self.parts[self.hash.hash_one(tenant) as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tails {
    fn of(&mut self, tenant: &TenantId) -> &mut Tail {
        if self.by_tenant.len() >= PART_TENANTS_MAX && !self.by_tenant.contains_key(tenant) {
            let quietest = self.by_tenant.iter().min_by_key(|(_, tail)| tail.newest()).map(|(tenant, _)| tenant.clone());
            if let Some(quietest) = quietest {
                self.by_tenant.remove(&quietest);
            }
        }
        self.by_tenant.entry(tenant.clone()).or_default()
    }

    /// Whoever has most pays for what is too much; half at once, so that it is rare.
    fn make_room(&mut self) {
        while self.by_tenant.values().map(|tail| tail.bytes).sum::<usize>() > PART_BYTES_MAX {
            let Some(most) = self.by_tenant.values_mut().max_by_key(|tail| tail.bytes) else { return };
            most.shrink_to(most.bytes / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use extensions_fair::{Nobody, Payer, Share};

    use super::*;
    use crate::accounts::testing::{call_of, definition};

    fn line(bytes: usize) -> LogLine {
        LogLine { level: LogLevel::Info, message: "m".repeat(bytes) }
    }

    fn append(logs: &GuestLogs, tenant: &str, lines: Vec<LogLine>, dropped: u32) {
        append_of(logs, &call_of(tenant, Arc::new(Nobody)), lines, dropped);
    }

    fn append_of(logs: &GuestLogs, call: &Call, lines: Vec<LogLine>, dropped: u32) {
        let kept = Kept::of(call, &definition(call.context.tenant.as_str(), "rule"), lines, dropped);
        logs.append(&call.context, kept.unwrap());
    }

    fn read(logs: &GuestLogs, tenant: &str, after: u64) -> Vec<LogRecord> {
        logs.read(&TenantId::parse(tenant).unwrap(), &ExtensionId::parse("rule").unwrap(), after, 10_000)
    }

    #[test]
    fn a_tail_keeps_the_newest_within_its_bytes() {
        let logs = GuestLogs::default();
        (0..40).for_each(|_| append(&logs, "acme", vec![line(64 << 10)], 0));
        let kept = read(&logs, "acme", 0);
        assert_eq!(kept.len(), TENANT_BYTES_MAX / ((64 << 10) + RECORD_BYTES_MIN));
        assert_eq!(kept.last().unwrap().seq, 40);
        assert!(read(&logs, "other", 0).is_empty());
    }

    #[test]
    fn who_logs_most_pays_for_what_is_too_much() {
        let mut tails = Tails::default();
        let record = |bytes| LogRecord::of(&call_of("t", Arc::new(Nobody)).context, &definition("t", "rule"), 0, line(bytes));
        let tenants: Vec<TenantId> = (0..100).map(|at| TenantId::parse(&format!("t{at}")).unwrap()).collect();
        tenants.iter().for_each(|tenant| tails.of(tenant).push(record(10)));
        for at in 0..1_000 {
            tails.of(&tenants[at % 5]).push(record(20 << 10));
            tails.make_room();
        }
        assert!(tails.by_tenant.values().map(|tail| tail.bytes).sum::<usize>() <= PART_BYTES_MAX);
        assert!(tenants[5..].iter().all(|tenant| tails.by_tenant[tenant].records.len() == 1), "the quiet ones lose nothing");
    }

    #[test]
    fn the_quietest_tenant_makes_room() {
        let mut tails = Tails::default();
        for at in 0..=PART_TENANTS_MAX {
            let record = LogRecord::of(&call_of("t", Arc::new(Nobody)).context, &definition("t", "rule"), 0, line(1));
            tails.of(&TenantId::parse(&format!("t{at}")).unwrap()).push(LogRecord { seq: at as u64 + 1, ..record });
        }
        assert_eq!(tails.by_tenant.len(), PART_TENANTS_MAX);
        assert!(!tails.by_tenant.contains_key(&TenantId::parse("t0").unwrap()));
    }

    #[test]
    fn what_a_call_may_not_log_is_counted_and_told_once() {
        let logs = GuestLogs::default();
        append(&logs, "acme", vec![line(1)], 7);
        append(&logs, "acme", Vec::new(), 5);
        let told = read(&logs, "acme", 0);
        assert_eq!(told.iter().map(|record| record.dropped).collect::<Vec<_>>(), [0, 12]);
        assert!(told[1].message.starts_with("12 more lines exceeded"), "{}", told[1].message);
        assert!(read(&logs, "acme", told[1].seq).is_empty());
        assert_eq!(logs.lines(), (1, 12));
    }

    /// Lets `self.0` bytes through.
    #[derive(Debug)]
    struct Quota(AtomicU64);

    impl Payer for Quota {
        fn share(&self) -> &Arc<Share> {
            Nobody.share()
        }

        fn charge(&self, _: std::time::Duration) {}

        fn may_log(&self, bytes: u64, _: Instant) -> bool {
            self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
        }
    }

    #[test]
    fn lines_beyond_the_quota_are_dropped_whole() {
        let logs = GuestLogs::default();
        let payer = Arc::new(Quota(AtomicU64::new(1_000)));
        let lines = vec![line(600), line(600), line(300), line(90)];
        append_of(&logs, &call_of("acme", payer), lines, 0);
        let kept = read(&logs, "acme", 0);
        assert_eq!(kept.iter().map(|record| record.message.len()).take(2).collect::<Vec<_>>(), [600, 300]);
        assert_eq!((kept.len(), kept[2].dropped), (3, 2), "an empty line costs what a record costs");
    }
}
