//! Counts and bytes by kind of object: what every report says before and after.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::{Deserialize, Serialize};

/// What an object is, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A step of an extension's history.
    Event,
    /// A snapshot of one.
    Head,
    /// A component.
    Component,
    /// A definition with its evidence.
    Definition,
    /// A source bundle.
    Source,
    /// A step of an environment's control.
    ControlEvent,
    /// An environment's switches.
    ControlState,
    /// What an environment serves.
    Entry,
    /// A marker of an entry that may be behind.
    Pending,
    /// A marker of a compile that was asked for.
    Compile,
    /// A marker of an erased tenant.
    Erased,
    /// Machine code.
    Precompiled,
    /// What upkeep itself keeps: plans, manifests.
    Upkeep,
    /// A file that a killed process left unfinished.
    Staged,
}

/// How many objects, and how large together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    /// One object of `bytes`.
    #[must_use]
    pub const fn one(bytes: u64) -> Self {
        Self { count: 1, bytes }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// Tallies by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tallies(BTreeMap<ObjectKind, Tally>);

impl Tallies {
    /// Counts one object.
    pub fn add(&mut self, kind: ObjectKind, bytes: u64) {
        *self.0.entry(kind).or_default() += Tally::one(bytes);
    }

    /// Counts bytes of objects that were counted.
    pub(crate) fn add_bytes(&mut self, kind: ObjectKind, bytes: u64) {
        self.0.entry(kind).or_default().bytes += bytes;
    }

    /// Takes one object off again.
    pub fn remove(&mut self, kind: ObjectKind, bytes: u64) {
        if let Some(tally) = self.0.get_mut(&kind) {
            tally.count = tally.count.saturating_sub(1);
            tally.bytes = tally.bytes.saturating_sub(bytes);
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (&kind, &tally) in &other.0 {
            *self.0.entry(kind).or_default() += tally;
        }
    }

    /// Takes off what another counted.
    pub fn subtract(&mut self, other: &Self) {
        for (kind, gone) in &other.0 {
            if let Some(tally) = self.0.get_mut(kind) {
                tally.count = tally.count.saturating_sub(gone.count);
                tally.bytes = tally.bytes.saturating_sub(gone.bytes);
            }
        }
    }

    /// The tally of one kind.
    #[must_use]
    pub fn of(&self, kind: ObjectKind) -> Tally {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// Over all kinds.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.0.values().for_each(|&tally| total += tally);
        total
    }
}
