//! Runs hostile build programs: no network, no credentials, bounded in everything.
