//! Good requests with a few bytes changed by chance: whatever they mean now, the
//! host answers or closes, and goes on.

use std::time::Duration;

use extensions_test_support::Start;
use prost::Message as _;

use super::{
    frames::{DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, frame, grpc_head},
    grpc::{framed, good},
    heads::kept,
    slow::neighbours,
    wire::{dial, invoke_head, serve_rule, within},
};
use crate::{
    CHILD,
    attack::{Attack, Row},
    process,
    stage::{Scene, Stage},
};

pub(super) const ATTACKS: &[Attack] =
    &[Attack { name: "bytes-of-chance", about: "good requests with bytes changed, cut, doubled by a seed", run: |stage| Box::pin(chance(stage)) }];

const SEEDS: u64 = 400;
/// The host's patience with what is not a whole request any more.
const LIMIT: Duration = Duration::from_millis(100);
const NEVER: Duration = Duration::from_secs(8);

struct Chance(u64);

impl Chance {
    /// Below `end`: splitmix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    /// One to four changes.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                2 => bytes.truncate(at.max(1)),
                3 => bytes.insert(at, b"\r\n\0%:;,\"\x80"[self.below(9)]),
                _ => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let doubled = bytes[at..end].to_vec();
                    bytes.splice(at..at, doubled);
                }
            }
        }
    }
}

async fn chance(stage: &Stage) -> Vec<Row> {
    let start = Start::new(CHILD).set(|settings| {
        settings.listen.timeouts.header_read = LIMIT;
        settings.listen.timeouts.body_read = LIMIT;
        settings.listen.timeouts.idle = LIMIT;
    });
    let stage = &stage.elsewhere(Scene::of(stage.profile, start).await);
    serve_rule(stage).await;
    let before = process::resident_mib();
    let http = format!(
        "{}x-ameide-correlation-id: c-1\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{\"a\":[1]}}",
        invoke_head(stage, "?env=dev&point=Before")
    );
    let data = framed(&good().encode_to_vec());
    let grpc = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &grpc_head(stage)),
        frame(DATA, END_STREAM, 1, &data),
    ]
    .concat();
    let mut rows = Vec::new();
    for (what, whole) in [("HTTP/1", http.into_bytes()), ("gRPC", grpc)] {
        let mut open = Vec::new();
        for batch in (0..SEEDS).collect::<Vec<_>>().chunks(40) {
            let ends = futures_util::future::join_all(batch.iter().map(|seed| ends(stage, &whole, *seed))).await;
            open.extend(batch.iter().zip(ends).filter(|(_, ended)| !ended).map(|(seed, _)| *seed));
        }
        rows.push(Row::holds(what, format!("{SEEDS} answered or closed"), open.is_empty(), || format!("still open: seeds {open:?}")));
    }
    rows.push(kept(before));
    rows.push(neighbours(stage));
    rows
}

/// Whether the host ended the connection in time.
async fn ends(stage: &Stage, whole: &[u8], seed: u64) -> bool {
    let mut bytes = whole.to_vec();
    Chance(seed).change(&mut bytes);
    let mut io = dial(stage).await;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut io, &bytes).await;
    within(&mut io, NEVER).await.1
}
