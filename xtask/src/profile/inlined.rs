//! Source files of what the optimiser merged into a function: most of our own
//! code has no symbol of its own. `addr2line` is asked once for all addresses;
//! perf would start it anew for each.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, Result};

use super::stacks::Sample;
use crate::{child::Job, demo::Scratch};

/// By address in the program: the source files merged there, innermost first.
#[derive(Debug, Default)]
pub(super) struct Inlined(HashMap<u64, Vec<String>>);

impl Inlined {
    /// Asks for everything of `program` in these samples.
    pub(super) fn find(samples: &[Sample], program: &Path, scratch: &Scratch) -> Result<Self> {
        let object = program.to_string_lossy();
        let frames = samples.iter().flat_map(|sample| &sample.frames).filter(|frame| frame.object == object);
        let mut addresses: Vec<_> = frames.map(|frame| frame.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let list = scratch.path("addresses");
        std::fs::write(&list, addresses.iter().map(|address| format!("0x{address:x}\n")).collect::<String>())?;
        let asked = Job::new("addr2line").args(["--addresses", "--inlines", "--exe"]).args([program]).args([format!("@{}", list.display())]);
        Ok(Self::read(&asked.output().context("source lines of the host")?))
    }

    /// Answers: an address, then a line for each place.
    pub(super) fn read(text: &str) -> Self {
        let (mut all, mut current) = (HashMap::<u64, Vec<String>>::new(), None);
        for line in text.lines() {
            if let Some(address) = line.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
                current = Some(address);
            } else if let (Some(address), Some((file, _))) = (current, line.rsplit_once(':')) {
                all.entry(address).or_default().push(file.to_owned());
            }
        }
        Self(all)
    }

    /// Of one address; none where nothing is known.
    pub(super) fn files(&self, address: u64) -> impl Iterator<Item = &str> {
        self.0.get(&address).into_iter().flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_those_of_the_address_innermost_first() {
        let read =
            Inlined::read("0x00000000001a\n/w/host/quota/src/quotas.rs:81\n/w/host/admission/src/attempt.rs:9 (discriminator 2)\n0x2b\n??:0\n");
        assert_eq!(read.files(0x1a).collect::<Vec<_>>(), ["/w/host/quota/src/quotas.rs", "/w/host/admission/src/attempt.rs"]);
        assert_eq!(read.files(0x2b).collect::<Vec<_>>(), ["??"]);
        assert_eq!(read.files(0x3c).count(), 0);
    }
}
