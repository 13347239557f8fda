//! InvokeExtension: frame → request → admission → frame.

use std::time::Instant;

use bytes::{BufMut as _, Bytes, BytesMut};
use extensions_admission::{Answer, Asked, AskedContext, Request};
use extensions_proto::{
    UnknownNumber, actor_type, risk_tier,
    v1::{self, ExecutionContext, InvocationStats, InvokeExtensionRequest, InvokeExtensionResponse},
};
use http::{HeaderValue, Response, request::Parts};
use http_body::Body;
use prost::Message;

use super::{metadata, timeout};
use crate::{
    auth::{Caller, authenticate},
    body::{BoxError, FrontBody},
    budget::Holder,
    connection::Conn,
    intake::{self, PREFIX_BYTES, Taken},
    metrics::Class,
    refused::Refused,
    service::Service,
};

/// Everything of a request but its input: ids of at most 128 bytes, and room
/// for fields of later versions.
const REQUEST_SLACK_BYTES: usize = 16 << 10;

/// Answers one call; the class is the outcome's, since its gRPC status is OK.
pub(crate) async fn invoke<S, B>(conn: &Conn<S>, head: &Parts, body: &mut B, accepted: Instant) -> Result<(Response<FrontBody>, Class), Refused>
where
    S: Service,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let bytes_max = conn.shared.service.input_bytes_max() + REQUEST_SLACK_BYTES;
    let (message, transport, _memory) = receive::<S, InvokeExtensionRequest, B>(conn, holder, head, body, bytes_max, accepted).await?;
    let request = Request { asked: asked(&message, transport, accepted)?, input: message.input_json.clone() };
    let answer = conn.shared.service.invoke(&principal, request).await?;
    let class = answer.result.as_ref().map_or_else(|failure| Class::of(failure.code.http()), |_| Class::Ok);
    let correlation = HeaderValue::from_str(answer.correlation.as_str()).ok();
    let frame = frame(&response(answer));
    Ok((metadata::answer(FrontBody::message(frame).held_by(holder), correlation), class))
}

/// The one message of a unary call, the transport's deadline, and the memory
/// that the message holds.
pub(super) async fn receive<S, M, B>(
    conn: &Conn<S>,
    holder: Holder,
    head: &Parts,
    body: &mut B,
    bytes_max: usize,
    accepted: Instant,
) -> Result<(M, Option<std::time::Duration>, Taken), Refused>
where
    S: Service,
    M: Message + Default,
    B: Body<Data = Bytes> + Unpin,
{
    metadata::check(head)?;
    let transport = timeout::grpc_timeout(&head.headers)?;
    let taken = intake::message(body, &conn.shared.bounds(holder, bytes_max, accepted, transport)).await?;
    let message = M::decode(taken.bytes.clone()).map_err(|error| Refused::bad_request(format!("the message does not decode: {error}")))?;
    Ok((message, transport, taken))
}

fn asked(message: &InvokeExtensionRequest, transport: Option<std::time::Duration>, accepted: Instant) -> Result<Asked<'_>, Refused> {
    let context = context(message.ctx.as_ref())?;
    Ok(Asked {
        extension_id: &message.extension_id,
        version: &message.version,
        context: AskedContext { hook_point: &message.hook_point, caller: &message.caller, ..context },
        accepted,
        timeout: timeout::shorter(transport, message.timeout_ms),
    })
}

/// What the message says of its context, which may leave all of it out.
pub(super) fn context(ctx: Option<&ExecutionContext>) -> Result<AskedContext<'_>, Refused> {
    let read = ctx.map_or_else(|| Ok(AskedContext::default()), read);
    read.map_err(|unknown| Refused::bad_request(unknown.to_string()))
}

fn read(ctx: &ExecutionContext) -> Result<AskedContext<'_>, UnknownNumber> {
    Ok(AskedContext {
        actor_type: actor_type(ctx.actor_type)?.map_or("", |actor| actor.as_str()),
        risk_tier: risk_tier(ctx.risk_tier)?.map_or("", |tier| tier.as_str()),
        tenant_id: &ctx.tenant_id,
        org_id: &ctx.org_id,
        user_id: &ctx.user_id,
        session_id: &ctx.session_id,
        correlation_id: &ctx.correlation_id,
        env: &ctx.env,
        ..AskedContext::default()
    })
}

pub(super) fn response(answer: Answer) -> InvokeExtensionResponse {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (output_json, error_code, error_msg) = match answer.result {
        Ok(output) => (output, String::new(), String::new()),
        Err(failure) => (Bytes::new(), failure.code.as_str().to_owned(), failure.message),
    };
    let stats = InvocationStats {
        cpu_micros: micros(answer.stats.cpu),
        wall_micros: micros(answer.stats.wall),
        queue_micros: micros(answer.stats.queue),
        memory_peak_bytes: answer.stats.memory_peak_bytes,
        host_calls: answer.stats.host_calls,
    };
    let served_version = answer.served_version.to_string();
    let fallback = answer.fallback.map(|fallback| v1::Fallback {
        action: fallback.action.as_str().to_owned(),
        cause: fallback.cause.as_str().to_owned(),
        message: fallback.message,
    });
    InvokeExtensionResponse { output_json, error_code, error_msg, served_version, stats: Some(stats), fallback }
}

/// Prefix and message in one buffer.
pub(super) fn frame<M: Message>(message: &M) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + length);
    frame.put_u8(0);
    // Outputs end at 8 MiB and lists at 1,000 rows, far below 4 GiB.
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut frame).expect("the buffer grows as needed");
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_from_numbers_and_unknown_ones_are_refused() {
        let ctx = ExecutionContext { actor_type: 2, risk_tier: 3, tenant_id: "acme".into(), ..Default::default() };
        let asked = context(Some(&ctx)).unwrap();
        assert_eq!((asked.actor_type, asked.risk_tier, asked.tenant_id), ("AGENT", "high", "acme"));
        assert!(context(Some(&ExecutionContext { actor_type: 9, ..Default::default() })).is_err());
        let empty = ExecutionContext::default();
        let unset = context(Some(&empty)).unwrap();
        assert!(unset.actor_type.is_empty() && unset.risk_tier.is_empty());
    }

    #[test]
    fn a_frame_is_prefix_and_message() {
        let frame = frame(&InvokeExtensionResponse { error_code: "TRAP".into(), ..Default::default() });
        assert_eq!(&frame[..5], [0, 0, 0, 0, 6]);
        assert_eq!(InvokeExtensionResponse::decode(&frame[5..]).unwrap().error_code, "TRAP");
    }

    #[test]
    fn the_input_is_not_copied() {
        let wire = Bytes::from(InvokeExtensionRequest { input_json: Bytes::from_static(b"{\"a\":1}"), ..Default::default() }.encode_to_vec());
        let decoded = InvokeExtensionRequest::decode(wire.clone()).unwrap();
        assert!(wire.as_ptr_range().contains(&decoded.input_json.as_ptr()));
    }
}
