//! Tenants that mind their own business: called all the time on connections of
//! their own, whose answers must be right and in time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use extensions_client::Invoke;
use extensions_test_support::{Guest, Platform};
use extensions_types::{Kind, TenantId};

use crate::{call::Told, process};

/// Complaints kept of each neighbour; the rest are only counted.
const COMPLAINTS_MAX: usize = 3;

/// One neighbour and what it asks for.
#[derive(Debug, Clone, Copy)]
struct Habit {
    tenant: &'static str,
    /// The body of its guest, which answers with its input.
    body: &'static str,
    manifest: &'static str,
    /// An answer after that is late.
    deadline: Duration,
    pause: Duration,
}

/// A short rule, as most are: it starts and ends in the fast lane.
const QUICK: Habit = Habit {
    tenant: "neighbour",
    body: "(call $ok (local.get $input) (local.get $input_len))",
    manifest: "",
    deadline: Duration::from_secs(1),
    pause: Duration::from_millis(2),
};
/// A rule of some milliseconds, which ends in the slow lane. Its deadline names
/// starvation and nothing less: the lane's minimum share is a tenth of a core.
const WORKING: Habit = Habit {
    tenant: "neighbour-works",
    body: "(local $left i32) (local.set $left (i32.const 4000000))
        (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $ok (local.get $input) (local.get $input_len))",
    manifest: "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n",
    deadline: Duration::from_secs(10),
    pause: Duration::from_millis(20),
};

/// What one neighbour saw since it was last asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) calls: usize,
    pub(crate) worst: Duration,
    /// Calls with a wrong answer, an error or a late answer.
    pub(crate) bad: usize,
    pub(crate) complaints: Vec<String>,
}

impl Seen {
    fn saw(&mut self, wall: Duration, complaint: Option<String>) {
        self.calls += 1;
        self.worst = self.worst.max(wall);
        if let Some(complaint) = complaint {
            self.bad += 1;
            if self.complaints.len() < COMPLAINTS_MAX {
                self.complaints.push(complaint);
            }
        }
    }
}

/// The neighbours of a host: one for each lane. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Neighbours {
    quick: Neighbour,
    working: Neighbour,
}

impl Neighbours {
    /// Serves their rules and begins to call them.
    pub(crate) async fn settle(platform: &Platform) -> Self {
        Self { quick: Neighbour::settle(platform, QUICK).await, working: Neighbour::settle(platform, WORKING).await }
    }

    /// What both saw since they were last asked: the short rule's, the working one's.
    pub(crate) fn seen(&self) -> [Seen; 2] {
        [self.quick.seen(), self.working.seen()]
    }

    /// Waits until each was answered `calls` times more.
    pub(crate) async fn answered(&self, calls: usize) {
        for neighbour in [&self.quick, &self.working] {
            let before = neighbour.lock().calls;
            extensions_test_support::until(|| neighbour.lock().calls >= before + calls).await;
        }
    }
}

#[derive(Debug)]
struct Neighbour {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    async fn settle(platform: &Platform, habit: Habit) -> Self {
        let tenant = TenantId::parse(habit.tenant).unwrap();
        let guest = Guest::new(Kind::ProcessHook, habit.body).component();
        let served = platform.serve(&tenant, "rule", Kind::ProcessHook, habit.manifest, guest);
        platform.load(&served).await.unwrap();
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (into, until) = (Arc::clone(&seen), Arc::clone(&stop));
        let (endpoint, token) = (platform.tcp(), platform.token(&tenant));
        // A thread of its own: what the attacker's clients do here must not look like the host's slowness.
        let thread = thread::Builder::new().name(habit.tenant.to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = extensions_client::Client::builder().token(token).retries(0).connect(&endpoint).unwrap();
                live(habit, &client, &into, &until).await;
            });
        });
        Self { seen, stop, thread: Some(thread.unwrap()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> Seen {
        std::mem::take(&mut self.lock())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

/// Calls, checks, pauses; each input differs, so that another call's answer is a wrong one.
async fn live(habit: Habit, client: &extensions_client::Client, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let input = format!("{{\"of\":\"{}\",\"n\":{number}}}", habit.tenant);
        let started = Instant::now();
        let call = Invoke::new("rule").input(input.clone()).timeout(habit.deadline);
        let told = Told::of(client.invoke(call).await);
        let wall = started.elapsed();
        let right = told.code == "OK" && told.output == input;
        // Late for the machine's sake is nobody's fault: without the stall it would have been in time.
        let late = wall > habit.deadline && (right || told.code == "DEADLINE");
        if late && wall.saturating_sub(process::stalled(started)) <= habit.deadline {
            continue;
        }
        let complaint = match right {
            true if wall <= habit.deadline => None,
            true => Some(format!("{}: late, after {wall:?}", habit.tenant)),
            false => Some(format!("{}: {} {}{} after {wall:?}", habit.tenant, told.code, told.message, told.output)),
        };
        seen.lock().unwrap_or_else(PoisonError::into_inner).saw(wall, complaint);
        tokio::time::sleep(habit.pause).await;
    }
}
