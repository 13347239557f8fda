//! Guests that lie to the canonical ABI: pointers, lengths, alignments,
//! discriminants. The host never reads beyond a guest's memory.

use extensions_test_support::Guest;
use extensions_types::Kind;

use crate::support::{Scene, attack, failed, hook};

#[tokio::test]
async fn results_outside_of_memory_are_traps() {
    let scene = Scene::new().await;
    let lie = |ptr: &str, len: &str| hook(&format!("(call $ok (i32.const {ptr}) (i32.const {len}))"));
    scene
        .withstands(vec![
            attack("a list across the end", &lie("131000", "1000"), "TRAP"),
            attack("a list beyond the end", &lie("0x70000000", "16"), "TRAP"),
            attack("a list that wraps", &lie("0xfffffff0", "0x20"), "TRAP"),
            attack("a result beyond memory", &hook("(i32.const 0x7ffffff0)"), "TRAP"),
            attack("a result at the last byte", &hook("(i32.const 131068)"), "TRAP"),
            attack("an unaligned result", &hook("(drop (call $ok (i32.const 0) (i32.const 0))) (i32.const 17)"), "TRAP"),
            attack("discriminant 2", &hook("(i32.store8 (i32.const 16) (i32.const 2)) (i32.const 16)"), "TRAP"),
            attack("discriminant 255", &hook("(i32.store8 (i32.const 16) (i32.const 255)) (i32.const 16)"), "TRAP"),
            attack("an unknown error", &hook("(call $fail (i32.const 3) (i32.const 0) (i32.const 0))"), "TRAP"),
            attack("an error text beyond memory", &hook("(call $fail (i32.const 2) (i32.const 0x70000000) (i32.const 9))"), "TRAP"),
            attack("an error text without utf-8", &Guest::failing(Kind::ProcessHook, 2, b"\xff\xfe"), "TRAP"),
        ])
        .await;
}

/// Lists whose elements are larger than bytes: the length is multiplied.
#[tokio::test]
async fn verdicts_are_read_with_care() {
    let scene = Scene::new().await;
    let verdict =
        |stores: &str| Guest::new(Kind::DomainHook, &format!("(drop (call $ok (call $answer))) {stores} (i32.const 16)")).text("answer", "{}");
    let messages =
        |ptr: &str, len: &str| verdict(&format!("(i32.store (i32.const 24) (i32.const {ptr})) (i32.store (i32.const 28) (i32.const {len}))"));
    let one = "(i32.store (i32.const 24) (i32.const 2048)) (i32.store (i32.const 28) (i32.const 1))";
    let rows = vec![
        attack("messages beyond memory", &messages("2048", "100000"), "TRAP"),
        attack("messages that overflow", &messages("2048", "0x10000000"), "TRAP"),
        attack("unaligned messages", &messages("2049", "1"), "TRAP"),
        attack("severity 3", &verdict(&format!("{one} (i32.store8 (i32.const 2056) (i32.const 3))")), "TRAP"),
        attack("a text beyond memory", &verdict(&format!("{one} (i32.store (i32.const 2064) (i32.const -1))")), "TRAP"),
    ];
    scene.withstands(rows.into_iter().map(|row| row.kind(Kind::DomainHook)).collect()).await;
}

#[tokio::test]
async fn a_lying_allocator_harms_its_guest_alone() {
    let scene = Scene::new().await;
    let good = Guest::answering(Kind::ProcessHook, "{}");
    scene
        .withstands(vec![
            attack("realloc beyond memory", &good.clone().realloc("(i32.const 0x7ffffff0)"), "TRAP"),
            attack("realloc at the end", &good.clone().realloc("(i32.const 131071)"), "TRAP"),
            attack("realloc wraps", &good.clone().realloc("(i32.const -1)"), "TRAP"),
        ])
        .await;
    // An allocator may hand out its own data; the guest then reads what it deserves.
    scene.serve("reuses", Kind::ProcessHook, "", good.realloc("(i32.const 0)").component()).await;
    scene.invoke("reuses").await.unwrap();
    scene.others_are_unharmed("an allocator that hands out its data").await;
}

/// A realloc may not call back into the host.
#[tokio::test]
async fn realloc_reaches_nothing() {
    let scene = Scene::new().await;
    let guest = Guest::answering(Kind::ProcessHook, "{}").text("line", "from realloc").realloc("(call $log (call $line)) (i32.const 65536)");
    scene.withstands(vec![attack("realloc logs", &guest, "TRAP")]).await;
    assert!(failed(scene.invoke("realloc-logs").await).message.starts_with("the extension trapped"));
}
