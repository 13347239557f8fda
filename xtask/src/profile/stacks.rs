//! Samples as `perf script` prints them: a line with thread and period, a line
//! for each frame, innermost first, an empty line. Pure.

use anyhow::{Context as _, Result};

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) thread: String,
    /// CPU time that it stands for.
    pub(super) nanos: u64,
    /// Innermost first; may be cut short, where nothing says how to unwind.
    pub(super) frames: Vec<Frame>,
}

/// A place in a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// In its file, as symbols are.
    pub(super) address: u64,
    pub(super) symbol: String,
    /// The program, library, machine code of a component, or kernel that it lies in.
    pub(super) object: String,
}

/// The columns of `perf script` that [`read`] reads.
pub(super) const COLUMNS: &str = "comm,period,ip,sym,dso";

/// Reads all of them.
pub(super) fn read(text: &str) -> Result<Vec<Sample>> {
    let blocks = text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty());
    blocks.map(|block| sample(block).with_context(|| format!("perf printed a sample in an unknown form:\n{block}"))).collect()
}

fn sample(block: &str) -> Option<Sample> {
    let mut lines = block.lines();
    let (thread, period) = lines.next()?.trim_end().rsplit_once(char::is_whitespace)?;
    let frames = lines.map(frame).collect::<Option<_>>()?;
    Some(Sample { thread: thread.trim().to_owned(), nanos: period.parse().ok()?, frames })
}

fn frame(line: &str) -> Option<Frame> {
    let (address, rest) = line.trim_start().split_once(' ')?;
    // Symbols may have parentheses, too; the object's are the last.
    let (symbol, object) = rest.rsplit_once(" (")?;
    let object = object.strip_suffix(')')?;
    Some(Frame { address: u64::from_str_radix(address, 16).ok()?, symbol: symbol.to_owned(), object: object.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "front-io-1    1001001 \n\
                        \t          16d80f memmove (/lib/libc.so.6)\n\
                        \t         1a247a6 <h2::Codec<T,B> as Stream>::poll_next (/x/ext)\n\
                        \n\
                        slow lane 0     500 \n\
                        \tffffffff813a4413 [unknown] ([kernel.kallsyms])\n\n";

    #[test]
    fn samples_have_a_thread_a_time_and_frames() {
        let samples = read(TEXT).unwrap();
        assert_eq!(
            samples.iter().map(|sample| (&*sample.thread, sample.nanos)).collect::<Vec<_>>(),
            [("front-io-1", 1_001_001), ("slow lane 0", 500)]
        );
        let [inner, outer] = &samples[0].frames[..] else { panic!("{samples:?}") };
        assert_eq!((inner.address, &*inner.symbol, &*inner.object), (0x16d80f, "memmove", "/lib/libc.so.6"));
        assert_eq!((&*outer.symbol, &*outer.object), ("<h2::Codec<T,B> as Stream>::poll_next", "/x/ext"));
        assert_eq!(samples[1].frames[0].object, "[kernel.kallsyms]");
    }

    #[test]
    fn another_form_is_said() {
        assert!(read("front-io-1 soon\n\t1 a (b)").unwrap_err().to_string().contains("unknown form"));
        assert!(read("\n\n").unwrap().is_empty());
    }
}
