//! The same through a whole host: tenants that write all they can, and then
//! one that reads, in slots that the host chooses.

use extensions_client::Invoke;
use extensions_test_support::{Guest, Start};
use extensions_types::{Kind, TenantId};

use crate::{
    CHILD,
    attack::{Attack, Row},
    call::Told,
    guests::{time::LONG, variant::hook},
    stage::{Scene, Stage, hasty},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "leak-between-tenants", about: "a tenant that reads where others wrote", run: |stage| Box::pin(tenants(stage)) },
    Attack { name: "leak-after-stop", about: "a tenant that reads where guests were stopped midway", run: |stage| Box::pin(stopped(stage)) },
    Attack { name: "leak-stack", about: "locals that were never set, on a stack that others used", run: |stage| Box::pin(stack(stage)) },
];

const RESETS: [&str; 2] = ["keep", "scan"];
/// Distinct writers: more than the slots of a host with one I/O thread and one
/// long call, as the pool makes them (one batch of 16 for each core besides).
fn writers() -> usize {
    (std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16) + 1) * 16 + 8
}
/// Distinct readers.
const READERS: usize = 4;
/// Pages within the window that is reset by writing, and far beyond it.
const SMALL: usize = 4;
const LARGE: usize = 200;

/// Writes a secret over all of its memory and table; `end` is how it ends.
fn writer(number: usize, pages: usize, end: &str) -> Guest {
    hook(&format!(
        "(drop (i32.const {number})) (drop (memory.grow (i32.const {})))
         (memory.fill (i32.const 65536) (i32.const 0xa5) (i32.const {}))
         (table.fill $t (i32.const 0) (ref.func $spare) (i32.const 1000))
         {end}",
        pages - 2,
        (pages - 1) << 16
    ))
    .text("answer", "{}")
    .fields("(table $t 1000 funcref) (func $spare) (elem declare func $spare)")
}

/// Counts what is not zero in memory that it never wrote, and elements that it never set.
fn reader(number: usize, pages: usize, before: &str) -> Guest {
    hook(&format!(
        "(local $at i32) (local $found i64)
         (drop (i32.const {number})) (drop (memory.grow (i32.const {})))
         {before}
         (local.set $at (i32.add (i32.and (global.get $heap) (i32.const -8)) (i32.const 8)))
         (loop $next
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (local.set $found (i64.add (local.get $found) (i64.const 1)))))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const {}))))
         (local.set $at (i32.const 999))
         (loop $next
            (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (local.set $found (i64.add (local.get $found) (i64.const 1)))))
            (br_if $next (local.tee $at (i32.sub (local.get $at) (i32.const 1)))))
         (call $ok (call $number (local.get $found)))",
        pages - 2,
        pages << 16
    ))
    .fields("(table $t 1000 funcref) (func $spare) (elem declare func $spare)")
}

/// A host with few slots in one reset mode, and a tenant that reads.
struct Reading {
    stage: Stage,
    reader: TenantId,
    reset: &'static str,
}

impl Reading {
    async fn new(stage: &Stage, reset: &'static str) -> Self {
        let start = Start::new(CHILD).io_threads(1).slow_calls_max(4).set(move |settings| reset.clone_into(&mut settings.engine.memory_reset));
        let stage = stage.elsewhere(Scene::of(stage.profile, start).await);
        Self { stage, reader: TenantId::parse("reader").unwrap(), reset }
    }

    /// Serves and calls a guest of the attacker's.
    async fn write(&self, id: &str, guest: &Guest) -> Told {
        self.stage.serve(id, Kind::ProcessHook, LONG, guest.component()).await.1.unwrap();
        self.stage.call(id).await
    }

    /// Serves and calls one of the reader's; a row of what it found.
    async fn read(&self, id: &str, guest: &Guest, expected: &str) -> Row {
        let served = self.stage.platform.serve(&self.reader, id, Kind::ProcessHook, LONG, guest.component());
        self.stage.platform.load(&served).await.unwrap();
        let told = Told::of(hasty(&self.stage.platform, &self.reader).invoke(Invoke::new(id)).await);
        Row::new(format!("{}: {id}", self.reset), expected, told.answer())
    }
}

async fn tenants(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    for reset in RESETS {
        let reading = Reading::new(stage, reset).await;
        // The look finds what there is.
        for (what, before, found) in [
            ("control-a-byte", "(i32.store8 (i32.const 200000) (i32.const 1))", 1),
            ("control-an-element", "(table.set $t (i32.const 5) (ref.func $spare))", 1),
            ("control-a-page", "(memory.fill (i32.const 131072) (i32.const 1) (i32.const 65536))", 8_192),
        ] {
            rows.push(reading.read(what, &reader(0, SMALL, before), &format!("OK {{\"n\":{found}}}")).await);
        }
        for pages in [SMALL, LARGE] {
            for number in 0..writers() {
                reading.write("writes", &writer(number, pages, "(call $ok (call $answer))")).await;
            }
            for number in 0..READERS {
                rows.push(reading.read(&format!("{pages}-pages-{number}"), &reader(number, pages, ""), "OK {\"n\":0}").await);
            }
        }
    }
    rows
}

async fn stopped(stage: &Stage) -> Vec<Row> {
    const TIRES: &str = "[limits]\ncpu_millis = 2\ntimeout_ms = 30000\n";
    let mut rows = Vec::new();
    for reset in RESETS {
        let reading = Reading::new(stage, reset).await;
        for (how, end, manifest, code) in
            [("trapped", "(unreachable)", LONG, "TRAP"), ("spinning", "(loop $again (br $again)) (unreachable)", TIRES, "CPU_LIMIT")]
        {
            let mut codes = Vec::new();
            for number in 0..writers() {
                reading.stage.serve(how, Kind::ProcessHook, manifest, writer(number, SMALL, end).component()).await.1.unwrap();
                codes.push(reading.stage.call(how).await.code);
            }
            codes.dedup();
            rows.push(Row::new(format!("{reset}: writers, {how}"), code, codes.join(", ")));
            for number in 0..READERS {
                rows.push(reading.read(&format!("after-{how}-{number}"), &reader(number, SMALL, ""), "OK {\"n\":0}").await);
            }
        }
    }
    rows
}

/// Fibers' stacks are not cleared between calls, since compiled code reads no slot that it did not write.
async fn stack(stage: &Stage) -> Vec<Row> {
    let locals: String = (0..300).map(|at| format!("(local $l{at} i64)")).collect();
    let fill: String = (0..300).map(|at| format!("(local.set $l{at} (i64.mul (local.get $n) (i64.const {})))", at + 3)).collect();
    let sum: String = (0..300).map(|at| format!("(i64.add (local.get $l{at}))")).collect();
    let writes = hook("(drop (call $deep (i64.const 50) (i64.const -1))) (call $ok (call $answer))").text("answer", "{}").fields(&format!(
        "(func $deep (param $left i64) (param $n i64) (result i64) {locals} {fill}
            (if (i64.ne (local.get $left) (i64.const 0)) (then (local.set $n (call $deep (i64.sub (local.get $left) (i64.const 1)) (local.get $n)))))
            (local.get $n) {sum})"
    ));
    // A branch that the optimiser cannot see keeps the locals alive; none was ever set.
    let reads = hook("(call $ok (call $number (call $sum (i64.const 50) (local.get $input_len))))").fields(&format!(
        "(func $sum (param $left i64) (param $n i32) (result i64) {locals}
            (if (i32.eq (local.get $n) (i32.const 12345)) (then {}))
            (if (i64.ne (local.get $left) (i64.const 0)) (then (local.set $l0 (call $sum (i64.sub (local.get $left) (i64.const 1)) (local.get $n)))))
            (i64.const 0) {sum})",
        fill.replace("(local.get $n)", "(local.get $left)")
    ));
    let mut rows = Vec::new();
    for reset in RESETS {
        let reading = Reading::new(stage, reset).await;
        for number in 0..READERS {
            let told = reading.write("writes", &writes).await;
            rows.push(Row::new(format!("{reset}: the writer"), "OK {}", told.answer()));
            rows.push(reading.read(&format!("reads-{number}"), &reads, "OK {\"n\":0}").await);
        }
    }
    rows
}
