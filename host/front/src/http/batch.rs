//! `POST /v1/extensions/{extension_id}:invoke-batch`: a JSON array of inputs, and
//! one of results. A problem document says that no input ran.

use std::time::Instant;

use bytes::Bytes;
use extensions_admission::{BATCH_INPUTS_MAX, BatchRequest};
use http::{Response, StatusCode, request::Parts};
use http_body::Body;

use super::{
    answers::{JSON, text},
    batch_answer, batch_split,
    invoke::{Line, check_content, identity, insert},
};
use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    connection::Conn,
    grpc, intake,
    metrics::Class,
    refused::Refused,
    service::Service,
};

/// What stands between inputs: a comma and, as a person writes it, some space.
const BETWEEN_BYTES_MAX: usize = 16 * BATCH_INPUTS_MAX;

pub(crate) async fn invoke_batch<S, B>(
    conn: &Conn<S>,
    extension: &str,
    head: &Parts,
    body: &mut B,
    accepted: Instant,
) -> Result<(Response<FrontBody>, Class), Refused>
where
    S: Service,
    B: Body<Data = Bytes> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let line = Line::read(extension, head)?;
    let asked = line.asked(identity(&head.headers)?, accepted);
    check_content(&head.headers)?;
    let bytes_max = conn.shared.service.input_bytes_max() + BETWEEN_BYTES_MAX;
    let taken = intake::whole(body, &conn.shared.bounds(holder, bytes_max, accepted, asked.timeout)).await?;
    let inputs = batch_split::values(&taken.bytes).await?;
    let answer = conn.shared.service.invoke_batch(&principal, BatchRequest { asked, inputs }).await?;
    let mut response = text(StatusCode::OK, JSON, batch_answer::array(&answer.results));
    insert(response.headers_mut(), grpc::CORRELATION_ID, answer.correlation.as_str().to_owned());
    Ok((response.map(|body| body.held_by(holder)), Class::Ok))
}
