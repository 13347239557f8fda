//! What a scraper sees of followed files.

use std::{
    collections::BTreeMap,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::{FileStatus, followed_files};

/// Metrics of every file that this process follows; the label is the first of
/// those that belong together. For one registry of the process.
#[derive(Debug)]
pub struct FollowedFiles;

impl Collector for FollowedFiles {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let files = by_name(followed_files());
        if files.is_empty() {
            return Ok(());
        }
        let mut problems = encoder.encode_descriptor(
            "followed_file_problem",
            "1 while what lies in a file cannot be used and the last good one stays in force",
            None,
            MetricType::Gauge,
        )?;
        for (name, status) in &files {
            ConstGauge::new(i64::from(status.problem.is_some())).encode(problems.encode_family(&[("file", name.as_str())])?)?;
        }
        let mut replaced = encoder.encode_descriptor("followed_file_replaced", "Replacements that are in force", None, MetricType::Counter)?;
        for (name, status) in &files {
            ConstCounter::new(status.replaced).encode(replaced.encode_family(&[("file", name.as_str())])?)?;
        }
        let mut ends = encoder.encode_descriptor(
            "followed_certificate_ends_seconds",
            "When the certificate in force ends, as seconds since 1970",
            None,
            MetricType::Gauge,
        )?;
        for (name, status) in &files {
            if let Some(at) = status.expires {
                ConstGauge::new(seconds(at)).encode(ends.encode_family(&[("file", name.as_str())])?)?;
            }
        }
        Ok(())
    }
}

/// A file that is followed in two places is one line: its worst.
fn by_name(files: Vec<FileStatus>) -> BTreeMap<String, FileStatus> {
    let mut named = BTreeMap::<String, FileStatus>::new();
    for status in files {
        let Some(name) = status.files.first().map(|file| file.display().to_string()) else { continue };
        match named.get_mut(&name) {
            Some(known) => {
                known.replaced = known.replaced.max(status.replaced);
                known.problem = known.problem.take().or(status.problem);
                known.expires = [known.expires, status.expires].into_iter().flatten().min();
            }
            None => drop(named.insert(name, status)),
        }
    }
    named
}

fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_two_places_is_one_line_with_its_worst() {
        let status = |replaced, problem: Option<&str>, expires: Option<u64>| FileStatus {
            files: vec!["/a".into(), "/b".into()],
            replaced,
            problem: problem.map(str::to_owned),
            expires: expires.map(|at| UNIX_EPOCH + std::time::Duration::from_secs(at)),
        };
        let named = by_name(vec![status(1, None, Some(7)), status(0, Some("x"), Some(5)), status(2, None, None)]);
        assert_eq!(named.len(), 1);
        assert_eq!(named["/a"], status(2, Some("x"), Some(5)));
        assert_eq!(seconds(named["/a"].expires.unwrap()), 5);
    }
}
