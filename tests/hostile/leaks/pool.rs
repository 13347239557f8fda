//! Slots of the pool itself: the production configuration without a host, so
//! that a test sees which slot an instance got, and every byte of it.
//!
//! Writers are distinct modules, more than the pool keeps slots for: afterwards
//! each slot that a reader can get was a writer's. That it was is part of the
//! result, by its address; and so is that the same look finds what is there
//! while the writer still lives.

use std::collections::HashSet;

use extensions_engine_config::{Bounds, MemoryReset, PoolSize, Profile, host_engine};
use extensions_test_support::components::parsed;
use wasmtime::{Engine, Instance, Memory, Module, Ref, Store, Table, Val};

use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "leak-memory",
        about: "bytes of an earlier instance in a slot's memory",
        run: |stage| Box::pin(async move { every(stage, memory) }),
    },
    Attack {
        name: "leak-growth",
        about: "bytes of an earlier instance in memory that is grown into",
        run: |stage| Box::pin(async move { every(stage, growth) }),
    },
    Attack {
        name: "leak-image",
        about: "an earlier component's data, and what was written over it",
        run: |stage| Box::pin(async move { every(stage, image) }),
    },
    Attack { name: "leak-table", about: "elements of an earlier instance's table", run: |stage| Box::pin(async move { every(stage, table) }) },
    Attack {
        name: "leak-globals",
        about: "an earlier instance's globals, and what a trap left",
        run: |stage| Box::pin(async move { every(stage, globals) }),
    },
];

/// More than the slots of the smallest pool: one for the instance, and on each
/// of at most 16 cores a batch of 16 that wait to be reset.
fn writers() -> usize {
    const BATCH: usize = 16;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
    (cores + 1) * BATCH + 8
}
/// Readers of each kind.
const READERS: usize = 4;
const PAGE: usize = 64 << 10;
/// What writers write; never 0.
const PATTERN: u8 = 0xa5;
/// Never reached: nothing ticks here.
const NEVER: u64 = 1 << 40;

/// Every combination of this profile and the reset modes.
fn every(stage: &Stage, look: fn(&Pool) -> Vec<Row>) -> Vec<Row> {
    let bounds = if stage.profile == "hardened" { Bounds::Hardened } else { Bounds::Guards };
    let mut rows = Vec::new();
    for (name, reset) in [("keep", MemoryReset::Keep), ("scan", MemoryReset::Scan)] {
        let pool = Pool { engine: host_engine(Profile { bounds }, reset, PoolSize { instances: 1 }).unwrap() };
        rows.extend(look(&pool).into_iter().map(|row| Row { what: format!("{name}: {}", row.what), ..row }));
    }
    rows
}

struct Pool {
    engine: Engine,
}

/// An instance and its store.
struct Live {
    store: Store<()>,
    instance: Instance,
}

impl Pool {
    fn start(&self, module: &Module) -> Live {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(NEVER);
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        Live { store, instance }
    }

    /// A module whose text has `{n}` where it differs from the others.
    fn module(&self, text: &str, number: usize) -> Module {
        Module::new(&self.engine, parsed(&text.replace("{n}", &number.to_string()))).unwrap()
    }

    /// Runs `write` of many distinct modules; where their memories lay, and
    /// what `look` saw in the last of them while it lived.
    fn write<T>(&self, text: &str, look: impl Fn(&mut Live) -> T) -> (HashSet<usize>, T) {
        let mut slots = HashSet::new();
        let mut seen = None;
        for number in 0..writers() {
            let mut live = self.start(&self.module(text, number));
            let write = live.instance.get_typed_func::<(), ()>(&mut live.store, "write").unwrap();
            // A writer that traps has written before.
            let _ = write.call(&mut live.store, ());
            slots.insert(live.slot());
            if number + 1 == writers() {
                seen = Some(look(&mut live));
            }
        }
        (slots, seen.unwrap())
    }

    /// Several distinct readers after the writers: what each saw, in whose slot.
    fn read<T: std::fmt::Debug>(
        &self,
        what: &str,
        text: &str,
        slots: &HashSet<usize>,
        expected: &str,
        mut look: impl FnMut(&mut Live) -> T,
    ) -> Vec<Row> {
        (0..READERS)
            .map(|number| {
                let mut live = self.start(&self.module(text, number));
                let slot = if slots.contains(&live.slot()) { "a writer's slot" } else { "a slot that no writer had" };
                Row::new(format!("{what}, reader {number}"), format!("{expected}, in a writer's slot"), format!("{:?}, in {slot}", look(&mut live)))
            })
            .collect()
    }
}

impl Live {
    fn memory(&mut self) -> Memory {
        self.instance.get_memory(&mut self.store, "memory").unwrap()
    }

    fn table(&mut self) -> Table {
        self.instance.get_table(&mut self.store, "table").unwrap()
    }

    /// Where its memory lies.
    fn slot(&mut self) -> usize {
        let memory = self.memory();
        memory.data_ptr(&self.store) as usize
    }

    /// Bytes that are not 0 beyond `from`.
    fn dirty(&mut self, from: usize) -> usize {
        let memory = self.memory();
        memory.data(&self.store)[from..].iter().filter(|byte| **byte != 0).count()
    }

    /// The same after it has grown to `pages`.
    fn dirty_grown(&mut self, pages: u64) -> usize {
        let memory = self.memory();
        let now = memory.size(&self.store);
        memory.grow(&mut self.store, pages.saturating_sub(now)).unwrap();
        self.dirty(0)
    }

    /// Elements of the table that are set.
    fn set_elements(&mut self) -> usize {
        let table = self.table();
        let size = table.size(&self.store);
        (0..size).filter(|at| !matches!(table.get(&mut self.store, *at), Some(Ref::Func(None)))).count()
    }
}

/// Writers fill all of their first memory; sizes below, at and beyond the window that is reset by writing.
fn memory(pool: &Pool) -> Vec<Row> {
    let mut rows = Vec::new();
    for pages in [1, 4, 6, 7, 64] {
        let bytes = pages * PAGE;
        let writer = format!(
            "(module (memory (export \"memory\") {pages}) (func (export \"write\") (drop (i32.const {{n}}))
                (memory.fill (i32.const 0) (i32.const {PATTERN}) (i32.const {bytes}))))"
        );
        let (slots, found) = pool.write(&writer, |live| live.dirty(0));
        rows.push(Row::new(format!("{pages} pages, in the writer itself"), bytes.to_string(), found.to_string()));
        for reads in [pages, 2 * pages] {
            let reader = format!("(module (memory (export \"memory\") {reads}) (func (export \"f{{n}}\")))");
            rows.extend(pool.read(&format!("{pages} pages written, {reads} read"), &reader, &slots, "0", |live| live.dirty(0)));
        }
    }
    rows
}

/// Writers grow and fill what they got, or its ends; readers grow into it.
fn growth(pool: &Pool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (from, to) in [(1, 5), (1, 8), (2, 80), (0, 16)] {
        let writer = format!(
            "(module (memory (export \"memory\") {from}) (func (export \"write\") (drop (i32.const {{n}}))
                (drop (memory.grow (i32.const {}))) (memory.fill (i32.const 0) (i32.const {PATTERN}) (i32.const {}))))",
            to - from,
            to * PAGE
        );
        let (slots, found) = pool.write(&writer, |live| live.dirty(0));
        rows.push(Row::new(format!("{from} grown to {to}, in the writer itself"), (to * PAGE).to_string(), found.to_string()));
        let reader = format!("(module (memory (export \"memory\") {from}) (func (export \"f{{n}}\")))");
        let pages = u64::try_from(to).unwrap() + 8;
        rows.extend(pool.read(&format!("{from} grown to {to}"), &reader, &slots, "0", |live| live.dirty_grown(pages)));
    }
    // A byte in each page of nearly all that a slot can have.
    let sparse = "(module (memory (export \"memory\") 1) (func (export \"write\") (local $at i32) (drop (i32.const {n}))
        (drop (memory.grow (i32.const 1999)))
        (loop $next (i32.store8 (local.get $at) (i32.const 165)) (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 65536))) (i32.const 131072000))))))";
    let (slots, found) = pool.write(sparse, |live| live.dirty(0));
    rows.push(Row::new("a byte in each of 2,000 pages, in the writer itself", "2000", found.to_string()));
    rows.extend(pool.read(
        "a byte in each of 2,000 pages",
        "(module (memory (export \"memory\") 1) (func (export \"f{n}\")))",
        &slots,
        "0",
        |live| live.dirty_grown(2_000),
    ));
    rows
}

/// Writers have data and write over it; readers have none, or data of their own elsewhere.
fn image(pool: &Pool) -> Vec<Row> {
    const AT: usize = 100_000;
    let text = "y".repeat(5_000);
    let writer = format!(
        "(module (memory (export \"memory\") 8) (data (i32.const {AT}) \"{text}\") (data (i32.const 500000) \"{text}{{n}}\")
            (func (export \"write\") (memory.fill (i32.const {}) (i32.const {PATTERN}) (i32.const 200000))))",
        AT + 1_000
    );
    let (slots, found) = pool.write(&writer, |live| live.dirty(0) > 205_000);
    let mut rows = vec![Row::new("in the writer itself", "true", found.to_string())];
    let none = "(module (memory (export \"memory\") 8) (func (export \"f{n}\")))";
    rows.extend(pool.read("a reader without data", none, &slots, "0", |live| live.dirty(0)));
    let (slots, _) = pool.write(&writer, |_| ());
    let own = format!("(module (memory (export \"memory\") 8) (data (i32.const {}) \"abc{{n}}\") (func (export \"f{{n}}\")))", AT + 500);
    // Its own four bytes, and no other.
    rows.extend(pool.read("a reader with data of its own", &own, &slots, "4", |live| live.dirty(0)));
    rows
}

fn table(pool: &Pool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (from, to) in [(1_000, 1_000), (3_000, 3_000), (10, 20_000)] {
        let writer = format!(
            "(module (memory (export \"memory\") 1) (table (export \"table\") {from} funcref) (func $f (drop (i32.const {{n}}))) (elem declare func $f)
                (func (export \"write\") (drop (table.grow 0 (ref.null func) (i32.const {}))) (table.fill 0 (i32.const 0) (ref.func $f) (i32.const {to}))))",
            to - from
        );
        let (slots, found) = pool.write(&writer, Live::set_elements);
        rows.push(Row::new(format!("{to} elements, in the writer itself"), to.to_string(), found.to_string()));
        let reader = format!("(module (memory (export \"memory\") 1) (table (export \"table\") {from} funcref) (func (export \"f{{n}}\")))");
        let grows = u64::try_from(to - from).unwrap();
        rows.extend(pool.read(&format!("{from} elements grown to {to}"), &reader, &slots, "0", |live| {
            let table = live.table();
            table.grow(&mut live.store, grows, Ref::Func(None)).unwrap();
            live.set_elements()
        }));
    }
    rows
}

fn globals(pool: &Pool) -> Vec<Row> {
    let many = |set: &str| (0..50).map(|at| format!("(global $g{at} (export \"g{at}\") (mut i64) (i64.const {set}))")).collect::<String>();
    let sets: String = (0..50).map(|at| format!("(global.set $g{at} (i64.const 0xa5a5a5a5))")).collect();
    let ends = [("that returns", ""), ("that traps", "(unreachable)")];
    let mut rows = Vec::new();
    for (what, end) in ends {
        let writer = format!(
            "(module (memory (export \"memory\") 4) {} (func (export \"write\") (drop (i32.const {{n}})) {sets}
                (memory.fill (i32.const 0) (i32.const {PATTERN}) (i32.const 262144)) {end}))",
            many("0")
        );
        let sum = |live: &mut Live| {
            (0..50)
                .map(|at| live.instance.get_global(&mut live.store, &format!("g{at}")).unwrap().get(&mut live.store))
                .filter(|value| !matches!(value, Val::I64(7)))
                .count()
        };
        let (slots, found) = pool.write(&writer, sum);
        rows.push(Row::new(format!("a writer {what}, itself"), "50", found.to_string()));
        let reader = format!("(module (memory (export \"memory\") 4) {} (func (export \"f{{n}}\")))", many("7"));
        rows.extend(pool.read(&format!("a writer {what}"), &reader, &slots, "(0, 0)", |live| (sum(live), live.dirty(0))));
    }
    rows
}
