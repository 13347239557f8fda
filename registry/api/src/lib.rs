//! The registry over gRPC and HTTP.
