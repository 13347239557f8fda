//! TLS of every listener and client, with certificates that are replaced while running.
