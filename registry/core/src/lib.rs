//! The lifecycle of versions: pure decisions over a history of events.
