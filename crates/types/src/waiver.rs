//! A rule that an author asks to be excused from.

use serde::{Deserialize, Serialize};

/// A request in the source to let something pass. It excuses nothing until a
/// reviewer grants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiver {
    /// The rule, by the code of its finding: `embedded_secret`.
    pub rule: String,
    /// Where: `src/lib.rs:12`, `data segment 3 + 120`.
    pub place: String,
    /// Why, in the author's words.
    pub reason: String,
    /// What it is about, without showing it: the same text in the same place has the same one.
    pub fingerprint: String,
}
