//! What one guest says for its tenant's log, within its quota.

use extensions_types::LOG_BYTES_MAX;

use crate::call::{LogLevel, LogLine};

/// An empty line costs the host this much too.
const LOG_LINE_BYTES_MIN: usize = 64;
/// What a guest may leave before it traps: a panic's text and place.
const TRAP_MESSAGE_BYTES_MAX: usize = 4 << 10;

/// What a guest logged, within its quota.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    dropped: u32,
    bytes: usize,
    trap_message: Vec<u8>,
}

impl Logs {
    pub(crate) fn push(&mut self, level: LogLevel, message: String) {
        let bytes = self.bytes + message.len().max(LOG_LINE_BYTES_MIN);
        if bytes > LOG_BYTES_MAX as usize {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.bytes = bytes;
            self.lines.push(LogLine { level, message });
        }
    }

    pub(crate) fn leave(&mut self, text: u64) {
        let room = TRAP_MESSAGE_BYTES_MAX - self.trap_message.len();
        let said = text.to_le_bytes().into_iter().filter(|&byte| byte != 0);
        self.trap_message.extend(said.take(room));
    }

    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0 && self.trap_message.is_empty()
    }

    /// The lines, last words last, and how many more there were.
    pub(crate) fn finish(mut self) -> (Vec<LogLine>, u32) {
        if !self.trap_message.is_empty() {
            let message = String::from_utf8_lossy(&std::mem::take(&mut self.trap_message)).into_owned();
            self.push(LogLevel::Error, message);
        }
        (self.lines, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_whole_lines_within_the_quota() {
        let mut logs = Logs::default();
        logs.push(LogLevel::Info, "x".repeat(LOG_BYTES_MAX as usize - 64));
        logs.push(LogLevel::Info, "y".repeat(65));
        logs.push(LogLevel::Info, "fits".to_owned());
        logs.push(LogLevel::Info, String::new());
        assert_eq!((logs.lines.len(), logs.dropped), (2, 2));
        assert_eq!(logs.lines[1].message, "fits");
    }

    #[test]
    fn last_words_are_one_line_and_bounded() {
        let mut logs = Logs::default();
        logs.push(LogLevel::Info, "before".to_owned());
        for text in ["panicked", " at §1"] {
            let mut eight = [0; 8];
            eight[..text.len()].copy_from_slice(text.as_bytes());
            logs.leave(u64::from_le_bytes(eight));
        }
        let (lines, dropped) = logs.finish();
        assert_eq!(dropped, 0);
        assert_eq!(lines.last(), Some(&LogLine { level: LogLevel::Error, message: "panicked at §1".to_owned() }));
        let mut logs = Logs::default();
        for _ in 0..100_000 {
            logs.leave(u64::from_le_bytes(*b"\xff\xffendles"));
        }
        assert_eq!(logs.trap_message.len(), TRAP_MESSAGE_BYTES_MAX);
        assert_eq!(logs.finish().0.len(), 1, "text that is no UTF-8 is told as far as it goes");
    }

    #[test]
    fn empty_lines_are_bounded_too() {
        let mut logs = Logs::default();
        for _ in 0..100_000 {
            logs.push(LogLevel::Info, String::new());
        }
        assert_eq!(logs.lines.len(), LOG_BYTES_MAX as usize / LOG_LINE_BYTES_MIN);
    }
}
