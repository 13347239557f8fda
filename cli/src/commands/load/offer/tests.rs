//! Loads on a server that does as it is told.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{Router, http::HeaderName};
use clap::Parser as _;
use extensions_client::Invoke;

use super::*;
use crate::args::{Arguments, Command, Global, Load};

/// A host that holds every answer back until `stall` after the first call, and the load's connections to it over HTTP.
async fn host(stall: Duration, connections: u16) -> (Arc<Calls>, Arc<Course>) {
    let first = Arc::new(OnceLock::new());
    let answer = async move || {
        tokio::time::sleep_until((*first.get_or_init(Instant::now) + stall).into()).await;
        ([(HeaderName::from_static("x-ameide-served-version"), "1")], "{}")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let (load, global) = asked(&url, connections);
    let connections = Connection::all(&load, &global).unwrap();
    let course = Course::with_slots(connections.len());
    let calls = Calls { connections, inputs: Inputs::of(&load).unwrap(), template: Invoke::new("rule"), batch: 1, start: Instant::now() };
    (Arc::new(calls), Arc::new(course))
}

fn asked(url: &str, connections: u16) -> (Load, Global) {
    let words = ["ext", "load", "--extension", "rule", "--input", "{}", "--transport", "http", "--host", url, "--connections"];
    let arguments = Arguments::try_parse_from(words.map(str::to_owned).into_iter().chain([connections.to_string()])).unwrap();
    let Command::Load(load) = arguments.command else { panic!("it is a load") };
    (*load, arguments.global)
}

fn offering((calls, course): (Arc<Calls>, Arc<Course>)) -> Offering {
    Offering::new(calls, course, Duration::from_secs(5))
}

/// The server stands still for 0.8 of 2 seconds: 160 of 400 calls are due meanwhile and wait between 0.8 s and nothing. A client that
/// waits for its answers would see four slow ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_shows_in_every_call_that_was_due() {
    let mut offering = offering(host(Duration::from_millis(800), 4).await);
    offering.offer(&[Stage::steady(200.0, Duration::from_secs(2))]).await.unwrap();
    offering.answered().await;
    let parts = offering.parts(&[]);
    let [part] = &parts[..] else { panic!("one stage: {parts:?}") };
    assert_eq!((part.due, part.calls, part.failed), (400, part.begun, 0), "{part:?}");
    // One in ten waited for more than 0.6 s of it, one in a hundred for nearly all.
    assert!(part.latency.p90_micros > 550_000 && part.latency.p99_micros > 700_000, "{part:?}");
    assert!(part.late > 100 && part.waited > 0 && !part.offered, "and it is said that they began late: {part:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_are_told_apart_and_a_stop_ends_with_what_there_is() {
    let (calls, course) = host(Duration::ZERO, 2).await;
    let mut offering = offering((calls, Arc::clone(&course)));
    let second = Duration::from_secs(1);
    offering.offer(&[Stage::steady(40.0, second / 4), Stage { from: 40.0, to: 120.0, duration: second / 4 }]).await.unwrap();
    offering.answered().await;
    assert_eq!(offering.parts(&[]).iter().map(|part| part.due).collect::<Vec<_>>(), [10, 20]);
    course.stop.store(true, Ordering::Relaxed);
    offering.offer(&[Stage::steady(40.0, second * 3_600)]).await.unwrap();
    offering.answered().await;
    let parts = offering.parts(&[]);
    assert_eq!(parts.len(), 2, "what never began is no stage: {parts:?}");
    assert!(parts.iter().all(|part| part.calls == part.begun), "{parts:?}");
}
