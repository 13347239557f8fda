//! Records, from what is noted of a request to what a scraper reads.

use std::sync::Arc;

use bytes::Bytes;
use extensions_engine::{Failure, LogLevel, LogLine, Observer, Outcome, Stats};
use extensions_fair::Nobody;
use extensions_types::{ErrorCode, ExtensionDefinition, FailureCause, Fallback, FallbackAction, Refusal, Version};
use prometheus_client::{encoding::text::encode, registry::Registry};

use super::{
    Accounts, MetricsSettings,
    testing::{call_of, context, definition},
};

struct Host {
    registry: Registry,
    accounts: Arc<Accounts>,
}

impl Host {
    fn new(settings: &MetricsSettings) -> Self {
        let mut registry = Registry::with_prefix("extensions");
        let accounts = Accounts::new(&mut registry, Arc::default(), settings).unwrap();
        Self { registry, accounts }
    }

    fn scrape(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }

    /// The value of a series; 0 where there is none.
    fn value(&self, series: &str) -> u64 {
        let text = self.scrape();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    fn run(&self, definition: &Arc<ExtensionDefinition>, code: Option<ErrorCode>) {
        let account = self.accounts.open(context(definition.tenant_id.as_str(), "c-1"));
        account.ended(&call_of("acme", Arc::new(Nobody)), definition, &mut outcome(code));
    }
}

fn micros(micros: u64) -> std::time::Duration {
    std::time::Duration::from_micros(micros)
}

/// One that took 100.9 µs of CPU time.
fn outcome(code: Option<ErrorCode>) -> Outcome {
    let stats = Stats {
        cpu: std::time::Duration::from_nanos(100_900),
        wall: micros(200),
        queue: micros(50),
        instantiate: micros(20),
        guest: micros(130),
        ..Stats::default()
    };
    let result = code.map_or(Ok(Bytes::from_static(b"{}")), |code| Err(Failure::new(code, "why")));
    Outcome { result, stats, logs: Vec::new(), logs_dropped: 0, issued: false }
}

#[test]
fn a_record_is_made_once_when_the_last_one_lets_go() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    let ok = "extensions_invocations_total{kind=\"domain_hook\",outcome=\"OK\"}";
    let account = host.accounts.open(context("acme", "c-1"));
    let of_engine = Arc::clone(&account);
    drop(account);
    assert_eq!(host.value(ok), 0, "the caller is gone, its call goes on");
    of_engine.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut outcome(None));
    assert_eq!(host.value(ok), 0);
    drop(of_engine);
    assert_eq!(host.value(ok), 1);
    assert_eq!(host.value("extensions_invocation_wall_seconds_count"), 1);
    assert_eq!(host.value("extensions_invocation_wall_seconds_bucket{le=\"+Inf\"}"), 1);
    assert_eq!(host.value("extensions_tenant_invocations_total{tenant=\"acme\",end=\"answered\"}"), 1);
}

#[test]
fn no_fraction_of_cpu_time_is_lost() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    (0..1_000).for_each(|_| host.run(&rule, None));
    assert_eq!(host.value("extensions_invocation_cpu_microseconds_total"), 100_900);
    assert_eq!(host.value("extensions_extension_cpu_microseconds_total{tenant=\"acme\",extension=\"rule\"}"), 100_900);
}

#[test]
fn both_runs_of_a_fallback_are_one_record() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    let account = host.accounts.open(context("acme", "c-1"));
    account.resolved(&rule);
    account.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut outcome(Some(ErrorCode::Trap)));
    account.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut outcome(None));
    let fallback = Fallback { action: FallbackAction::LastGood, cause: FailureCause::Trap, message: "why".to_owned() };
    account.fell_back(&fallback, Version::FIRST);
    drop(account);
    assert_eq!(host.value("extensions_invocations_total{kind=\"domain_hook\",outcome=\"TRAP\"}"), 1);
    assert_eq!(host.value("extensions_invocations_total{kind=\"domain_hook\",outcome=\"OK\"}"), 0);
    assert_eq!(host.value("extensions_invocation_cpu_microseconds_total"), 201);
    assert_eq!(host.value("extensions_extension_fallbacks_total{tenant=\"acme\",extension=\"rule\"}"), 1);
}

#[test]
fn refusals_are_records_too() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    let over = Refusal::new(ErrorCode::QuotaExceeded, "too much");
    let account = host.accounts.open(context("acme", "c-1"));
    account.resolved(&rule);
    account.refused("rule", &over, Some("rate_per_s"));
    drop(account);
    let missing = host.accounts.open(context("acme", "c-1"));
    missing.refused("no-such-rule", &Refusal::new(ErrorCode::NotFound, "none"), None);
    drop(missing);
    // Its caller left while it was looked for.
    drop(host.accounts.open(context("acme", "c-1")));
    host.accounts.refused_unknown(None, &Refusal::new(ErrorCode::Unauthenticated, "no token"));
    for code in ["QUOTA_EXCEEDED", "NOT_FOUND", "DEADLINE", "UNAUTHENTICATED"] {
        assert_eq!(host.value(&format!("extensions_refusals_total{{code=\"{code}\"}}")), 1, "{code}");
    }
    assert_eq!(host.value("extensions_extension_invocations_total{tenant=\"acme\",extension=\"rule\",end=\"refused\"}"), 1);
    assert!(!host.scrape().contains("no-such-rule"), "a caller's word is no label");
}

#[test]
fn ten_thousand_extensions_are_a_bounded_scrape_that_adds_up() {
    let settings = MetricsSettings { extensions_max: 20, tenants_max: 5, extensions: vec!["t7/quiet".to_owned()], ..MetricsSettings::default() };
    let host = Host::new(&settings);
    let rules: Vec<_> = (0..10_000).map(|at| definition(&format!("t{}", at % 1_000), &format!("x{at}"))).collect();
    for round in 0..4 {
        for (at, rule) in rules.iter().enumerate() {
            (0..if at % 1_000 == 3 { 30 } else { 1 }).for_each(|_| host.run(rule, None));
        }
        let text = host.scrape();
        let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        let shown = series("extensions_extension_cpu_microseconds_total{");
        assert_eq!(shown.len(), 20 + 1 + 1, "the busiest, the named one, and the others");
        assert!(text.len() < 64 << 10, "{} bytes", text.len());
        assert_eq!(shown.iter().filter(|line| line.contains("extension=\"quiet\"")).count(), 1);
        let sum = |name| series(name).iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum::<u64>();
        let sent = (round + 1) * (10_000 - 10 + 10 * 30);
        assert_eq!(sum("extensions_extension_invocations_total{"), sent);
        assert_eq!(sum("extensions_tenant_invocations_total{"), sent);
    }
    let text = host.scrape();
    for at in (0..10).map(|thousand| thousand * 1_000 + 3) {
        assert!(text.contains(&format!("extension=\"x{at}\"")), "x{at} is busy");
    }
}

#[test]
fn a_chatty_caller_is_counted_once() {
    let (host, rule) =
        (Host::new(&MetricsSettings { chatty_calls: 10, chatty_window_s: 3_600, ..MetricsSettings::default() }), definition("acme", "rule"));
    (0..9).for_each(|_| host.run(&rule, None));
    assert_eq!(host.value("extensions_chatty_callers_total"), 0);
    (0..50).for_each(|_| host.run(&rule, None));
    assert_eq!(host.value("extensions_chatty_callers_total"), 1);
}

#[test]
fn a_tenant_called_other_is_among_the_others() {
    let host = Host::new(&MetricsSettings::default());
    host.run(&definition("other", "rule"), None);
    assert_eq!(host.value("extensions_tenant_invocations_total{tenant=\"other\",end=\"answered\"}"), 1);
}

#[test]
fn threads_count_apart_and_are_summed() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| (0..500).for_each(|_| host.run(&rule, Some(ErrorCode::Rejected))));
        }
    });
    assert_eq!(host.value("extensions_invocations_total{kind=\"domain_hook\",outcome=\"REJECTED\"}"), 10_000);
    assert_eq!(host.value("extensions_extension_invocations_total{tenant=\"acme\",extension=\"rule\",end=\"rejected\"}"), 10_000);
}

#[test]
fn a_call_that_never_began_is_a_refusal() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    let account = host.accounts.open(context("acme", "c-1"));
    account.resolved(&rule);
    let waited = Stats { wall: micros(900), queue: micros(900), ..Stats::default() };
    account.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut Outcome { stats: waited, ..outcome(Some(ErrorCode::Overloaded)) });
    drop(account);
    assert_eq!(host.value("extensions_refusals_total{code=\"OVERLOADED\"}"), 1);
    assert_eq!(host.value("extensions_invocations_total{kind=\"domain_hook\",outcome=\"OVERLOADED\"}"), 0);
    assert_eq!(host.value("extensions_tenant_invocations_total{tenant=\"acme\",end=\"refused\"}"), 1);
    assert_eq!(host.value("extensions_invocation_wall_seconds_count"), 0, "it is no invocation");
}

/// As calls of the slow lane do: their threads open no accounts.
#[test]
fn what_ends_on_a_thread_that_opens_none_is_seen_by_the_next_scrape() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    let lines = || vec![LogLine { level: LogLevel::Info, message: "from the slow lane".to_owned() }];
    for _ in 0..2_000 {
        let account = host.accounts.open(context("acme", "c-1"));
        let rule = Arc::clone(&rule);
        let ending = move || account.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut Outcome { logs: lines(), ..outcome(None) });
        std::thread::spawn(ending).join().unwrap();
    }
    assert_eq!(host.value("extensions_invocations_total{kind=\"domain_hook\",outcome=\"OK\"}"), 2_000);
    assert_eq!(host.value("extensions_guest_log_lines_total"), 2_000);
}

#[test]
fn calls_under_ids_made_up_for_them_are_no_chatter() {
    let (host, rule) = (Host::new(&MetricsSettings { chatty_calls: 10, ..MetricsSettings::default() }), definition("acme", "rule"));
    for _ in 0..50 {
        let account = host.accounts.open_unnamed(context("acme", "c-1"));
        account.ended(&call_of("acme", Arc::new(Nobody)), &rule, &mut outcome(None));
    }
    assert_eq!(host.value("extensions_chatty_callers_total"), 0);
}

#[test]
fn compiling_is_its_tenants_time() {
    let (host, rule) = (Host::new(&MetricsSettings::default()), definition("acme", "rule"));
    host.accounts.compiled(&rule, micros(40_000));
    host.run(&rule, None);
    assert_eq!(host.value("extensions_tenant_cpu_microseconds_total{tenant=\"acme\"}"), 40_100);
    assert_eq!(host.value("extensions_invocation_cpu_microseconds_total"), 100, "no call took it");
}
