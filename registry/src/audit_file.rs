//! Refusals in files, one a day: `refusals-YYYY-MM-DD.jsonl`, in UTC.
//!
//! A thread writes, so that no request waits for a disk. What the disk does
//! not take is said in the log, where every refusal stands as well.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use extensions_registry_api::{Audit, LogAudit, audit::Refused};

/// Lines that may wait for the disk: some seconds of a flood.
const QUEUE: usize = 4_096;
const DAY_MS: u64 = 86_400_000;

/// Notes refusals in the log and in files.
#[derive(Debug)]
pub(crate) struct FileAudit {
    lines: SyncSender<(u64, String)>,
}

impl FileAudit {
    /// Writes into `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(crate) fn open(dir: &Path, now_ms: u64) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let today = open(dir, now_ms / DAY_MS)?;
        let (lines, waiting) = sync_channel(QUEUE);
        let mut files = Files { dir: dir.to_owned(), day: now_ms / DAY_MS, file: Some(today) };
        thread::Builder::new().name("audit".to_owned()).spawn(move || files.write(&waiting))?;
        Ok(Self { lines })
    }
}

impl Audit for FileAudit {
    fn refused(&self, record: &Refused<'_>) {
        LogAudit.refused(record);
        // A record is texts and numbers, which are always JSON.
        let line = serde_json::to_string(record).unwrap_or_default();
        match self.lines.try_send((record.at_ms / DAY_MS, line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::warn!("refusals come faster than they can be written; this one stands in the log alone"),
            Err(TrySendError::Disconnected(_)) => tracing::error!("the audit's writer has ended; this refusal stands in the log alone"),
        }
    }
}

struct Files {
    dir: PathBuf,
    day: u64,
    file: Option<File>,
}

impl Files {
    /// Until the registry is gone.
    fn write(&mut self, lines: &Receiver<(u64, String)>) {
        while let Ok((day, line)) = lines.recv() {
            if let Err(error) = self.append(day, &line) {
                self.file = None;
                tracing::error!(%error, "a refusal cannot be written to the audit's file; it stands in the log alone");
            }
        }
    }

    fn append(&mut self, day: u64, line: &str) -> io::Result<()> {
        // A clock that goes backwards opens yesterday's file again.
        if day != self.day || self.file.is_none() {
            self.file = Some(open(&self.dir, day)?);
            self.day = day;
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(format!("{line}\n").as_bytes()))
    }
}

fn open(dir: &Path, day: u64) -> io::Result<File> {
    let (year, month, of_month) = civil(day);
    OpenOptions::new().create(true).append(true).open(dir.join(format!("refusals-{year:04}-{month:02}-{of_month:02}.jsonl")))
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar: days
/// of 400-year cycles that begin in March, so that leap days come last.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (cycle, of_cycle) = (day / 146_097, day % 146_097);
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        for (day, date) in
            [(0, (1970, 1, 1)), (58, (1970, 2, 28)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_454, (2026, 1, 1)), (47_541, (2100, 3, 1))]
        {
            assert_eq!(civil(day), date, "day {day}");
        }
    }

    #[test]
    fn each_day_has_its_file_and_each_refusal_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files { dir: dir.path().to_owned(), day: 0, file: None };
        let (lines, waiting) = sync_channel(QUEUE);
        let audit = FileAudit { lines };
        for at_ms in [5, 7, DAY_MS] {
            let (who, target) = (Some("USER eve@x".to_owned()), Some("x".to_owned()));
            let record = Refused {
                at_ms,
                operation: "Promote",
                who,
                from: "peer",
                tenant: Some("acme"),
                target,
                code: ErrorCode::Precondition,
                why: "no",
                correlation_id: "c",
            };
            audit.refused(&record);
        }
        drop(audit);
        files.write(&waiting);
        let first = std::fs::read_to_string(dir.path().join("refusals-1970-01-01.jsonl")).unwrap();
        assert_eq!(first.lines().count(), 2);
        assert!(
            first.contains(r#""operation":"Promote","who":"USER eve@x","from":"peer","tenant":"acme","target":"x","code":"PRECONDITION""#),
            "{first}"
        );
        assert!(dir.path().join("refusals-1970-01-02.jsonl").exists());
    }
}
