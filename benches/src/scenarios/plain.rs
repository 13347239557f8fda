//! What wrapping costs: modules of the plain ABI beside components of the same logic.

use extensions_test_support::{Guest as Wat, PlainGuest};
use extensions_types::Kind;

use super::{
    Bench,
    in_process::{invoke, one_thread},
};
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate},
    stage::{Bare, Guest, ORDER, context},
};

const TENANT: &str = "bench";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let bare = Bare::start(bench.mode, 2)?;
    let context = context(TENANT);
    // A component and a module that do the same.
    let guests = [
        ("component, answers", hook(Wat::answering(Kind::ProcessHook, "{}").component())),
        ("plain module, answers", hook(PlainGuest::answering("{}").component()).plain()),
        ("component, context and log", hook(component().component())),
        ("plain module, context and log", hook(module().component()).plain()),
    ];
    let mut contenders = Vec::new();
    for (name, guest) in guests {
        let (engine, extension, context) = (&bare.engine, bare.load(&guest, TENANT)?, &context);
        contenders.push(Contender::new(name, move |length| one_thread(length, || invoke(engine, &extension, context, ORDER))));
    }
    let series = alternate(contenders, bench.plan)?;
    section.add("calls", &series);
    let over =
        |module: usize, component: usize| series[module].each(Sample::cpu).with(&series[component].each(Sample::cpu), |own, other| own - other);
    section.goal("a wrapped module over a component, answers", over(1, 0), "µs", Bound::AtMost(2.0));
    section.goal("a wrapped module over a component, context and log", over(3, 2), "µs", Bound::AtMost(2.0));
    Ok(())
}

fn hook(component: Vec<u8>) -> Guest {
    Guest::new("same", Kind::ProcessHook, component)
}

fn component() -> Wat {
    let body = "(call $current (i32.const 2048)) (call $log (call $line)) (call $ok (call $answer))";
    Wat::new(Kind::ProcessHook, body).text("line", "an order is above its ceiling").text("answer", "{}")
}

fn module() -> PlainGuest {
    let body = "(drop (call $host_context)) (call $host_log (i32.const 2) (call $line)) (call $pair (call $answer))";
    PlainGuest::new(body).text("line", "an order is above its ceiling").text("answer", "{}")
}
