//! From a gRPC status to the error of a call.
//!
//! The platform's own refusals carry an `ErrorDetail`; everything else comes
//! from the transport or from something in between.

use std::{error::Error, time::Duration};

use extensions_proto::{detail_of, v1::ErrorDetail};
use extensions_types::ErrorCode;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::{InvokeError, Refused, error::given};

pub(crate) fn failed(status: Status) -> InvokeError {
    // Also with a detail: a host says so of every path that it does not know.
    if status.code() == Code::Unimplemented {
        return InvokeError::Absent { message: status.message().to_owned() };
    }
    if let Some(detail) = detail_of(status.details()) {
        return refused(&status, detail).unwrap_or_else(|odd| odd);
    }
    if status.code() == Code::DeadlineExceeded || caused_by::<TimeoutExpired>(&status) {
        return InvokeError::deadline();
    }
    if let Some(sent) = broken(&status) {
        return InvokeError::Unreachable { sent, source: Box::new(status) };
    }
    match status.code() {
        // A proxy in front of the host may ask for a token too.
        Code::Unauthenticated => InvokeError::refused(ErrorCode::Unauthenticated, status.message()),
        Code::PermissionDenied => InvokeError::refused(ErrorCode::PermissionDenied, status.message()),
        code => {
            InvokeError::protocol(format!("gRPC status {code:?} without details ({}); is an extensions runtime listening there?", status.message()))
        }
    }
}

fn refused(status: &Status, detail: ErrorDetail) -> Result<InvokeError, InvokeError> {
    Ok(InvokeError::Refused(Box::new(Refused {
        code: InvokeError::code_of(&detail.error_code)?,
        message: status.message().to_owned(),
        retry_after: (detail.retry_after_ms > 0).then(|| Duration::from_millis(detail.retry_after_ms.into())),
        correlation: given(detail.correlation_id),
    })))
}

/// For a transport failure: whether the request may have been sent.
fn broken(status: &Status) -> Option<bool> {
    // hyper cancels what it drops before ever processing it.
    let unsent = caused_by::<ConnectError>(status) || find::<hyper::Error>(status).is_some_and(hyper::Error::is_canceled);
    if unsent {
        Some(false)
    } else if status.code() == Code::Unavailable || find::<hyper::Error>(status).is_some() {
        Some(true)
    } else {
        None
    }
}

fn caused_by<E: Error + 'static>(status: &Status) -> bool {
    find::<E>(status).is_some()
}

/// The first `E` among the causes, which hold no cycle but are followed a bounded way.
fn find<E: Error + 'static>(status: &Status) -> Option<&E> {
    const CAUSES_MAX: usize = 16;
    std::iter::successors(status.source(), |&cause| cause.source()).take(CAUSES_MAX).find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use extensions_proto::refusal_details;

    use super::*;

    fn with_code(error_code: &str) -> Status {
        let detail = ErrorDetail { error_code: error_code.into(), retry_after_ms: 25, correlation_id: "c".into() };
        Status::with_details(Code::Unavailable, "full", refusal_details(14, "full", &detail))
    }

    #[test]
    fn the_detail_decides() {
        let InvokeError::Refused(refused) = failed(with_code("OVERLOADED")) else { panic!("not refused") };
        assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::Overloaded, "full"));
        assert_eq!((refused.retry_after, refused.correlation.as_deref()), (Some(Duration::from_millis(25)), Some("c")));
        let error = failed(with_code("BRAND_NEW\n"));
        assert_eq!(error.to_string(), "the server answered with code `BRAND_NEW`, which this client does not know; update the client");
    }

    #[test]
    fn statuses_without_detail_are_told_apart() {
        let code = |status| failed(status).code();
        assert_eq!(code(Status::deadline_exceeded("late")), Some(ErrorCode::Deadline));
        assert_eq!(code(Status::from_error(Box::new(TimeoutExpired(())))), Some(ErrorCode::Deadline));
        assert_eq!(code(Status::unauthenticated("who")), Some(ErrorCode::Unauthenticated));
        assert_eq!(code(Status::permission_denied("no")), Some(ErrorCode::PermissionDenied));
        let unsent = Status::from_error(Box::new(ConnectError("refused".into())));
        assert!(matches!(failed(unsent), InvokeError::Unreachable { sent: false, .. }));
        assert!(matches!(failed(Status::unavailable("proxy")), InvokeError::Unreachable { sent: true, .. }));
        assert!(matches!(failed(Status::unimplemented("what")), InvokeError::Absent { .. }));
        assert!(matches!(failed(Status::unknown("what")), InvokeError::Protocol { .. }));
    }
}
