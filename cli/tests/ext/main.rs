//! `ext` as a user meets it: the real binary, real guests, exit codes, text.

mod author;
mod dev;
mod help;
mod sandbox;
mod usage;
