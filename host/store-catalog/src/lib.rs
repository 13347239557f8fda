//! What an environment's store says a host serves.
