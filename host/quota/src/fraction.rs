//! A host's part of what the fleet may use.

use std::fmt;

/// A part of the whole, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(u32);

impl Fraction {
    /// All of it.
    pub const WHOLE: Self = Self(Self::PARTS);
    /// Parts of the whole.
    pub const PARTS: u32 = 1_000_000;

    /// So many parts per million; more than all is all.
    #[must_use]
    pub const fn of_parts(parts: u32) -> Self {
        Self(if parts > Self::PARTS { Self::PARTS } else { parts })
    }

    /// One of `hosts` equal parts.
    #[must_use]
    pub const fn one_of(hosts: u32) -> Self {
        match Self::PARTS.checked_div(hosts) {
            Some(parts) => Self(parts),
            None => Self::WHOLE,
        }
    }

    /// The parts per million.
    #[must_use]
    pub const fn parts(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}
