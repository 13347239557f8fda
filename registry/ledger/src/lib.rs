//! Histories and entries on an object store: nothing accepted is lost or doubled.
