//! A server of one rule over `wasi:http`: reads an order, answers a verdict.

mod rule;

use wasip2::{
    exports::http::incoming_handler::Guest,
    http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
    io::streams::StreamError,
};

/// Read from a body at a time.
const CHUNK_BYTES: u64 = 64 << 10;

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let point = path.split_once("point=").map_or("", |(_, point)| point.split('&').next().unwrap_or_default());
        let (status, body) = match serde_json::from_slice(&read(&request)) {
            Ok(order) => (200, serde_json::to_vec(&rule::evaluate(point, &order)).expect("a verdict is JSON")),
            Err(error) => (400, error.to_string().into_bytes()),
        };
        let headers = Fields::from_list(&[("content-type".to_owned(), b"application/json".to_vec())]).expect("a header that anybody may set");
        let response = OutgoingResponse::new(headers);
        response.set_status_code(status).expect("a status");
        let outgoing = response.body().expect("the one body");
        ResponseOutparam::set(out, Ok(response));
        let stream = outgoing.write().expect("the one stream");
        stream.blocking_write_and_flush(&body).expect("a caller that reads");
        drop(stream);
        OutgoingBody::finish(outgoing, None).expect("the whole body");
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("the one body");
    let stream = body.stream().expect("the one stream");
    let mut read = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => read.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return read,
            Err(StreamError::LastOperationFailed(error)) => panic!("the body broke off: {}", error.to_debug_string()),
        }
    }
}
