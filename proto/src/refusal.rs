//! A refusal's detail inside `grpc-status-details-bin`.
//!
//! gRPC carries details as a `google.rpc.Status`; ours holds exactly one
//! `ErrorDetail`, the only detail that this platform sends.

use bytes::Bytes;
use prost::Message as _;

use crate::v1::ErrorDetail;

const DETAIL_TYPE: &str = "type.googleapis.com/ameide.extensions.v1.ErrorDetail";

/// How many details of a status are looked at: a proxy may add its own.
const DETAILS_MAX: usize = 16;

/// `google.rpc.Status`, written out here because it is the one message of
/// googleapis that we need.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    /// The gRPC status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The status message.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Any number of typed details.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<AnyDetail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyDetail {
    /// Names the message in `value`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message, encoded.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// The bytes of `grpc-status-details-bin` for a refusal with `code` and `message`.
#[must_use]
pub fn refusal_details(code: i32, message: &str, detail: &ErrorDetail) -> Bytes {
    let any = AnyDetail { type_url: DETAIL_TYPE.to_owned(), value: detail.encode_to_vec().into() };
    RpcStatus { code, message: message.to_owned(), details: vec![any] }.encode_to_vec().into()
}

/// The `ErrorDetail` in the bytes of `grpc-status-details-bin`; none when
/// there is none or they are something else.
#[must_use]
pub fn detail_of(details: &[u8]) -> Option<ErrorDetail> {
    let status = RpcStatus::decode(details).ok()?;
    let ours = status.details.into_iter().take(DETAILS_MAX).find(|any| any.type_url == DETAIL_TYPE)?;
    ErrorDetail::decode(ours.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_comes_back() {
        let detail = ErrorDetail { error_code: "OVERLOADED".into(), retry_after_ms: 25, correlation_id: "c-1".into() };
        assert_eq!(detail_of(&refusal_details(14, "full", &detail)), Some(detail));
    }

    /// The bytes as protoc would write them: another language reads what we send.
    #[test]
    fn the_encoding_is_googles() {
        let detail = ErrorDetail { error_code: "X".into(), ..Default::default() };
        let mut expected = vec![0x08, 5, 0x12, 1, b'm', 0x1a];
        let any = [[0x0a, DETAIL_TYPE.len() as u8].as_slice(), DETAIL_TYPE.as_bytes(), &[0x12, 3, 0x0a, 1, b'X']].concat();
        expected.push(any.len() as u8);
        expected.extend(any);
        assert_eq!(refusal_details(5, "m", &detail), expected);
    }

    #[test]
    fn foreign_details_are_passed_over() {
        assert_eq!(detail_of(b""), None);
        assert_eq!(detail_of(b"\xff\xff not protobuf"), None);
        let foreign = AnyDetail { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: Bytes::new() };
        let ours = AnyDetail { type_url: DETAIL_TYPE.into(), value: Bytes::new() };
        let status = |details| RpcStatus { code: 14, message: String::new(), details }.encode_to_vec();
        assert_eq!(detail_of(&status(vec![foreign.clone()])), None);
        assert_eq!(detail_of(&status(vec![foreign, ours])), Some(ErrorDetail::default()));
    }
}
