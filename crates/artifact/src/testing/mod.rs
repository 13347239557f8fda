//! Faults between a store and its backend.
