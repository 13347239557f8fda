//! The stream on a real Redis: once each, left entries, poison, floods, loss.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use extensions_test_servers::Redis;
use redis::{Cmd, FromRedisValue, cmd};

use super::*;
use crate::RedisSettings;

const LEASE: Duration = Duration::from_secs(60);

/// A stream of its own on a Redis, which is shared where no test does it harm.
struct Scene {
    stream: CompileStream,
    redis: Arc<Redis>,
    readers: AtomicU64,
}

impl Scene {
    async fn new() -> Self {
        Self::on(Redis::shared().unwrap()).await
    }

    async fn on(redis: Arc<Redis>) -> Self {
        // A machine that builds meanwhile answers later.
        let settings = RedisSettings { namespace: redis.namespace(), timeout_ms: 10_000, ..RedisSettings::at(redis.url()) };
        let coordination = Coordination::open(&settings).unwrap();
        coordination.connected().await;
        Self { stream: CompileStream::of(&coordination), redis, readers: AtomicU64::new(0) }
    }

    fn reader(&self) -> Reader {
        let number = self.readers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.stream.reader(&format!("reader-{number}"), LEASE)
    }

    async fn offer(&self, job: &str) -> Offered {
        self.stream.offer(job).await.unwrap()
    }

    async fn tend(&self) -> Tended {
        self.stream.tend().await.unwrap()
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        self.stream.coordination.shared().ask(command).await.unwrap()
    }

    fn key(&self) -> &str {
        &self.stream.names.stream
    }

    /// A lease later, for this entry.
    async fn a_lease_later(&self, reader: &Reader, entry: &Entry) {
        let mut claim = cmd("XCLAIM");
        claim.arg(self.key()).arg(GROUP).arg(reader.name()).arg(0).arg(&entry.id).arg("IDLE").arg(LEASE.as_millis() as u64).arg("JUSTID");
        self.ask::<redis::Value>(&claim).await;
    }

    async fn foreign(&self, fields: &[(&str, &[u8])]) {
        let mut add = cmd("XADD");
        add.arg(self.key()).arg("*");
        for (name, value) in fields {
            add.arg(name).arg(value);
        }
        self.ask::<String>(&add).await;
    }
}

async fn taken(reader: &Reader) -> Option<String> {
    reader.take().await.unwrap().map(|entry| entry.job)
}

#[tokio::test]
async fn a_job_is_there_once_until_it_is_done() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Added);
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::There, "two registries offer it");
    let entry = reader.take().await.unwrap().unwrap();
    assert_eq!((entry.job.as_str(), entry.deliveries), ("acme/x/1/1", 1));
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::There, "in somebody's hands");
    assert_eq!(taken(&reader).await, None);
    assert_eq!(scene.tend().await, Tended { readers: 1, waiting: 0, in_hand: 1, aside: 0 });
    assert!(reader.done(&entry).await.unwrap() && !reader.done(&entry).await.unwrap());
    assert_eq!(scene.tend().await, Tended { readers: 1, waiting: 0, in_hand: 0, aside: 0 });
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Added, "asked for again");
}

#[tokio::test]
async fn every_entry_goes_to_one_reader() {
    let scene = Scene::new().await;
    let jobs: BTreeSet<_> = (1..=40).map(|version| format!("acme/x/{version}/1")).collect();
    for job in &jobs {
        assert_eq!(scene.offer(job).await, Offered::Added);
    }
    let readers = [scene.reader(), scene.reader(), scene.reader()];
    let drain = async |reader: &Reader| {
        let mut all = Vec::new();
        while let Some(job) = taken(reader).await {
            all.push(job);
        }
        all
    };
    let (one, two, three) = tokio::join!(drain(&readers[0]), drain(&readers[1]), drain(&readers[2]));
    let all = [one, two, three].concat();
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (jobs.len(), jobs));
}

#[tokio::test]
async fn what_a_reader_leaves_goes_to_another_after_the_lease() {
    let scene = Scene::new().await;
    let [dead, alive, other] = [scene.reader(), scene.reader(), scene.reader()];
    scene.offer("acme/x/1/1").await;
    scene.offer("acme/x/2/1").await;
    let (lost, kept) = (dead.take().await.unwrap().unwrap(), alive.take().await.unwrap().unwrap());
    for (reader, entry) in [(&dead, &lost), (&alive, &kept)] {
        scene.a_lease_later(reader, entry).await;
    }
    assert!(alive.renew(&kept).await.unwrap());
    let again = other.take().await.unwrap().unwrap();
    assert_eq!((again.job.as_str(), again.deliveries), ("acme/x/1/1", 2));
    assert_eq!(taken(&other).await, None, "the renewed one stays where it is");
    assert!(!dead.renew(&lost).await.unwrap() && !dead.give_back(&lost).await.unwrap(), "it is not the dead one's any more");
    assert!(other.renew(&again).await.unwrap());
}

/// The look at what readers left goes on where it stopped: many that are renewed hide none behind them.
#[tokio::test]
async fn an_entry_behind_many_others_is_found() {
    let scene = Scene::new().await;
    let [busy, dead, other] = [scene.reader(), scene.reader(), scene.reader()];
    for version in 1..=50 {
        scene.offer(&format!("acme/x/{version}/1")).await;
        busy.take().await.unwrap().unwrap();
    }
    scene.offer("acme/x/51/1").await;
    let lost = dead.take().await.unwrap().unwrap();
    scene.a_lease_later(&dead, &lost).await;
    for _ in 0..50 {
        if let Some(job) = taken(&other).await {
            assert_eq!(job, lost.job);
            return;
        }
    }
    panic!("it was not found");
}

#[tokio::test]
async fn what_nobody_ends_is_set_aside() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    scene.offer("acme/poison/1/1").await;
    for deliveries in 1..=5 {
        let entry = reader.take().await.unwrap().unwrap();
        assert_eq!(entry.deliveries, deliveries);
        scene.a_lease_later(&reader, &entry).await;
    }
    assert_eq!(taken(&reader).await, None);
    assert_eq!(scene.tend().await, Tended { readers: 1, waiting: 0, in_hand: 0, aside: 1 });
    assert_eq!(scene.offer("acme/poison/1/1").await, Offered::Aside);
    let kept: Vec<(String, Vec<(String, String)>)> = scene.ask(cmd("XRANGE").arg(&scene.stream.names.aside).arg("-").arg("+")).await;
    assert_eq!(kept[0].1, [("job".to_owned(), "acme/poison/1/1".to_owned())]);
    let forgotten: i64 = scene.ask(cmd("PTTL").arg(scene.stream.names.job("acme/poison/1/1"))).await;
    assert!((1..=600_000).contains(&forgotten), "it is offered again after a while: {forgotten}");
}

#[tokio::test]
async fn what_is_no_job_never_leaves_redis() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    let huge = vec![b'a'; 8 << 20];
    for fields in [
        &[("job", &huge[..])][..],
        &[("other", b"acme/x/1/1")],
        &[("job", b"acme/x/1/1"), ("more", b"")],
        &[("job", b"acme x")],
        &[("job", b"\xff\xfe/\0")],
        &[("job", b"")],
    ] {
        scene.foreign(fields).await;
    }
    scene.offer("acme/x/1/1").await;
    assert_eq!(taken(&reader).await.as_deref(), Some("acme/x/1/1"));
    assert_eq!(scene.tend().await, Tended { readers: 1, waiting: 0, in_hand: 1, aside: 0 });
}

#[tokio::test]
async fn a_flood_is_trimmed_and_cleared_away() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    let flood = "for i = 1, 20000 do redis.call('XADD', KEYS[1], '*', 'noise', i) end return 1";
    scene.ask::<u64>(cmd("EVAL").arg(flood).arg(1).arg(scene.key())).await;
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Full);
    assert_eq!(scene.tend().await.waiting.to_string(), STREAM_ENTRIES_MAX);
    for _ in 0..16 {
        assert_eq!(taken(&reader).await, None, "each question clears some away");
    }
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Added);
    assert_eq!(taken(&reader).await.as_deref(), Some("acme/x/1/1"));
}

#[tokio::test]
async fn few_wait_in_the_stream() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    for version in 1..=STREAM_WAITING_MAX {
        assert_eq!(scene.offer(&format!("acme/x/{version}/1")).await, Offered::Added);
    }
    assert_eq!(scene.offer("late/x/1/1").await, Offered::Full);
    assert!(taken(&reader).await.is_some());
    assert_eq!(scene.offer("late/x/1/1").await, Offered::Added);
}

#[tokio::test]
async fn a_hint_that_is_not_followed_is_anothers_at_once() {
    let scene = Scene::new().await;
    let [one, two] = [scene.reader(), scene.reader()];
    scene.offer("acme/x/1/1").await;
    let entry = one.take().await.unwrap().unwrap();
    assert!(one.give_back(&entry).await.unwrap());
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::There);
    let again = two.take().await.unwrap().unwrap();
    assert_eq!(again.job, entry.job);
    assert!(!one.give_back(&entry).await.unwrap());
    assert!(two.done(&again).await.unwrap());
    assert_eq!(scene.tend().await, Tended { readers: 2, waiting: 0, in_hand: 0, aside: 0 });
}

#[tokio::test]
async fn readers_that_leave_or_die_are_forgotten() {
    let scene = Scene::new().await;
    let [leaves, dies] = [scene.reader(), scene.reader()];
    assert_eq!((taken(&leaves).await, taken(&dies).await), (None, None));
    assert_eq!(scene.tend().await.readers, 2);
    leaves.leave().await.unwrap();
    assert_eq!(scene.tend().await.readers, 1);
    // Heard of last at the beginning of time.
    scene.ask::<u64>(cmd("ZADD").arg(&scene.stream.names.readers).arg(1).arg(dies.name())).await;
    assert_eq!(scene.tend().await.readers, 0);
    let consumers: Vec<redis::Value> = scene.ask(cmd("XINFO").arg("CONSUMERS").arg(scene.key()).arg(GROUP)).await;
    assert!(consumers.is_empty(), "{consumers:?}");
    scene.offer("acme/x/1/1").await;
    assert!(taken(&dies).await.is_some(), "one that was only slow goes on");
}

#[tokio::test]
async fn a_lost_stream_is_filled_again() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    scene.offer("acme/x/1/1").await;
    scene.ask::<u64>(cmd("DEL").arg(scene.key())).await;
    assert_eq!(taken(&reader).await, None);
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Added);
    let entry = reader.take().await.unwrap().unwrap();
    scene.ask::<u64>(cmd("DEL").arg(scene.key())).await;
    assert!(!reader.renew(&entry).await.unwrap_or(false) && !reader.done(&entry).await.unwrap(), "it went with the stream");
}

#[tokio::test]
async fn a_redis_that_was_started_anew_knows_nothing_and_works() {
    let scene = Scene::on(Arc::new(Redis::start().unwrap())).await;
    let reader = scene.reader();
    scene.offer("acme/x/1/1").await;
    let entry = reader.take().await.unwrap().unwrap();
    scene.redis.restart_empty().unwrap();
    // The old connection breaks in its own time.
    while scene.stream.offer("acme/x/1/1").await.ok() != Some(Offered::Added) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!reader.done(&entry).await.unwrap());
    assert_eq!(taken(&reader).await.as_deref(), Some("acme/x/1/1"));
}

#[tokio::test]
async fn something_else_in_its_place_is_an_error() {
    let scene = Scene::new().await;
    let reader = scene.reader();
    for key in [scene.key().to_owned(), scene.stream.names.readers.clone()] {
        scene.ask::<String>(cmd("SET").arg(&key).arg("no stream")).await;
        for error in [scene.stream.tend().await.err(), reader.take().await.err()] {
            let text = extensions_types::with_causes(&error.unwrap());
            assert!(text.contains("WRONGTYPE"), "{text}");
        }
        scene.ask::<u64>(cmd("DEL").arg(&key)).await;
    }
    // A job's own key is written over.
    scene.ask::<u64>(cmd("LPUSH").arg(scene.stream.names.job("acme/x/1/1")).arg("x")).await;
    assert_eq!(scene.offer("acme/x/1/1").await, Offered::Added);
    scene.ask::<String>(cmd("SET").arg(scene.stream.names.job("acme/x/2/1")).arg("no id")).await;
    assert_eq!(scene.offer("acme/x/2/1").await, Offered::Added);
}
