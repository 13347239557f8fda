//! Registries and workers around one stream, on a real Redis: nothing waits twice, nothing is lost.

use std::collections::BTreeSet;

use extensions_compile_jobs::{EitherQueue, Queue, StreamQueue};
use extensions_coordination::{CompileStream, Coordination, RedisSettings};
use extensions_test_servers::Redis;

use super::*;
use crate::Feeder;

/// Longer than two looks at the markers, on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(60);
/// Short, so that what a worker leaves is another's within a test.
const SHORT: Duration = Duration::from_secs(2);

/// A Redis of its own, and registries that feed its stream.
struct Fleet {
    redis: Redis,
    place: Place,
}

impl Fleet {
    fn new() -> Self {
        let place = Place { board: BoardSettings { lease: SHORT, ..BoardSettings::of_one_process() }, ..Place::new() };
        Self { redis: Redis::start().unwrap(), place }
    }

    async fn stream(&self) -> CompileStream {
        // A machine that builds meanwhile answers later.
        let coordination = Coordination::open(&RedisSettings { timeout_ms: 5_000, ..RedisSettings::at(self.redis.url()) }).unwrap();
        coordination.connected().await;
        CompileStream::of(&coordination)
    }

    async fn registry(&self) -> (Registry, Feeder) {
        let registry = self.place.registry();
        let feeder = registry.service.feed_stream(self.stream().await);
        (registry, feeder)
    }

    async fn worker(&self, name: &str) -> StreamQueue {
        StreamQueue::new(&self.stream().await, name, SHORT)
    }
}

impl Registry {
    fn hint(&self, draft: &Draft) {
        assert!(self.service.inner.board.hints.offer(job(draft, 1)));
    }
}

async fn next(queue: &dyn Queue) -> JobId {
    tokio::time::timeout(SOON, queue.next()).await.unwrap().unwrap()
}

/// Follows a hint to the job's end; none where the job was not to be had.
async fn follow(queue: &dyn Queue, claims: &InProcess) -> Option<JobId> {
    let hint = next(queue).await;
    let claimed = claims.claim(&hint, &label("slot-0")).await.unwrap();
    if let Some(claimed) = &claimed {
        claims.complete(&claimed.token, failed()).await.unwrap();
    }
    queue.done(&hint).await;
    claimed.map(|claimed| claimed.job)
}

#[tokio::test]
async fn several_registries_and_workers_end_every_job_once() {
    let fleet = Fleet::new();
    let ((one, _one), (two, _two)) = (fleet.registry().await, fleet.registry().await);
    let mut drafts = Vec::new();
    for number in 1..=6 {
        let draft = one.asked("acme", number).await;
        // Both tell: a command was sent twice, or a look at the markers came between.
        one.hint(&draft);
        two.hint(&draft);
        drafts.push(draft);
    }
    let (sender, mut ends) = tokio::sync::mpsc::unbounded_channel();
    for (name, registry) in [("left", &one), ("right", &two)] {
        let (queue, claims, sender) = (fleet.worker(name).await, registry.worker(name), sender.clone());
        tokio::spawn(async move {
            loop {
                let _ = sender.send(follow(&queue, &claims).await);
            }
        });
    }
    let mut ended = BTreeSet::new();
    while ended.len() < drafts.len() {
        ended.extend(ends.recv().await.unwrap());
    }
    assert_eq!(one.ends(&drafts[0]).await, drafts.len(), "the history of the extension has one end of each draft");
}

#[tokio::test]
async fn a_worker_that_dies_leaves_its_job_to_another() {
    let fleet = Fleet::new();
    let (registry, _feeder) = fleet.registry().await;
    let draft = registry.asked("acme", 1).await;
    let dead = fleet.worker("dead").await;
    registry.hint(&draft);
    let hint = next(&dead).await;
    registry.worker("dead").claim(&hint, &label("slot-0")).await.unwrap().unwrap();
    drop(dead);
    let alive = fleet.worker("alive").await;
    let claims = registry.worker("alive");
    let ended = loop {
        // First the entry of the dead one, whose job the registry may still keep for it; then the next attempt's.
        if let Some(ended) = follow(&alive, &claims).await {
            break ended;
        }
    };
    assert_eq!(ended, job(&draft, 2));
    assert_eq!(registry.ends(&draft).await, 1);
}

#[tokio::test]
async fn a_lost_stream_is_filled_from_the_markers() {
    let fleet = Fleet::new();
    let worker = fleet.worker("w").await;
    // Somebody reads, so the jobs go to the stream, and the stream is lost with them.
    assert!(worker.next().now_or_never().is_none());
    let (registry, _feeder) = fleet.registry().await;
    let stream = fleet.stream().await;
    let mut drafts = BTreeSet::new();
    for number in 1..=3 {
        let draft = registry.asked("acme", number).await;
        registry.hint(&draft);
        drafts.insert(job(&draft, 1));
    }
    while stream.tend().await.unwrap().waiting < 3 {
        // The reader that was asked once is kept in sight.
        sleep(Duration::from_millis(20)).await;
        if let Some(Ok(hint)) = worker.next().now_or_never() {
            worker.give_back(&hint).await;
        }
    }
    fleet.redis.restart_empty().unwrap();
    let claims = registry.worker("w");
    let mut ended = BTreeSet::new();
    while ended.len() < drafts.len() {
        match worker.next().await {
            Ok(hint) => {
                let claimed = claims.claim(&hint, &label("slot-0")).await.unwrap().unwrap();
                claims.complete(&claimed.token, failed()).await.unwrap();
                worker.done(&hint).await;
                ended.insert(hint);
            }
            // The connection is made anew in its own time.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    assert_eq!(ended, drafts);
}

#[tokio::test]
async fn while_redis_is_gone_the_registry_gives_hints_itself() {
    let fleet = Fleet::new();
    let (registry, _feeder) = fleet.registry().await;
    let queue = EitherQueue::new(Arc::new(fleet.worker("w").await), Arc::new(registry.worker("w")));
    for number in 1..=3 {
        match number {
            2 => fleet.redis.stop(),
            3 => fleet.redis.restart_empty().unwrap(),
            _ => {}
        }
        let draft = registry.asked("acme", number).await;
        registry.hint(&draft);
        let ended = loop {
            if let Some(ended) = follow(&queue, &registry.worker("w")).await {
                break ended;
            }
        };
        assert_eq!(ended, job(&draft, 1));
    }
}

/// Several registries, and the worker asks none of them: hints of all reach it.
#[tokio::test]
async fn a_hint_at_any_registry_reaches_any_worker() {
    let fleet = Fleet::new();
    let worker = fleet.worker("w").await;
    let ((one, _one), (two, _two)) = (fleet.registry().await, fleet.registry().await);
    for (number, registry) in [(1, &one), (2, &two)] {
        let draft = one.asked("acme", number).await;
        registry.hint(&draft);
        assert_eq!(next(&worker).await, job(&draft, 1));
    }
    assert!(two.service.inner.board.presence.is_anyone(), "who reads the stream is known to be there");
}
