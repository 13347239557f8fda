//! Deletion, retention, garbage collection, backup and restore.
