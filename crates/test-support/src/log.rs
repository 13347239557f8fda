//! The process's own log, kept in memory: tests find a call's lines by its
//! correlation id.

use std::{
    collections::VecDeque,
    io,
    sync::{Mutex, Once, PoisonError},
};

use serde_json::Value;
use tracing::Level;
use tracing_subscriber::fmt;

/// Older lines make room: a host under attack logs a line for each refusal.
const LINES_MAX: usize = 20_000;

static LINES: Mutex<VecDeque<Value>> = Mutex::new(VecDeque::new());
static STARTED: Once = Once::new();

/// Begins to keep lines of level `info` and graver. Called again it does nothing.
pub(crate) fn keep() {
    STARTED.call_once(|| {
        let log = fmt().json().flatten_event(true).with_max_level(Level::INFO).with_writer(|| Line);
        log.init();
    });
}

/// The kept lines that `matches` wants.
#[must_use]
pub fn lines(matches: impl Fn(&Value) -> bool) -> Vec<Value> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| matches(line)).cloned().collect()
}

/// Waits for a line that `matches` wants: what a call leaves may come after its answer.
pub async fn line(matches: impl Fn(&Value) -> bool) -> Value {
    let mut found = Vec::new();
    crate::until(|| {
        found = lines(&matches);
        !found.is_empty()
    })
    .await;
    found.swap_remove(0)
}

/// Takes one line at a time: the formatter writes each with one call.
struct Line;

impl io::Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if let Ok(line) = serde_json::from_slice(text) {
            let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() >= LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line);
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
