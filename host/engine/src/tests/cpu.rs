//! What calls are charged, against the CPU clock of the threads that ran them.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::Duration,
};

use extensions_fair::{Payer, Share};
use extensions_types::ExtensionDefinition;

use super::stage::{SPINS, Stage, Tenant, counts, until};
use crate::{Call, Extension, Observer, Outcome, clock::EXACT};

/// What the clock's own reads take in a slice, when it is measured as here.
const READS: Duration = Duration::from_micros(3);

/// Pays, sees calls end, and looks at the CPU clock itself.
#[derive(Debug, Default)]
struct Witness {
    share: Arc<Share>,
    charged: AtomicU64,
    exact: AtomicU64,
    slices: AtomicU64,
    recorded: AtomicU64,
    ended: AtomicU64,
}

fn add(sum: &AtomicU64, time: Duration) {
    sum.fetch_add(u64::try_from(time.as_nanos()).unwrap(), SeqCst);
}

impl Payer for Witness {
    fn share(&self) -> &Arc<Share> {
        &self.share
    }

    fn charge(&self, cpu: Duration) {
        add(&self.charged, cpu);
        // The slice was this thread's last one.
        add(&self.exact, EXACT.get());
        self.slices.fetch_add(1, SeqCst);
    }
}

impl Observer for Witness {
    fn ended(&self, _: &Call, _: &Arc<ExtensionDefinition>, outcome: &mut Outcome) {
        add(&self.recorded, outcome.stats.cpu);
        self.ended.fetch_add(1, SeqCst);
    }
}

impl Witness {
    fn call(self: &Arc<Self>) -> Call {
        Call { payer: Arc::clone(self) as _, observer: Arc::clone(self) as _, ..Tenant::new().call(None) }
    }

    fn sums(&self) -> [Duration; 3] {
        [&self.charged, &self.exact, &self.recorded].map(|sum| Duration::from_nanos(sum.load(SeqCst)))
    }
}

/// Guests that answer, trap, spin and time out, each as often as it says.
fn guests(stage: &Stage) -> Vec<(Arc<Extension>, u32)> {
    const PATIENT: &str = "cpu_millis = 1000\ntimeout_ms = 30000";
    let guests = [
        (counts(10), PATIENT, 1_000),
        (counts(100_000), PATIENT, 400),
        (counts(300_000), PATIENT, 200),
        ("(unreachable)".to_owned(), PATIENT, 200),
        (counts(8_000_000), PATIENT, 30),
        (SPINS.to_owned(), "cpu_millis = 5\ntimeout_ms = 30000", 20),
        (SPINS.to_owned(), "cpu_millis = 1000\ntimeout_ms = 20", 10),
    ];
    guests.into_iter().map(|(body, limits, calls)| (stage.extension(&body, limits), calls)).collect()
}

/// One I/O thread's work: every guest in turn, and some callers who leave.
fn work(stage: &Arc<Stage>, witness: &Arc<Witness>, guests: &[(Arc<Extension>, u32)]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut calls = 0;
        for (guest, times) in guests {
            for _ in 0..*times {
                stage.engine.invoke(guest, witness.call()).await;
                calls += 1;
            }
        }
        for _ in 0..10 {
            let (spins, _) = &guests[5];
            let left = tokio::time::timeout(Duration::from_millis(2), stage.engine.invoke(spins, witness.call())).await;
            calls += 1;
            drop(left);
        }
        calls
    })
}

#[test]
fn what_calls_are_charged_is_what_threads_used_within_a_hundredth() {
    let (stage, witness) = (Stage::new(), Arc::new(Witness::default()));
    let guests = guests(&stage);
    let stop = AtomicBool::new(false);
    let calls: u64 = thread::scope(|scope| {
        // Somebody who takes cores away.
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                std::hint::spin_loop()
            }
        });
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| work(&stage, &witness, &guests))).collect();
        let calls = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        stop.store(true, Relaxed);
        calls
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(until(|| witness.ended.load(SeqCst) == calls));
    let ([charged, exact, recorded], slices) = (witness.sums(), witness.slices.load(SeqCst));
    assert_eq!(charged, recorded, "every slice is in a record");
    let reads = READS * u32::try_from(slices).unwrap();
    assert!(charged >= exact - exact / 100, "charged {charged:?} of {exact:?} in {slices} slices");
    assert!(charged <= exact + exact / 100 + reads, "charged {charged:?} of {exact:?} in {slices} slices");
}
