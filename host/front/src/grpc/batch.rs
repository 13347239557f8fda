//! InvokeExtensionBatch: frame → request → admission → frame.

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use extensions_admission::{Answer, Asked, AskedContext, BATCH_INPUTS_MAX, BatchAnswer, BatchRequest, Refusal};
use extensions_proto::v1::{BatchResult, InvokeExtensionBatchRequest, InvokeExtensionBatchResponse, InvokeExtensionResponse};
use http::{HeaderValue, Response, request::Parts};
use http_body::Body;
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType},
};

use super::{
    invoke::{context, frame, receive, response},
    metadata, timeout,
};
use crate::{
    auth::{Caller, authenticate},
    body::{BoxError, FrontBody},
    connection::Conn,
    metrics::Class,
    refused::Refused,
    service::Service,
};

/// Everything of a request but its inputs' bytes: ids, room for fields of later
/// versions, and at most five bytes before each input.
const REQUEST_SLACK_BYTES: usize = (16 << 10) + 5 * BATCH_INPUTS_MAX;
/// `InvokeExtensionBatchRequest.inputs`.
const INPUTS: u32 = 4;

/// Answers one batch; what its inputs gave is in the answer, so the class is its own.
pub(crate) async fn invoke_batch<S, B>(conn: &Conn<S>, head: &Parts, body: &mut B, accepted: Instant) -> Result<(Response<FrontBody>, Class), Refused>
where
    S: Service,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let bytes_max = conn.shared.service.input_bytes_max() + REQUEST_SLACK_BYTES;
    let (Bounded(mut message), transport, _memory) = receive::<S, Bounded, B>(conn, holder, head, body, bytes_max, accepted).await?;
    let inputs = std::mem::take(&mut message.inputs);
    let request = BatchRequest { asked: asked(&message, transport, accepted)?, inputs };
    let BatchAnswer { correlation, results } = conn.shared.service.invoke_batch(&principal, request).await?;
    let frame = frame(&InvokeExtensionBatchResponse { results: results.into_iter().map(result).collect() });
    Ok((metadata::answer(FrontBody::message(frame).held_by(holder), HeaderValue::from_str(correlation.as_str()).ok()), Class::Ok))
}

fn asked(message: &InvokeExtensionBatchRequest, transport: Option<Duration>, accepted: Instant) -> Result<Asked<'_>, Refused> {
    let context = context(message.ctx.as_ref())?;
    Ok(Asked {
        extension_id: &message.extension_id,
        version: &message.version,
        context: AskedContext { hook_point: &message.hook_point, caller: &message.caller, ..context },
        accepted,
        timeout: timeout::shorter(transport, message.timeout_ms),
    })
}

fn result(result: Result<Answer, Refusal>) -> BatchResult {
    match result.map(response) {
        Ok(InvokeExtensionResponse { output_json, error_code, error_msg, served_version, stats, fallback }) => {
            BatchResult { output_json, error_code, error_msg, served_version, stats, fallback, retry_after_ms: 0 }
        }
        Err(refusal) => BatchResult {
            error_code: refusal.code.as_str().to_owned(),
            retry_after_ms: refusal.retry_after_ms(),
            error_msg: refusal.message,
            ..BatchResult::default()
        },
    }
}

/// The request, of which no more is decoded than a batch may have: an input takes
/// two bytes on the wire and sixteen times that in memory.
#[derive(Debug, Default, PartialEq)]
struct Bounded(InvokeExtensionBatchRequest);

impl Message for Bounded {
    fn merge_field(&mut self, tag: u32, wire_type: WireType, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
        if tag == INPUTS && self.0.inputs.len() == BATCH_INPUTS_MAX {
            #[expect(deprecated, reason = "the only way to end decoding with a reason of one's own")]
            return Err(DecodeError::new(format!("a batch has at most {BATCH_INPUTS_MAX} inputs")));
        }
        self.0.merge_field(tag, wire_type, buf, ctx)
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.0.encode_raw(buf);
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;

    fn batch(inputs: usize) -> Bytes {
        InvokeExtensionBatchRequest { extension_id: "x".into(), inputs: vec![Bytes::from_static(b"1"); inputs], ..Default::default() }
            .encode_to_vec()
            .into()
    }

    #[test]
    fn inputs_are_bounded_while_they_are_decoded() {
        let Bounded(decoded) = Bounded::decode(batch(BATCH_INPUTS_MAX)).unwrap();
        assert_eq!((decoded.inputs.len(), decoded.extension_id.as_str()), (BATCH_INPUTS_MAX, "x"));
        let error = Bounded::decode(batch(BATCH_INPUTS_MAX + 1)).unwrap_err();
        assert!(error.to_string().contains("at most 1000 inputs"), "{error}");
        // A number of another field would leave the bound without effect.
        let one = Bounded::decode(&[(INPUTS << 3 | 2) as u8, 1, b'7'][..]).unwrap();
        assert_eq!(one.0.inputs, ["7"]);
    }

    #[test]
    fn inputs_are_not_copied() {
        let wire = batch(3);
        let Bounded(decoded) = Bounded::decode(wire.clone()).unwrap();
        assert!(decoded.inputs.iter().all(|input| wire.as_ptr_range().contains(&input.as_ptr())));
    }

    #[test]
    fn a_refused_input_says_when_to_come_back() {
        let refusal = Refusal { retry_after: Some(Duration::from_millis(25)), ..Refusal::new(ErrorCode::QuotaExceeded, "the tenant's rate") };
        let wire = result(Err(refusal));
        assert_eq!((wire.error_code.as_str(), wire.error_msg.as_str(), wire.retry_after_ms), ("QUOTA_EXCEEDED", "the tenant's rate", 25));
        assert!(wire.stats.is_none() && wire.served_version.is_empty() && wire.output_json.is_empty());
    }
}
