//! Well-formed guests, cut off and with bits flipped, and bytes by chance.

use super::{Bad, guests};
use crate::Code;

/// Places of each guest where a bit is flipped.
const FLIPS: usize = 300;
/// Files of random bytes, for each header.
const RANDOM: usize = 60;
const RANDOM_BYTES_MAX: usize = 4_000;

pub(super) fn all() -> impl Iterator<Item = Bad> {
    let guests = guests::all();
    let cut: Vec<_> = guests.iter().flat_map(|(name, bytes)| cut(name, bytes)).collect();
    let flipped: Vec<_> = guests.iter().flat_map(|(name, bytes)| flipped(name, bytes)).collect();
    cut.into_iter().chain(flipped).chain(random())
}

/// At the end of each section, where the rest may be a module of its own, and one byte before.
fn cut(name: &str, bytes: &[u8]) -> Vec<Bad> {
    let mut ends = vec![4, 8];
    let mut place = 8;
    while let Some((size, after)) = bytes.get(place + 1..).and_then(crate::leb::number) {
        place = bytes.len() - after.len() + size;
        if place >= bytes.len() {
            break;
        }
        ends.push(place);
    }
    let whole = ends.iter().map(|&end| Bad { name: format!("cut/{name}/{end}"), bytes: bytes[..end].to_vec(), code: None });
    let short = ends.iter().skip(2).map(|&end| Bad::new(format!("cut/{name}/{}", end - 1), Code::Malformed, bytes[..end - 1].to_vec()));
    whole.chain(short).collect()
}

fn flipped(name: &str, bytes: &[u8]) -> Vec<Bad> {
    let mut dice = Dice(7);
    let flip = |_| {
        let (place, bit) = (dice.below(bytes.len()), dice.below(8));
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1 << bit;
        Bad { name: format!("flipped/{name}/{place}.{bit}"), bytes, code: None }
    };
    (0..FLIPS).map(flip).collect()
}

fn random() -> Vec<Bad> {
    let mut dice = Dice(11);
    let mut all = Vec::new();
    for (name, header, code) in
        [("module", &b"\0asm\x01\0\0\0"[..], None), ("component", b"\0asm\x0d\0\x01\0", None), ("bare", b"", Some(Code::NotWasm))]
    {
        for number in 0..RANDOM {
            let length = 1 + dice.below(RANDOM_BYTES_MAX);
            let bytes = header.iter().copied().chain((0..length).map(|_| dice.below(256) as u8)).collect();
            all.push(Bad { name: format!("random/{name}/{number}"), bytes, code });
        }
    }
    all
}

/// The same numbers at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
