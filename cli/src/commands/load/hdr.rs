//! `--hdr`: latencies of each second in the log format of HdrHistogram's own
//! tools. A thread of its own writes it, so that a slow disk delays no call.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError},
    },
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
};

use crate::failure::Failure;

/// Seconds that may wait for the disk; beyond them whoever looks on waits, too, and no call does.
const WAITING_MAX: usize = 8;
/// The column of maxima is in milliseconds, as those tools expect; the histograms stay in microseconds.
const MICROS_PER_MILLI: f64 = 1e3;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    sender: Sender<Interval>,
    writer: JoinHandle<io::Result<()>>,
}

/// What ended in a stretch of time; offsets from when the load began.
#[derive(Debug)]
pub(super) struct Interval {
    pub(super) start: Duration,
    pub(super) length: Duration,
    /// Microseconds.
    pub(super) latency: Histogram<u64>,
}

impl Log {
    /// Makes the file, in place of one that is there.
    pub(super) fn create(path: &Path, began: SystemTime, about: String) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::Usage(format!("--hdr: cannot write {}: {error}", path.display())))?;
        let (sender, receiver) = channel(WAITING_MAX);
        let writer = tokio::task::spawn_blocking(move || write(BufWriter::new(file), receiver, began, &about));
        Ok(Self { path: path.to_path_buf(), sender, writer })
    }

    /// Adds an interval, those before it first.
    pub(super) async fn add(&self, interval: Interval) {
        // A writer that is gone says why when the log is closed.
        let _ = self.sender.send(interval).await;
    }

    /// Waits until all of it is in the file.
    pub(super) async fn close(self) -> Result<(), String> {
        drop(self.sender);
        let written = self.writer.await.map_err(io::Error::other).flatten();
        written.map_err(|error| format!("--hdr: {} is not whole: {error}", self.path.display()))
    }
}

fn write(mut file: BufWriter<File>, mut intervals: Receiver<Interval>, began: SystemTime, about: &str) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(about).with_start_time(began).with_base_time(began).with_max_value_divisor(MICROS_PER_MILLI);
    let mut log = builder.begin_log_with(&mut file, &mut serializer)?;
    while let Some(Interval { start, length, latency }) = intervals.blocking_recv() {
        log.write_histogram(&latency, start, length, None).map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
        })?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use hdrhistogram::serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    };

    use super::*;

    fn histogram(micros: u64) -> Histogram<u64> {
        let mut latency = Histogram::new(3).unwrap();
        latency.record(micros).unwrap();
        latency
    }

    #[tokio::test]
    async fn what_is_written_is_read_by_the_formats_own_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load.hlog");
        let log = Log::create(&path, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), "rule, microseconds".to_owned()).unwrap();
        for second in 0..20 {
            let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
            log.add(Interval { start, length, latency: histogram(1_500 + second) }).await;
        }
        log.close().await.unwrap();
        let text = std::fs::read(&path).unwrap();
        assert!(text.starts_with(b"#rule, microseconds\n"));
        let intervals: Vec<_> = IntervalLogIterator::new(&text)
            .filter_map(|entry| if let LogEntry::Interval(interval) = entry.unwrap() { Some(interval) } else { None })
            .collect();
        assert_eq!(intervals.len(), 20);
        assert_eq!((intervals[3].start_timestamp(), intervals[3].duration()), (Duration::from_secs(3), Duration::from_secs(1)));
        assert!((intervals[0].max() - 1.5).abs() < 0.01, "milliseconds: {}", intervals[0].max());
        let bytes = base64::engine::general_purpose::STANDARD.decode(intervals[0].encoded_histogram()).unwrap();
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!((read.len(), read.max()), (1, histogram(1_500).max()));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_made_is_said_before_the_load() {
        let error = Log::create(Path::new("/nowhere/load.hlog"), SystemTime::UNIX_EPOCH, String::new()).unwrap_err();
        assert!(matches!(&error, Failure::Usage(text) if text.contains("--hdr")), "{error}");
    }
}
