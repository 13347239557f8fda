//! Somebody who reaches Redis, and is no program of the fleet.

use extensions_test_servers::Redis;
use extensions_test_support::event;
use futures_util::StreamExt as _;
use redis::{AsyncCommands as _, aio::MultiplexedConnection};

/// Says what it likes.
pub(crate) struct Stranger(MultiplexedConnection);

/// Hears what is said in one channel.
pub(crate) struct Listener(redis::aio::PubSub);

impl Stranger {
    pub(crate) async fn at(redis: &Redis) -> Self {
        let client = redis::Client::open(redis.url()).unwrap();
        Self(event(client.get_multiplexed_async_connection()).await.unwrap())
    }

    /// How many heard it.
    pub(crate) async fn publishes(&self, channel: &str, message: &[u8]) -> usize {
        event(self.0.clone().publish(channel, message)).await.unwrap()
    }

    /// As fast as Redis takes them.
    pub(crate) async fn publishes_all(&self, channel: &str, messages: &[Vec<u8>]) {
        for some in messages.chunks(500) {
            let mut pipe = redis::pipe();
            for message in some {
                pipe.publish(channel, message).ignore();
            }
            event(pipe.query_async::<()>(&mut self.0.clone())).await.unwrap();
        }
    }

    pub(crate) async fn sets(&self, key: &str, value: &[u8]) {
        event(self.0.clone().set::<_, _, ()>(key, value)).await.unwrap();
    }

    /// Entries that nobody of the fleet wrote.
    pub(crate) async fn fills_stream(&self, key: &str, entries: usize) {
        for start in (0..entries).step_by(500) {
            let mut pipe = redis::pipe();
            for number in start..(start + 500).min(entries) {
                pipe.cmd("XADD").arg(key).arg("*").arg("job").arg(format!("nobody/nothing/{number}")).ignore();
            }
            event(pipe.query_async::<()>(&mut self.0.clone())).await.unwrap();
        }
    }

    /// What some host said last.
    pub(crate) async fn heartbeat_of(&self, pattern: &str) -> Vec<u8> {
        let keys: Vec<String> = event(self.0.clone().keys(pattern)).await.unwrap();
        event(self.0.clone().get(&keys[0])).await.unwrap()
    }
}

impl Listener {
    pub(crate) async fn at(redis: &Redis, channel: &str) -> Self {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut listening = event(client.get_async_pubsub()).await.unwrap();
        event(listening.subscribe(channel)).await.unwrap();
        Self(listening)
    }

    pub(crate) async fn next(&mut self) -> Vec<u8> {
        event(self.0.on_message().next()).await.unwrap().get_payload_bytes().to_vec()
    }
}
