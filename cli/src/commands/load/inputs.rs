//! What is sent: one input, or the lines of a file in turn.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use bytes::Bytes;
use extensions_types::Limits;

use crate::{args::Load, commands::run::read_input, failure::Failure};

/// All lines together: held in memory for the whole load.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// At least one input.
#[derive(Debug)]
pub(super) struct Inputs(Vec<Bytes>);

impl Inputs {
    pub(super) fn of(load: &Load) -> Result<Self, Failure> {
        match (&load.input, &load.inputs) {
            (Some(input), _) => Ok(Self(vec![read_input(input)?])),
            (None, Some(file)) => Self::lines(file),
            (None, None) => Err(Failure::Usage("say what to send with --input or --inputs".to_owned())),
        }
    }

    /// The input of a call.
    pub(super) fn of_call(&self, call: u64) -> Bytes {
        let at = call % self.0.len() as u64;
        self.0[usize::try_from(at).unwrap_or_default()].clone()
    }

    fn lines(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let wrong = |error: std::io::Error| Failure::Usage(format!("--inputs: cannot read {name}: {error}"));
        let file = File::open(path).map_err(wrong)?;
        if file.metadata().map_err(wrong)?.len() > FILE_BYTES_MAX {
            return Err(Failure::Usage(format!("--inputs: {name} has more than {} MiB", FILE_BYTES_MAX >> 20)));
        }
        let mut inputs = Vec::new();
        // A pipe has no length; it is bounded all the same.
        for (at, line) in BufReader::new(file.take(FILE_BYTES_MAX)).lines().enumerate() {
            let line = line.map_err(wrong)?;
            if !line.trim().is_empty() {
                inputs.push(checked(line).map_err(|problem| Failure::Usage(format!("--inputs: {name}, line {}: {problem}", at + 1)))?);
            }
        }
        if inputs.is_empty() {
            return Err(Failure::Usage(format!("--inputs: {name} has no line")));
        }
        Ok(Self(inputs))
    }
}

fn checked(line: String) -> Result<Bytes, String> {
    let most = Limits::MAX.input_bytes;
    if line.len() as u64 > u64::from(most) {
        return Err(format!("more than {most} bytes"));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&line).map_err(|error| format!("not JSON: {error}"))?;
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Inputs, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Inputs::lines(file.path())
    }

    #[test]
    fn lines_are_sent_in_turn() {
        let inputs = lines("{\"a\": 1}\n\n2\n").unwrap();
        assert_eq!([0, 1, 2].map(|call| inputs.of_call(call)), ["{\"a\": 1}", "2", "{\"a\": 1}"]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let text = lines("1\n{\n").unwrap_err().to_string();
        assert!(text.contains("line 2: not JSON"), "{text}");
        assert!(lines("\n").unwrap_err().to_string().contains("has no line"));
    }
}
