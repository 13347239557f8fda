//! Keeps loaded extensions: single-flight loads, bounded by bytes, negative caching.
