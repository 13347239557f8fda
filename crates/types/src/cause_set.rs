//! A set of failure causes, as small as a number: asked without allocation.

use crate::FailureCause;

/// Which causes an environment lets no contract answer for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CauseSet(u16);

impl CauseSet {
    /// No cause.
    pub const NONE: Self = Self(0);
    /// Every cause: what holds where nobody can say.
    pub const ALL: Self = Self((1 << FailureCause::ALL.len()) - 1);

    /// The set with `cause` in it.
    #[must_use]
    pub const fn with(self, cause: FailureCause) -> Self {
        Self(self.0 | 1 << cause as u16)
    }

    /// The causes of either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `cause` is in it.
    #[must_use]
    pub const fn contains(self, cause: FailureCause) -> bool {
        self.0 & (1 << cause as u16) != 0
    }
}

impl<'c> FromIterator<&'c FailureCause> for CauseSet {
    fn from_iter<I: IntoIterator<Item = &'c FailureCause>>(causes: I) -> Self {
        causes.into_iter().fold(Self::NONE, |set, &cause| set.with(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for cause in FailureCause::ALL {
            assert!(CauseSet::ALL.contains(cause) && !CauseSet::NONE.contains(cause));
            let others = FailureCause::ALL.iter().filter(|&&other| other != cause).collect::<CauseSet>();
            assert!(!others.contains(cause) && others.and(CauseSet::NONE.with(cause)) == CauseSet::ALL);
        }
    }
}
