//! A part of what the whole fleet may use.

use std::fmt;

/// In parts per million of a fleet's quota; never more than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// None of it.
    pub const NOTHING: Self = Self(0);
    /// All of it.
    pub const WHOLE: Self = Self(1_000_000);

    /// So many parts per million; what is more than the whole is the whole.
    #[must_use]
    pub const fn of_ppm(ppm: u32) -> Self {
        Self(if ppm > Self::WHOLE.0 { Self::WHOLE.0 } else { ppm })
    }

    /// Its parts per million, at most 1,000,000.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// Both together, at most the whole.
    #[must_use]
    pub(super) const fn with(self, other: Self) -> Self {
        Self::of_ppm(self.0 + other.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}
