//! What somebody else, or a mistake, puts in front of a fleet: named, bounded,
//! ignored or refused.

mod certificates;
mod control;
mod messages;
mod settings;
mod stream;
