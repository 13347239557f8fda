//! The table.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use crate::{
    attack::{Attack, Row},
    neighbour::Seen,
};

/// What came of an attack in a profile.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) attack: Attack,
    pub(crate) rows: Vec<Row>,
    /// What went wrong beside the rows: it panicked or hung.
    pub(crate) broke: Option<String>,
    pub(crate) seen: [Seen; 2],
    pub(crate) took: Duration,
}

impl Came {
    pub(crate) fn passed(&self) -> bool {
        self.broke.is_none() && !self.rows.is_empty() && self.rows.iter().all(Row::passed) && self.seen.iter().all(|seen| seen.bad == 0)
    }

    /// The codes that its rows expect, each once.
    fn expected(&self) -> String {
        let mut codes: Vec<&str> = Vec::new();
        for row in &self.rows {
            let code = row.expected.split_once([' ', ',']).map_or(row.expected.as_str(), |(code, _)| code);
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        shortened(&codes.join(", "), 44)
    }

    fn got(&self) -> String {
        let differ = self.rows.iter().filter(|row| !row.passed()).count();
        match (&self.broke, differ) {
            (Some(_), _) => "broke".to_owned(),
            (None, 0) if self.rows.is_empty() => "no rows".to_owned(),
            (None, 0) => "as expected".to_owned(),
            (None, differ) => format!("{differ} differ"),
        }
    }

    fn neighbours(&self) -> String {
        let [quick, working] = self.seen.each_ref().map(|seen| format!("{}/{} worst {}", seen.calls - seen.bad, seen.calls, millis(seen.worst)));
        format!("{quick} · {working}")
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { text.chars().take(chars - 1).chain(['…']).collect() }
}

/// Prints a line at once: a suite that dies has said how far it came.
pub(crate) fn line(text: &str) {
    // A reader that went away misses the table, which the exit code does not need.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// The head of a profile's table.
pub(crate) fn head(profile: &str) {
    line(&format!("\n{profile}: attacks"));
    line(&format!(
        "{:<24} {:>4} {:<44} {:<12} {:>9}  neighbours answered, in the fast lane · in the slow",
        "attack", "rows", "expected", "got", "took"
    ));
}

/// An attack's line, and below it whatever differs; every row with `all`.
pub(crate) fn came(came: &Came, all: bool) {
    let mut text = format!(
        "{:<24} {:>4} {:<44} {:<12} {:>9}  {}",
        came.attack.name,
        came.rows.len(),
        came.expected(),
        came.got(),
        millis(came.took),
        came.neighbours()
    );
    for row in came.rows.iter().filter(|row| all || !row.passed()) {
        let mark = if row.passed() { ' ' } else { '!' };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {mark} {}: expected {}, got {}", row.what, shortened(&row.expected, 120), shortened(&row.got, 400));
    }
    for complaint in came.broke.iter().chain(came.seen.iter().flat_map(|seen| &seen.complaints)) {
        let _ = write!(text, "\n  ! {complaint}");
    }
    line(&text);
}
