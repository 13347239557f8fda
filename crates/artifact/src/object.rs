//! What the store hands out: objects, rows of a list, and their etags.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::key::Key;

/// Names one content of an object: a list, a head and a get of the same content
/// give the same etag, another content another one. Opaque.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Etag(Box<str>);

impl Etag {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its text, for comparing across processes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Etag({})", self.0)
    }
}

/// An object as it was when read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// The content's etag, for [`swap`](crate::Store::swap).
    pub etag: Etag,
}

/// An object's description, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its content's etag.
    pub etag: Etag,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last written by the store's clock, in milliseconds since the Unix epoch. For people and ages, never for order.
    pub modified_ms: u64,
}

/// Where a list goes on: after a path, whether or not it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub(crate) String);

impl From<&Key> for Cursor {
    fn from(key: &Key) -> Self {
        Self(key.path())
    }
}

/// Some rows of a list, in the order of their paths' bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Objects with keys of ours.
    pub rows: Vec<Row>,
    /// How many other objects lay between them; somebody else put them there.
    pub foreign: u64,
    /// Where the next page begins; none after the last one.
    pub next: Option<Cursor>,
}

/// Some names of folders, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<T> {
    /// The names.
    pub names: Vec<T>,
    /// Whether more follow the last one.
    pub more: bool,
}

/// How a put-if-absent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object has exactly the bytes given. After a lost answer they may be
    /// another's who gave the same: what must be one's own says whose it is.
    New(Etag),
    /// Something is there already. Where the network doubled the request, even
    /// ours: who needs to know reads it.
    Exists,
}

/// How a compare-and-swap ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// The object has exactly the bytes given.
    New(Etag),
    /// The object is no longer what was read, or is gone. After a lost answer,
    /// ours may have been there for a moment.
    Changed,
}
