//! A stream of compile jobs that somebody filled with jobs that do not exist.

use crate::{
    cast::{Fleet, RULE},
    faults::worker::{Worker, source},
    redis::Stranger,
};

const STREAM: &str = "extensions:compile";
/// More than ever wait at once.
const ENTRIES: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_stream_of_jobs_that_do_not_exist_keeps_no_job_from_its_worker() {
    let fleet = Fleet::with_redis().await;
    Stranger::at(fleet.redis()).await.fills_stream(STREAM, ENTRIES).await;
    let worker = Worker::start(&fleet, "worker").await;
    let pushed = fleet.push_source(&source(&fleet)).await;
    assert_eq!(pushed.code, 0, "{}", pushed.words());
    assert_eq!(pushed.json()["extension"], RULE, "{}", pushed.words());
    assert!(worker.server.log.text().contains("a job has ended"), "{}", worker.server.log.text());
}
