//! What is sent: one input, the lines of a file in turn, or the files of a folder.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use extensions_types::Limits;

use crate::{args::Load, commands::run::read_input, failure::Failure};

/// All inputs together: held in memory for the whole load.
const BYTES_MAX: usize = 64 << 20;
/// Each costs some bytes of its own besides; more than this only repeats what inputs are for.
const COUNT_MAX: usize = 1 << 20;
/// Standard input, as elsewhere.
const STANDARD_INPUT: &str = "-";

/// At least one input.
#[derive(Debug)]
pub(super) struct Inputs(Vec<Bytes>);

/// Inputs that are being read, within bounds.
#[derive(Debug, Default)]
struct Reading {
    inputs: Vec<Bytes>,
    bytes: usize,
}

impl Inputs {
    pub(super) fn of(load: &Load) -> Result<Self, Failure> {
        let wrong = |problem| Failure::Usage(format!("--inputs: {problem}"));
        match (&load.input, &load.inputs) {
            (Some(input), _) => Ok(Self(vec![read_input(input)?])),
            (None, Some(path)) if path.as_os_str() == STANDARD_INPUT => Self::lines(io::stdin().lock(), "standard input").map_err(wrong),
            (None, Some(path)) => Self::at(named(path)).map_err(wrong),
            (None, None) => Err(Failure::Usage("say what to send with --input or --inputs".to_owned())),
        }
    }

    /// The input of a call.
    pub(super) fn of_call(&self, call: u64) -> Bytes {
        let at = call % self.0.len() as u64;
        self.0[usize::try_from(at).unwrap_or_default()].clone()
    }

    fn at(path: &Path) -> Result<Self, String> {
        if path.is_dir() {
            return Self::files(path);
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Self::lines(BufReader::new(file), &path.display().to_string())
    }

    fn lines(mut source: impl BufRead, name: &str) -> Result<Self, String> {
        let mut reading = Reading::default();
        for number in 1_usize.. {
            let mut line = Vec::new();
            // One byte more than may come, to tell.
            let read = source.by_ref().take(reading.room() + 1).read_until(b'\n', &mut line);
            if read.map_err(|error| format!("cannot read {name}: {error}"))? == 0 {
                break;
            }
            reading.add(line.trim_ascii()).map_err(|problem| format!("{name}, line {number}: {problem}"))?;
        }
        reading.done(|| format!("{name} has no line"))
    }

    /// In the order of their names.
    fn files(folder: &Path) -> Result<Self, String> {
        let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>());
        let mut paths = entries.map_err(|error| unreadable(folder, &error))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && path.is_file());
        paths.sort();
        let mut reading = Reading::default();
        for path in paths {
            let mut text = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(reading.room() + 1).read_to_end(&mut text));
            read.map_err(|error| unreadable(&path, &error))?;
            reading.add(text.trim_ascii()).map_err(|problem| format!("{}: {problem}", path.display()))?;
        }
        reading.done(|| format!("{} has no file whose name ends in .json", folder.display()))
    }
}

impl Reading {
    /// Bytes that may still come.
    fn room(&self) -> u64 {
        (BYTES_MAX - self.bytes) as u64
    }

    /// One more input; nothing where there is no text.
    fn add(&mut self, text: &[u8]) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        self.bytes += text.len();
        if self.bytes > BYTES_MAX || self.inputs.len() == COUNT_MAX {
            return Err(format!("inputs are held in memory: at most {} MiB and {COUNT_MAX} of them; take a part", BYTES_MAX >> 20));
        }
        let most = Limits::MAX.input_bytes;
        if text.len() as u64 > u64::from(most) {
            return Err(format!("more than {most} bytes, which no extension takes"));
        }
        serde_json::from_slice::<serde::de::IgnoredAny>(text).map_err(|error| format!("not JSON: {error}"))?;
        self.inputs.push(Bytes::copy_from_slice(text));
        Ok(())
    }

    fn done(self, nothing: impl FnOnce() -> String) -> Result<Inputs, String> {
        if self.inputs.is_empty() { Err(nothing()) } else { Ok(Inputs(self.inputs)) }
    }
}

/// The path, also where it has the `@` that other flags ask for before a file.
fn named(path: &Path) -> &Path {
    path.as_os_str().as_bytes().strip_prefix(b"@").map_or(path, |rest| Path::new(OsStr::from_bytes(rest)))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Inputs, String> {
        Inputs::lines(text.as_bytes(), "it")
    }

    #[test]
    fn lines_are_sent_in_turn() {
        let inputs = lines("{\"a\": 1}\r\n\n2").unwrap();
        assert_eq!([0, 1, 2].map(|call| inputs.of_call(call)), ["{\"a\": 1}", "2", "{\"a\": 1}"]);
    }

    #[test]
    fn a_path_may_have_the_sign_of_other_flags() {
        for (given, path) in [("@orders.jsonl", "orders.jsonl"), ("orders/", "orders/"), ("./@odd", "./@odd")] {
            assert_eq!(named(Path::new(given)), Path::new(path));
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let problem = lines("1\n{\n").unwrap_err();
        assert!(problem.contains("it, line 2: not JSON"), "{problem}");
        assert_eq!(lines("\n").unwrap_err(), "it has no line");
    }

    #[test]
    fn a_folders_json_files_are_sent_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let problem = Inputs::at(folder.path()).unwrap_err();
        assert!(problem.contains("no file whose name ends in .json"), "{problem}");
        for (name, text) in [("b.json", "2\n"), ("a.json", "[\n1]\n"), ("notes.txt", "no JSON")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let inputs = Inputs::at(folder.path()).unwrap();
        assert_eq!([0, 1, 2].map(|call| inputs.of_call(call)), ["[\n1]", "2", "[\n1]"]);
        fs::write(folder.path().join("c.json"), "{").unwrap();
        let problem = Inputs::at(folder.path()).unwrap_err();
        assert!(problem.contains("c.json: not JSON"), "{problem}");
    }

    #[test]
    fn more_than_memory_should_hold_is_refused_and_not_cut() {
        // Without end: only what is read costs anything.
        let endless = BufReader::new(io::repeat(b'1'));
        let problem = Inputs::lines(endless, "it").unwrap_err();
        assert!(problem.contains("line 1") && problem.contains("64 MiB"), "{problem}");
        let mut reading = Reading { bytes: BYTES_MAX - 1, ..Reading::default() };
        assert!(reading.add(b"1").is_ok());
        assert!(reading.add(b"1").is_err());
    }
}
