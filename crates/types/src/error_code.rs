//! The one closed set of error codes and what follows from each.
//!
//! gRPC statuses, HTTP statuses, `ext` exit codes, failure causes and
//! docs/errors.md are all read from [`ErrorCode::row`]; nothing else maps codes.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A gRPC status code, by its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs, reason = "the names are gRPC's own")]
pub enum GrpcStatus {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcStatus {
    /// The status as gRPC's documents spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// What a failure contract calls a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the cause column of the table below")]
pub enum FailureCause {
    Failed,
    Trap,
    Timeout,
    Limit,
    Denied,
    HostCall,
    Missing,
    Disabled,
    Circuit,
    Overload,
    Unavailable,
    Quota,
}

impl FailureCause {
    /// Every cause, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Failed,
        Self::Trap,
        Self::Timeout,
        Self::Limit,
        Self::Denied,
        Self::HostCall,
        Self::Missing,
        Self::Disabled,
        Self::Circuit,
        Self::Overload,
        Self::Unavailable,
        Self::Quota,
    ];

    /// Whether whoever may call can bring it about: by many calls, by an input
    /// that the extension cannot cope with, often enough to open its circuit, or
    /// by naming a version that is not served.
    #[must_use]
    pub const fn is_provokable(self) -> bool {
        match self {
            Self::Trap | Self::Timeout | Self::Limit | Self::Overload | Self::Quota | Self::Circuit | Self::Missing => true,
            Self::Failed | Self::Denied | Self::HostCall | Self::Disabled | Self::Unavailable => false,
        }
    }

    /// The cause that is spelled so.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// The cause as extension.toml and `fallback.cause` spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Denied => "denied",
            Self::HostCall => "host_call",
            Self::Missing => "missing",
            Self::Disabled => "disabled",
            Self::Circuit => "circuit",
            Self::Overload => "overload",
            Self::Unavailable => "unavailable",
            Self::Quota => "quota",
        }
    }
}

/// Whether sending the same request again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The answer will be the same.
    No,
    /// After the hint that the answer carries.
    AfterHint,
    /// Only the caller knows what its time is worth.
    CallerDecides,
    /// After reading the current state and deciding again.
    AfterRead,
}

impl Retry {
    /// The advice in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::AfterHint => "after the hint",
            Self::CallerDecides => "caller decides",
            Self::AfterRead => "after a read",
        }
    }
}

/// What follows from one code.
#[derive(Debug, Clone, Copy)]
struct Row {
    text: &'static str,
    grpc: GrpcStatus,
    http: u16,
    exit: u8,
    cause: Option<FailureCause>,
    retry: Retry,
    meaning: &'static str,
}

macro_rules! codes {
    ($($variant:ident $text:literal $grpc:ident $http:literal exit $exit:literal $cause:expr, $retry:ident, $meaning:literal;)+) => {
        /// A code of the closed set. Public: it travels in answers, logs and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of docs/errors.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        text: $text,
                        grpc: GrpcStatus::$grpc,
                        http: $http,
                        exit: $exit,
                        cause: $cause,
                        retry: Retry::$retry,
                        meaning: $meaning,
                    },)+
                }
            }
        }

        impl FromStr for ErrorCode {
            type Err = UnknownCode;
            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownCode),
                }
            }
        }
    };
}

use FailureCause as C;

codes! {
    Rejected          "REJECTED"           Ok                 422 exit 1 None,                 No,            "The extension rejected the request by a business rule; its text is for the user.";
    InvalidInput      "INVALID_INPUT"      Ok                 422 exit 1 None,                 No,            "The input is JSON, but not what this extension or its schema expects.";
    GuestFailed       "GUEST_FAILED"       Ok                 502 exit 1 Some(C::Failed),      No,            "The extension reported an internal failure.";
    InvalidOutput     "INVALID_OUTPUT"     Ok                 502 exit 1 Some(C::Failed),      No,            "The extension's answer is not valid JSON of the kind's shape or of its schema.";
    Trap              "TRAP"               Ok                 502 exit 1 Some(C::Trap),        No,            "The extension's code trapped: a panic, an unreachable, memory out of bounds, a stack overflow.";
    Timeout           "TIMEOUT"            Ok                 504 exit 1 Some(C::Timeout),     No,            "The extension used up its own wall-time limit (timeout_ms).";
    CpuLimit          "CPU_LIMIT"          Ok                 502 exit 1 Some(C::Limit),       No,            "The extension used up its CPU-time limit (cpu_millis).";
    MemoryLimit       "MEMORY_LIMIT"       Ok                 502 exit 1 Some(C::Limit),       No,            "The extension asked for more memory than memory_mb and failed.";
    OutputLimit       "OUTPUT_LIMIT"       Ok                 502 exit 1 Some(C::Limit),       No,            "The extension's answer is larger than output_bytes.";
    HostCallDenied    "HOST_CALL_DENIED"   Ok                 502 exit 1 Some(C::Denied),      No,            "A host call was not declared or not granted, and the extension failed for it.";
    HostCallFailed    "HOST_CALL_FAILED"   Ok                 502 exit 1 Some(C::HostCall),    No,            "A platform API that the extension called failed, and the extension failed for it.";
    Unauthenticated   "UNAUTHENTICATED"    Unauthenticated    401 exit 4 None,                 No,            "No token, or one that is malformed, expired, not yet valid, for another audience or not signed by a known issuer.";
    PermissionDenied  "PERMISSION_DENIED"  PermissionDenied   403 exit 4 None,                 No,            "The token is valid but may not do this.";
    TenantMismatch    "TENANT_MISMATCH"    PermissionDenied   403 exit 4 None,                 No,            "The request names another tenant, organisation or user than the token.";
    BadRequest        "BAD_REQUEST"        InvalidArgument    400 exit 2 None,                 No,            "The request is malformed: an id, a field, the JSON, the environment, the content type.";
    InputTooLarge     "INPUT_TOO_LARGE"    InvalidArgument    413 exit 2 None,                 No,            "The input is larger than input_bytes or than the host accepts.";
    NotFound          "NOT_FOUND"          NotFound           404 exit 1 Some(C::Missing),     No,            "The tenant has no such extension in this environment.";
    NotPromoted       "NOT_PROMOTED"       NotFound           404 exit 1 Some(C::Missing),     No,            "The extension exists, but this environment does not serve the version asked for.";
    Disabled          "DISABLED"           FailedPrecondition 409 exit 1 Some(C::Disabled),    No,            "A switch is off for the version, the extension, the tenant, the kind or the tier.";
    CircuitOpen       "CIRCUIT_OPEN"       Unavailable        503 exit 1 Some(C::Circuit),     AfterHint,     "The extension failed too often lately; it is tried again after the hint.";
    Overloaded        "OVERLOADED"         Unavailable        503 exit 1 Some(C::Overload),    AfterHint,     "This host has no room for the call now.";
    Unavailable       "UNAVAILABLE"        Unavailable        503 exit 1 Some(C::Unavailable), AfterHint,     "The version is not ready on this host yet, or the host is stopping.";
    QuotaExceeded     "QUOTA_EXCEEDED"     ResourceExhausted  429 exit 1 Some(C::Quota),       AfterHint,     "The tenant or the extension used up a quota; the message names it.";
    Deadline          "DEADLINE"           DeadlineExceeded   504 exit 1 Some(C::Timeout),     CallerDecides, "The caller's time ran out before the extension's did.";
    ArtifactCorrupt   "ARTIFACT_CORRUPT"   DataLoss           502 exit 1 Some(C::Unavailable), No,            "The stored artifact does not match its digest, or this host cannot compile or link it.";
    Conflict          "CONFLICT"           Aborted            409 exit 4 None,                 AfterRead,     "Someone else changed the extension meanwhile.";
    Precondition      "PRECONDITION"       FailedPrecondition 412 exit 4 None,                 No,            "The lifecycle's rules forbid this now; the message says which.";
    CompileFailed     "COMPILE_FAILED"     FailedPrecondition 422 exit 5 None,                 No,            "The source does not build, or the component may not be served; every reason is listed.";
    Internal          "INTERNAL"           Internal           500 exit 1 Some(C::Unavailable), No,            "The platform failed; its logs tell more under the correlation id.";
}

/// A text that is no code of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an error code of this platform")]
pub struct UnknownCode;

impl ErrorCode {
    /// The code as it travels: `CPU_LIMIT`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().text
    }

    /// The gRPC status that carries it; OK for an extension's own outcome.
    #[must_use]
    pub const fn grpc(self) -> GrpcStatus {
        self.row().grpc
    }

    /// The HTTP status that carries it.
    #[must_use]
    pub const fn http(self) -> u16 {
        self.row().http
    }

    /// The exit code of an `ext` command that ends with it.
    #[must_use]
    pub const fn exit(self) -> u8 {
        self.row().exit
    }

    /// What a failure contract calls it; none where nothing may fall back.
    /// DEADLINE has a cause for accounting, yet never falls back.
    #[must_use]
    pub const fn cause(self) -> Option<FailureCause> {
        self.row().cause
    }

    /// Whether sending the same request again can help.
    #[must_use]
    pub const fn retry(self) -> Retry {
        self.row().retry
    }

    /// One sentence on when it appears, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// Whether the extension itself gave this outcome: it travels as an OK
    /// answer with `error_code`, where a refusal is a gRPC status.
    #[must_use]
    pub const fn is_outcome(self) -> bool {
        matches!(self.grpc(), GrpcStatus::Ok)
    }

    /// docs/errors.md, whole. `cargo xtask gen` writes it.
    #[must_use]
    pub fn reference_markdown() -> String {
        let mut page = String::from(
            "# Error codes\n\n\
             One closed set. An extension's own outcome travels as gRPC `OK` with `error_code` set; a refusal by the platform\n\
             as a gRPC status with an `ErrorDetail`. Over HTTP both are problem documents (RFC 9457) with the same `error_code`.\n\
             `ext` exits with the code of its column; a failure contract names failures by their cause.\n\n\
             | Code | gRPC | HTTP | `ext` | Cause | Retry | When |\n|---|---|---|---|---|---|---|\n",
        );
        for &code in Self::ALL {
            let cause = code.cause().map_or("–", FailureCause::as_str);
            page.push_str(&format!(
                "| `{code}` | {} | {} | {} | {cause} | {} | {} |\n",
                code.grpc().name(),
                code.http(),
                code.exit(),
                code.retry().as_str(),
                code.meaning(),
            ));
        }
        page
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for &code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
        }
        assert_eq!("rejected".parse::<ErrorCode>(), Err(UnknownCode));
    }

    /// The contract, typed a second time: a change to the table must change both.
    #[test]
    fn the_table_is_the_contract() {
        use GrpcStatus as G;
        let rows = [
            (&["REJECTED", "INVALID_INPUT"][..], G::Ok, 422, 1),
            (&["GUEST_FAILED", "INVALID_OUTPUT", "TRAP", "CPU_LIMIT", "MEMORY_LIMIT", "OUTPUT_LIMIT"], G::Ok, 502, 1),
            (&["HOST_CALL_DENIED", "HOST_CALL_FAILED"], G::Ok, 502, 1),
            (&["TIMEOUT"], G::Ok, 504, 1),
            (&["UNAUTHENTICATED"], G::Unauthenticated, 401, 4),
            (&["PERMISSION_DENIED", "TENANT_MISMATCH"], G::PermissionDenied, 403, 4),
            (&["BAD_REQUEST"], G::InvalidArgument, 400, 2),
            (&["INPUT_TOO_LARGE"], G::InvalidArgument, 413, 2),
            (&["NOT_FOUND", "NOT_PROMOTED"], G::NotFound, 404, 1),
            (&["DISABLED"], G::FailedPrecondition, 409, 1),
            (&["CIRCUIT_OPEN", "OVERLOADED", "UNAVAILABLE"], G::Unavailable, 503, 1),
            (&["QUOTA_EXCEEDED"], G::ResourceExhausted, 429, 1),
            (&["DEADLINE"], G::DeadlineExceeded, 504, 1),
            (&["ARTIFACT_CORRUPT"], G::DataLoss, 502, 1),
            (&["CONFLICT"], G::Aborted, 409, 4),
            (&["PRECONDITION"], G::FailedPrecondition, 412, 4),
            (&["COMPILE_FAILED"], G::FailedPrecondition, 422, 5),
            (&["INTERNAL"], G::Internal, 500, 1),
        ];
        let mut seen = 0;
        for (codes, grpc, http, exit) in rows {
            for text in codes {
                let code: ErrorCode = text.parse().unwrap();
                assert_eq!((code.grpc(), code.http(), code.exit()), (grpc, http, exit), "{text}");
                seen += 1;
            }
        }
        assert_eq!(seen, ErrorCode::ALL.len(), "a code is missing from the contract");
    }

    #[test]
    fn what_never_falls_back_has_no_cause() {
        for code in [ErrorCode::Rejected, ErrorCode::InvalidInput, ErrorCode::Unauthenticated, ErrorCode::TenantMismatch, ErrorCode::BadRequest] {
            assert_eq!(code.cause(), None, "{code}");
        }
    }
}
