//! Attempts to escape, each with a harmless twin.

fn main() {}
