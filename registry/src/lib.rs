//! Composes a registry: settings, stores, identity, API.
