//! Streams as server-sent events.

use std::convert::Infallible;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri},
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use extensions_proto::v1;
use extensions_types::Refusal;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;

use super::{
    answer::{problem, refuse},
    bodies::WatchQuery,
    input::query,
};
use crate::{
    Call, Service,
    service::{CompileStream, WatchStream},
    view::WatchView,
};

const LAST_EVENT_ID: &str = "last-event-id";

/// `GET …/extensions/{id}:watch`.
pub(super) async fn watch(service: &Service, call: &Call, id: &str, uri: &Uri, headers: &HeaderMap) -> Response {
    match watch_request(id, uri, headers) {
        Ok(request) => match service.watch(call, request).await {
            Ok(events) => changes(events),
            Err(refusal) => refuse(&refusal),
        },
        Err(refusal) => refuse(&service.refused(call, "Watch", id, refusal)),
    }
}

/// `GET …/watch`.
pub(super) async fn watch_tenant(State(service): State<Service>, Extension(call): Extension<Call>, uri: Uri, headers: HeaderMap) -> Response {
    watch(&service, &call, "", &uri, &headers).await
}

/// A browser resumes with the last id that it saw.
fn watch_request(id: &str, uri: &Uri, headers: &HeaderMap) -> Result<v1::WatchRequest, Refusal> {
    let WatchQuery { tenant_id, cursor, after_seq } = query(uri)?;
    let resumed = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(v1::WatchRequest { tenant_id, extension_id: id.to_owned(), cursor: resumed.unwrap_or(cursor), after_seq })
}

fn changes(events: WatchStream) -> Response {
    sse(events.map(|item| match item {
        Ok(view) => {
            let name = if view.event.is_some() { "change" } else { "alive" };
            data(name, &view).id(id_of(&view))
        }
        Err(refusal) => failed(&refusal),
    }))
}

/// A cursor is visible ASCII by its making; axum refuses others with a panic.
fn id_of(view: &WatchView) -> String {
    view.cursor.chars().filter(|c| !matches!(c, '\0' | '\n' | '\r')).collect()
}

/// Progress of a compile.
pub(super) fn compile(progress: CompileStream) -> Response {
    sse(progress.map(|item| match item {
        Ok(view) => data(view.name(), &view),
        Err(refusal) => failed(&refusal),
    }))
}

/// The last event of a stream that was broken off: a problem document.
fn failed(refusal: &Refusal) -> Event {
    data("error", &problem(refusal.code.http(), refusal))
}

fn data(name: &str, value: &impl Serialize) -> Event {
    // Views are texts and numbers, which are always JSON, and JSON has no line breaks.
    Event::default().event(name).data(serde_json::to_string(value).unwrap_or_default())
}

fn sse(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    Sse::new(events.map(Ok::<_, Infallible>)).into_response()
}
