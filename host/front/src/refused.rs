//! A refusal with the statuses that it travels under.
//!
//! Statuses follow from the error code; protocol errors that the table does
//! not know (no such route, wrong method) carry BAD_REQUEST and a status of
//! their protocol.

use extensions_admission::Refusal;
use extensions_types::{ErrorCode, GrpcStatus};

/// gRPC's numbers for statuses that no error code of the platform has.
pub(crate) const GRPC_UNKNOWN: i32 = 2;
pub(crate) const GRPC_UNIMPLEMENTED: i32 = 12;

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) http: u16,
    pub(crate) grpc: i32,
    /// For 405: what the path answers to.
    pub(crate) allow: Option<&'static str>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let grpc = match refusal.code.grpc() {
            // An outcome is no refusal; OK here would promise a message that never comes.
            GrpcStatus::Ok => GRPC_UNKNOWN,
            status => status as i32,
        };
        Self { http: refusal.code.http(), grpc, allow: None, refusal }
    }
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal::new(code, message).into()
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// The path names nothing here.
    pub(crate) fn no_route(path: &str) -> Self {
        let shown: String = path.chars().take(128).collect();
        let message = format!("nothing is served at {shown:?}; /openapi.json lists the HTTP API");
        Self { http: 404, grpc: GRPC_UNIMPLEMENTED, ..Self::bad_request(message) }
    }

    /// The path exists, for other methods.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this path answers to {allow} only");
        Self { http: 405, allow: Some(allow), ..Self::bad_request(message) }
    }

    /// A gRPC feature or method that this host does not have.
    pub(crate) fn unimplemented(message: impl Into<String>) -> Self {
        Self { grpc: GRPC_UNIMPLEMENTED, ..Self::bad_request(message) }
    }

    /// A gRPC path without gRPC's content type.
    pub(crate) fn not_grpc() -> Self {
        let message = "this path speaks gRPC: send content-type application/grpc over HTTP/2, or use the HTTP API in /openapi.json";
        Self { http: 415, ..Self::bad_request(message) }
    }

    /// The retry hint in milliseconds; 0 where there is none.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        self.refusal.retry_after_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_come_from_the_table() {
        for &code in ErrorCode::ALL {
            let refused = Refused::new(code, "x");
            assert_eq!(refused.http, code.http());
            assert_ne!(refused.grpc, 0, "{code} would look like success");
        }
    }

    #[test]
    fn a_foreign_path_is_shown_harmless_and_short() {
        let refused = Refused::no_route(&format!("/\u{1b}[2J{}", "x".repeat(10_000)));
        assert!(refused.refusal.message.len() < 300 && !refused.refusal.message.contains('\u{1b}'));
    }
}
