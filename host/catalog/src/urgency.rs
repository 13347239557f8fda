//! How soon a version is needed.

/// Why a version is loaded, the most urgent first: a call that waits is worse
/// than a promotion that takes a moment longer, and that is worse than a cold start later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A call waits for it.
    Called,
    /// What is served changes to it: a promotion, a rollback, a pin.
    Warm,
    /// It may be called some day.
    Preload,
}

impl Urgency {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Called, Self::Warm, Self::Preload];
}
