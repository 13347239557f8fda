//! The registry's answers as people read them: tables, times, names.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use anstyle::{AnsiColor, Style};
use extensions_client::registry::{Actor, EntryState, Pin, Place};
use extensions_types::ActorType;

const HEADING: Style = AnsiColor::BrightBlack.on_default();

/// Rows under headings, each column as wide as its widest cell. Text of others
/// is shown without what moves a terminal's cursor.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    /// The table without a line end at its own end.
    pub(crate) fn render(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).chain([self.headings[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..self.headings.len()).map(width).collect();
        let mut text = String::new();
        let headings: Vec<_> = self.headings.iter().map(|&heading| heading.to_owned()).collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "{HEADING}{}{HEADING:#}", line(&headings, &widths));
        for row in &self.rows {
            let _ = write!(text, "\n{}", line(row, &widths));
        }
        text
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Text of others in one line, without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A time in UTC, to the second.
pub(crate) fn time(at_ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(at_ms));
    // Beyond year 9999 stands no event.
    at.filter(|_| at_ms < 253_402_300_800_000).map_or_else(|| "?".to_owned(), |at| humantime::format_rfc3339_seconds(at).to_string())
}

/// Who, with whoever acted for them and what they are unless a person.
pub(crate) fn who(actor: &Actor) -> String {
    let mut text = plain(&actor.subject);
    for acted in &actor.acted_by {
        let _ = write!(text, " via {}", plain(acted));
    }
    match actor.actor_type {
        None | Some(ActorType::User) => {}
        Some(kind @ (ActorType::Agent | ActorType::System)) => {
            let _ = write!(text, " ({})", kind.as_str().to_lowercase());
        }
    }
    text
}

/// Bytes as people read them.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        1..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// The first digits of a digest: enough to compare by eye.
pub(crate) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// `4`, `4 off`, or a dash.
pub(crate) fn served(entry: Option<&EntryState>) -> String {
    match entry.and_then(|entry| Some((entry.version?, entry.enabled))) {
        Some((version, true)) => version.to_string(),
        Some((version, false)) => format!("{version} off"),
        None => "–".to_owned(),
    }
}

/// One pin.
pub(crate) fn pin(pin: &Pin) -> String {
    match &pin.place {
        Place::Caller(caller) => format!("caller {caller} → {}", pin.version),
        Place::HookPoint(point) => format!("hook point {point} → {}", pin.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_and_text_stays_in_its_line() {
        let mut table = Table::new(&["A", "LONGER"]);
        table.row(["wide cell".to_owned(), "x".to_owned()]);
        table.row(["é\u{1b}[2J\n".to_owned(), String::new()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "A          LONGER\nwide cell  x\né [2J");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_700_000_000_999), "2023-11-14T22:13:20Z");
        assert_eq!(time(u64::MAX), "?");
    }

    #[test]
    fn agents_and_their_principals_are_seen() {
        let actor = Actor { subject: "ada".into(), actor_type: Some(ActorType::Agent), acted_by: vec!["copilot".into()], ..Actor::default() };
        assert_eq!(who(&actor), "ada via copilot (agent)");
        assert_eq!(who(&Actor { subject: "ada".into(), ..Actor::default() }), "ada");
    }
}
