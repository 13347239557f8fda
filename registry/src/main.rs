//! The registry as a program.
fn main() {}
