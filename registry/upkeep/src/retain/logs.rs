//! Retention of log files that carry their day in the name.

use std::{fs, io, path::Path};

use serde::Serialize;

use crate::tally::Tally;

/// Days in 400 years of the Gregorian calendar, after which it repeats.
const ERA_DAYS: i64 = 146_097;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What became of a folder of logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LogsReport {
    /// All logs found.
    pub before: Tally,
    /// Those removed, or that would be.
    pub removed: Tally,
}

/// Removes files `<name>-YYYY-MM-DD.jsonl` in `folder` whose day ended more
/// than `days` days before `now_ms`, and that have not been written to for as
/// long either: a clock that jumped ahead alone removes nothing young. Blocking.
///
/// # Errors
/// When the folder cannot be read or a file not removed; a missing folder holds no logs.
pub(super) fn logs(folder: &Path, days: u32, now_ms: u64, dry_run: bool) -> io::Result<LogsReport> {
    let mut report = LogsReport::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(report),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Some(day) = entry.file_name().to_str().and_then(day_of) else { continue };
        let file = entry.metadata()?;
        report.before += Tally::one(file.len());
        let keep_ms = u64::from(days) * DAY_MS;
        let written = file.modified()?.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let ended_ms = (day + 1) * DAY_MS;
        if now_ms.saturating_sub(ended_ms.max(written)) < keep_ms || !file.is_file() {
            continue;
        }
        report.removed += Tally::one(file.len());
        if !dry_run {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(report)
}

/// The day in a log's name, counted from the Unix epoch.
fn day_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".jsonl")?;
    let date = stem.get(stem.len().checked_sub(10)?..)?;
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { return None };
    let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if valid { u64::try_from(days_since_epoch(year, month, day)).ok() } else { None }
}

/// The Gregorian calendar's day number: years begin in March, so that the leap
/// day is a year's last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_from_names() {
        assert_eq!(day_of("refusals-1970-01-01.jsonl"), Some(0));
        assert_eq!(day_of("refusals-2024-02-29.jsonl"), Some(19_782));
        assert_eq!(day_of("refusals-2026-11-21.jsonl"), Some(20_778));
        for other in ["refusals.jsonl", "2026-11-21.json", "a-2026-13-01.jsonl", "é026-11-21.jsonl", "-11-21.jsonl", ""] {
            assert_eq!(day_of(other), None, "{other}");
        }
    }

    #[test]
    fn only_old_days_that_rested_as_long_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["refusals-2020-01-01.jsonl", "refusals-2020-01-02.jsonl", "notes.txt"] {
            fs::write(folder.path().join(name), "12345").unwrap();
        }
        let written = fs::metadata(folder.path().join("notes.txt")).unwrap().modified().unwrap();
        let now_ms = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        // The names are years old, the files are not: one of the clocks is wrong.
        assert_eq!(logs(folder.path(), 30, now_ms, false).unwrap(), LogsReport { before: Tally { count: 2, bytes: 10 }, removed: Tally::default() });
        let later = now_ms + 31 * DAY_MS;
        let removed = Tally { count: 2, bytes: 10 };
        assert_eq!(logs(folder.path(), 30, later, true).unwrap().removed, removed);
        assert_eq!(logs(folder.path(), 30, later, false).unwrap().removed, removed);
        assert_eq!(logs(folder.path(), 30, later, false).unwrap().before, Tally::default());
        assert!(folder.path().join("notes.txt").exists());
        assert_eq!(logs(&folder.path().join("none"), 30, later, false).unwrap(), LogsReport::default());
    }
}
