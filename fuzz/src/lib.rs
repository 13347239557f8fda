//! What the targets share: whose panics count.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    process::abort,
    sync::Once,
};

/// Runs `judge` and ends the process when a panic comes out of it. A panic that
/// the code under test catches itself, because foreign code threw it, is none:
/// libFuzzer's own hook would end the process before it is caught.
pub fn contained(judge: impl FnOnce()) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        drop(take_hook());
        set_hook(Box::new(|panic| LAST.set(panic.to_string())));
    });
    if catch_unwind(AssertUnwindSafe(judge)).is_err() {
        eprintln!("{}", LAST.take());
        abort();
    }
}

thread_local! {
    static LAST: std::cell::Cell<String> = const { std::cell::Cell::new(String::new()) };
}
