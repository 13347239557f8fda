//! What hostile guests do to a host's memory, one way each; `tests/hostile` has
//! every attack there is, and what each is answered with.

use extensions_test_support::Guest as Wat;
use extensions_types::Kind;

use crate::stage::Guest;

/// One way.
#[derive(Debug)]
pub(super) struct Attack {
    /// Also the extension's id.
    pub(super) name: &'static str,
    /// Calls a second, of all attackers together.
    pub(super) rate: f64,
    pub(super) input: &'static str,
    limits: &'static str,
    guest: fn() -> Wat,
}

impl Attack {
    pub(super) fn guest(&self) -> Guest {
        Guest::new(self.name, Kind::ProcessHook, (self.guest)().component()).limits(self.limits)
    }
}

const fn attack(name: &'static str, rate: f64, guest: fn() -> Wat) -> Attack {
    Attack { name, rate, input: "{}", limits: "", guest }
}

pub(super) const ATTACKS: &[Attack] = &[
    attack("spin", 20.0, || hook("(loop $forever (br $forever)) (unreachable)")),
    attack("recurse", 20.0, || {
        hook("(drop (call $deeper (i32.const 0))) (call $ok (call $answer))")
            .fields("(func $deeper (param i32) (result i32) (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))")
    }),
    // All the memory that it may have, every page of it written.
    Attack { limits: "[limits]\ncpu_millis = 1000\n", ..attack("fill", 4.0, || hook(FILL)) },
    attack("grow", 20.0, || hook(GROW)),
    attack("trap", 50.0, || hook("(unreachable)")),
    attack("trap-at-start", 20.0, || hook("(call $ok (call $answer))").fields("(func $start (unreachable)) (start $start)")),
    attack("lie-about-length", 20.0, || hook("(call $ok (i32.const 1024) (i32.const -16))")),
    attack("giant-answer", 10.0, || hook("(call $ok (i32.const 65536) (i32.const 8388608))").memory("192")),
    attack("no-text", 20.0, || hook("(call $ok (call $bad))").text("bad", b"{\"a\":\"\xff\xfe\"}")),
    attack("nested", 20.0, || hook("(call $ok (call $bad))").text("bad", "[".repeat(8_000))),
    attack("flood-the-log", 10.0, || hook(LOG).text("line", "x".repeat(1_000))),
    attack("giant-error", 10.0, || hook("(call $fail (i32.const 2) (i32.const 65536) (i32.const 4194304))").memory("192")),
    Attack { input: "{\"a\":", ..attack("no-json", 20.0, || hook("(call $ok (call $answer))")) },
];

fn hook(body: &str) -> Wat {
    Wat::new(Kind::ProcessHook, body).text("answer", "{}")
}

const FILL: &str = "
    (drop (memory.grow (i32.const 1000)))
    (memory.fill (i32.const 65536) (i32.const 255) (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)))
    (call $ok (call $answer))";

/// Page by page, for ever.
const GROW: &str = "(loop $more (drop (memory.grow (i32.const 1))) (br $more)) (unreachable)";

const LOG: &str = "(loop $more (call $log (call $line)) (br $more)) (unreachable)";

#[cfg(test)]
mod tests {
    use extensions_types::TenantId;

    use super::*;

    #[test]
    fn every_attack_is_a_component_that_can_be_served() {
        for attack in ATTACKS {
            let tenant = TenantId::parse("bench").expect("a name of the grammar");
            assert!(attack.guest().of(&tenant).is_ok(), "{}", attack.name);
        }
    }
}
