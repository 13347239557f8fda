//! The flame graph: stacks by thread, as wide as their CPU time.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use inferno::flamegraph::{self, Options};

use super::stacks::Sample;

/// Writes it as SVG.
pub(super) fn draw(samples: &[Sample], path: &Path) -> Result<()> {
    let folded = fold(samples);
    let mut file = BufWriter::new(File::create(path)?);
    let mut options = Options::default();
    options.title = "The host's CPU time under load".to_owned();
    options.count_name = "µs".to_owned();
    flamegraph::from_lines(&mut options, folded.iter().map(String::as_str), &mut file).context("the stacks could not be drawn")?;
    Ok(file.flush()?)
}

/// A line for each stack: frames from the outermost on, and microseconds.
fn fold(samples: &[Sample]) -> Vec<String> {
    let mut stacks: BTreeMap<String, u64> = BTreeMap::new();
    for sample in samples {
        let frames = sample.frames.iter().rev().map(|frame| &frame.symbol);
        // Separators of the format may not stand in a name.
        let names = std::iter::once(&sample.thread).chain(frames).map(|name| name.replace([';', '\n'], ":"));
        *stacks.entry(names.collect::<Vec<_>>().join(";")).or_default() += sample.nanos;
    }
    stacks.into_iter().map(|(stack, nanos)| format!("{stack} {}", nanos / 1_000)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::stacks::read, *};

    #[test]
    fn equal_stacks_are_one_line_from_the_outside_in() {
        let sample = "io 1000\n\t1 inner;x (o)\n\t2 outer (o)\n\n";
        assert_eq!(fold(&read(&sample.repeat(3)).unwrap()), ["io;outer;inner:x 3"]);
    }

    #[test]
    fn an_svg_is_drawn() {
        let file = tempfile::NamedTempFile::new().unwrap();
        draw(&read("io 1000\n\t1 inner (o)\n\t2 outer (o)\n").unwrap(), file.path()).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("<svg") && text.contains("outer"), "{text}");
    }
}
