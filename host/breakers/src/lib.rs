//! Circuit breakers: versions that fail or crawl are not called for a while.
