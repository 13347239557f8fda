//! What a job says: lines of stdout, the first part of stderr, and how much in all.

use std::{
    io::{BufRead, BufReader, Read},
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

/// A compiler's longest message, with room; the rest of a longer line is dropped.
const LINE_BYTES_MAX: usize = 1 << 20;
/// What a person would read of a tool's complaints.
const STDERR_BYTES_MAX: usize = 64 << 10;
/// Lines that may wait for us before the job has to.
const LINES_WAITING_MAX: usize = 64;

/// Something that the job said, or that it has said too much.
#[derive(Debug)]
pub(crate) enum Said {
    Line(String),
    Stderr(String),
    TooMuch(u64),
}

/// Counts what passes through, on both pipes.
#[derive(Debug, Clone)]
struct Counter {
    said: Arc<AtomicU64>,
    allowed: u64,
    sender: SyncSender<Said>,
}

struct Counted<R> {
    pipe: R,
    counter: Counter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.pipe.read(buffer)?;
        let before = self.counter.said.fetch_add(read as u64, Ordering::Relaxed);
        let now = before + read as u64;
        if before <= self.counter.allowed && now > self.counter.allowed {
            // Nobody listens any more once the job is given up.
            let _ = self.counter.sender.send(Said::TooMuch(now));
        }
        Ok(read)
    }
}

/// One thread per pipe: a job that fills one never waits for the other. The channel
/// closes once both pipes have.
pub(crate) fn listen(helper: &mut Child, bytes_max: u64) -> Receiver<Said> {
    let (sender, receiver) = sync_channel(LINES_WAITING_MAX);
    let counter = Counter { said: Arc::default(), allowed: bytes_max, sender: sender.clone() };
    if let Some(pipe) = helper.stdout.take() {
        let (counted, sender) = (Counted { pipe, counter: counter.clone() }, sender.clone());
        std::thread::spawn(move || send_lines(BufReader::new(counted), &sender));
    }
    if let Some(pipe) = helper.stderr.take() {
        let counted = Counted { pipe, counter };
        std::thread::spawn(move || {
            let text = first_part(counted);
            let _ = sender.send(Said::Stderr(text));
        });
    }
    receiver
}

fn send_lines(mut pipe: impl BufRead, sender: &SyncSender<Said>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = pipe.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return;
        }
        if line.last() != Some(&b'\n') && line.len() == LINE_BYTES_MAX && pipe.skip_until(b'\n').is_err() {
            return;
        }
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(Said::Line(text)).is_err() {
            return;
        }
    }
}

fn first_part(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    // A pipe that breaks has said all it could.
    let _ = pipe.by_ref().take(STDERR_BYTES_MAX as u64).read_to_end(&mut kept);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn said(script: &str, bytes_max: u64) -> Vec<Said> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = listen(&mut child, bytes_max).into_iter().collect();
        child.wait().unwrap();
        said
    }

    #[test]
    fn both_pipes_count_together_and_too_much_is_said_once() {
        let said = said("echo 12345; echo 12345 >&2; head -c 300000 /dev/zero >&2", 11);
        assert_eq!(said.iter().filter(|one| matches!(one, Said::TooMuch(12..))).count(), 1, "{said:?}");
        assert!(said.iter().any(|one| matches!(one, Said::Stderr(text) if text.len() == STDERR_BYTES_MAX)));
    }

    #[test]
    fn lines_arrive_whole_or_cut() {
        let said = said("echo a; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo b", u64::MAX);
        let lines: Vec<usize> = said.iter().filter_map(|one| if let Said::Line(line) = one { Some(line.len()) } else { None }).collect();
        assert_eq!(lines, [1, LINE_BYTES_MAX, 1]);
    }
}
