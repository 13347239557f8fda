//! Takes compile jobs, builds them in isolation, returns checked components.
