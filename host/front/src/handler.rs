//! One request: route, span, answer or refusal, and nothing that could end the
//! connection for the others on it.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Instant,
};

use extensions_types::{CallLabel, ErrorCode};
use http::{HeaderValue, Request, Response, Version, header::CONNECTION, request::Parts};

use crate::{
    admin,
    body::FrontBody,
    connection::{Conn, InFlight},
    grpc, http as rest,
    metrics::Class,
    mount, operate,
    refused::Refused,
    request_body::RequestBody,
    router::{self, Route, RouteName},
    service::Service,
    trace::Trace,
};

type Answered = Result<(Response<FrontBody>, Class), Refused>;

/// Answers one request; it never fails, so that no stream is reset for us.
pub(crate) async fn handle<S: Service>(conn: Arc<Conn<S>>, head: Parts, body: RequestBody) -> Response<FrontBody> {
    let accepted = Instant::now();
    let route = match router::route(conn.state.plane, &head.method, head.uri.path()) {
        Route::Unknown if conn.shared.mounted(conn.state.plane, head.uri.path()).is_some() => Route::Mounted,
        route => route,
    };
    let mut flight = InFlight::begin(&conn.state, route.name());
    let trace = Trace::of(&head.headers);
    let span = trace.span(route.name().as_str());
    // Pinned here rather than wrapped in combinators: each would move some kilobytes.
    let mut answering = pin!(answer(&conn, route, &head, body, accepted));
    let answered = poll_fn(|cx| {
        let _entered = span.enter();
        // The panic hook has logged where; what it was is not the caller's.
        catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx))).unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await;
    let answered = answered.and_then(|(response, class)| {
        let (head, body) = response.into_parts();
        Ok((Response::from_parts(head, body.bounded(&conn.shared.unread)?), class))
    });
    let (mut response, class) = answered.unwrap_or_else(|refused| span.in_scope(|| refuse(refused, route.name(), &head, &trace)));
    if conn.state.is_leaving_for_abuse() && head.version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    flight.answered(class);
    response.map(|body| body.carrying(flight))
}

fn panicked() -> Refused {
    Refused::new(ErrorCode::Internal, "the platform failed; its logs tell more under the correlation id")
}

async fn answer<S: Service>(conn: &Conn<S>, route: Route<'_>, head: &Parts, mut body: RequestBody, accepted: Instant) -> Answered {
    if matches!(route, Route::GrpcInvoke | Route::GrpcInvokeBatch | Route::GrpcList) && !grpc::is_grpc(&head.headers) {
        return Err(Refused::not_grpc());
    }
    match route {
        Route::GrpcInvoke => grpc::invoke(conn, head, &mut body, accepted).await,
        Route::HttpInvoke(extension) => rest::invoke(conn, extension, head, &mut body, accepted).await,
        // Cold routes are boxed, so that the task of a hot one stays small; batches have many calls in one.
        Route::GrpcInvokeBatch => Box::pin(grpc::invoke_batch(conn, head, &mut body, accepted)).await,
        Route::HttpInvokeBatch(extension) => Box::pin(rest::invoke_batch(conn, extension, head, &mut body, accepted)).await,
        Route::GrpcList => Box::pin(grpc::list(conn, head, &mut body, accepted)).await,
        Route::GrpcHealth => Box::pin(grpc::health(conn, whole(head, body))).await.map(ok),
        Route::GrpcReflection => Box::pin(grpc::reflect(conn, whole(head, body))).await.map(ok),
        Route::HttpList => Box::pin(rest::list(conn, head)).await,
        Route::HttpLogs(extension) => Box::pin(rest::logs(conn, extension, head)).await,
        Route::OpenApi => Ok(ok(rest::openapi())),
        Route::Healthz => Ok(admin::healthz()),
        Route::Readyz => Ok(admin::readyz(&conn.shared)),
        Route::Metrics => admin::metrics(&conn.shared),
        Route::AdminStatus => Box::pin(admin::status(conn, head)).await,
        Route::AdminControl => Box::pin(operate::control(conn, head)).await,
        Route::AdminSwitches(verb) => Box::pin(operate::switches(conn, verb, head, &mut body, accepted)).await,
        Route::Mounted => match conn.shared.mounted(conn.state.plane, head.uri.path()) {
            Some(mount) => Box::pin(mount::forward(conn, &**mount, head, body)).await,
            None => Err(Refused::no_route(head.uri.path())),
        },
        Route::WrongMethod(allow) => Err(Refused::method_not_allowed(allow)),
        Route::Unknown if grpc::is_grpc(&head.headers) => Err(Refused::unimplemented("this host has no such gRPC method")),
        Route::Unknown => Err(Refused::no_route(head.uri.path())),
    }
}

fn ok(response: Response<FrontBody>) -> (Response<FrontBody>, Class) {
    (response, Class::Ok)
}

/// The request as tonic's servers want it.
fn whole(head: &Parts, body: RequestBody) -> Request<RequestBody> {
    Request::from_parts(head.clone(), body)
}

/// The refusal in the caller's protocol, under a correlation id that the log has too.
fn refuse(mut refused: Refused, route: RouteName, head: &Parts, trace: &Trace) -> (Response<FrontBody>, Class) {
    let given = refused.refusal.correlation.take();
    // A refusal with an id has been logged by the service that gave it one.
    let logged = given.is_some();
    let named = given.or_else(|| rest::correlation_of(&head.headers));
    let correlation = named.or_else(|| CallLabel::parse(&format!("{:032x}", trace.trace_id)).ok());
    if !logged {
        let (code, reason) = (refused.refusal.code, &refused.refusal.message);
        let correlation_id = correlation.as_ref().map(CallLabel::as_str);
        tracing::info!(correlation_id, error_code = %code, route = route.as_str(), reason, "refused");
    }
    refused.refusal.correlation = correlation;
    let class = Class::of(refused.http);
    let response = if grpc::is_grpc(&head.headers) { grpc::refuse(&refused) } else { rest::refuse(&refused) };
    (response, class)
}
