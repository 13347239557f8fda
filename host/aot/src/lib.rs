//! Compiles components in a child process and keeps the code, authenticated.
//!
//! Running precompiled code means trusting it wholly, and compiling hostile
//! bytes may take any time and memory. So a fresh child with nothing but a
//! pipe compiles ([`child`]), the parent alone holds the key that vouches for
//! the result ([`Cache`]), and the bytes that were verified are the bytes that
//! are mapped ([`Code`]). What hosts share is signed by a process that serves
//! nobody ([`signed`], [`keys`]), and enters a host's cache when it verifies.

mod cache;
pub mod child;
mod code;
mod compiler;
mod digest;
#[cfg(test)]
mod edits;
pub mod keys;
mod rusage;
mod sandbox;
mod shape;
pub mod signed;
mod start;

pub use cache::{Cache, CacheError};
pub use code::{Code, LoadError};
pub use compiler::{CompileError, Compiled, Compiler};
pub use digest::digest;
pub use start::Start;
