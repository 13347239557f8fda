//! Puts one history back, and the objects that it says there are.

use std::collections::BTreeMap;

use bytes::Bytes;
use extensions_artifact::{Created, Key, Owned, Prefix, digest};
use futures_util::TryStreamExt as _;

use super::{
    Restore,
    merge::{Found, Merge, merge},
    report::Part,
};
use crate::{
    UpkeepError,
    backup::HistoryRef,
    gc::{Verdict, in_registry},
    objects::{Expected, Lies, expected},
    place::At,
    tally::ObjectKind,
    track::{Chain, Told, Track, tell},
};

/// Characters of a control's event in the report: a reason has 1 KiB at most.
const TEXT_MAX: usize = 4_096;

impl Restore<'_> {
    /// Makes one history without gaps of the backup's and the store's.
    pub(super) async fn history(&self, track: &Track, named: Option<&HistoryRef>) -> Result<Part, UpkeepError> {
        let mut part = Part::default();
        let told = tell(track, &self.backup).await?;
        check_named(track, &told, named, &mut part);
        let found = found(track, &self.registry).await?;
        let merged = merge(&told.digests, &found, self.options.prefer_backup);
        if let (Some(seq), false) = (merged.parted, self.options.prefer_backup) {
            part.parted = Some(format!(
                "`{}`: store and backup hold different events; restore with the backup preferred, or into an empty store",
                track.key(seq)
            ));
            return Ok(part);
        }
        self.set_aside(track, &merged, &mut part).await?;
        self.put(track, &merged, &mut part).await?;
        describe(track, &told, &merged, &mut part);
        Ok(part)
    }

    /// Copies events out of the way, into the backup: first the copy, then the deletion.
    async fn set_aside(&self, track: &Track, merged: &Merge, part: &mut Part) -> Result<(), UpkeepError> {
        let seqs: Vec<u64> = merged.damaged.iter().chain(&merged.aside).copied().collect();
        let mut objects = std::pin::pin!(track.objects(&self.registry, seqs));
        while let Some((seq, object)) = objects.try_next().await? {
            let Some(object) = object else { continue };
            match track {
                Track::Extension(of) => {
                    let key = Key::BackupLost { generation: self.generation, of: of.clone(), seq };
                    self.backup.create(&key, object.bytes).await?;
                }
                // Rare, small, and for an operator's eyes at once: somebody switched something.
                Track::Control(_) => {
                    let text = String::from_utf8_lossy(&object.bytes);
                    part.problems.push(format!("`{}` was taken out: {}", track.key(seq), text.chars().take(TEXT_MAX).collect::<String>()));
                }
            }
            part.set_aside += 1;
        }
        for &seq in &merged.aside {
            self.registry.delete(&track.key(seq)).await?;
        }
        Ok(())
    }

    async fn put(&self, track: &Track, merged: &Merge, part: &mut Part) -> Result<(), UpkeepError> {
        let mut objects = std::pin::pin!(track.objects(&self.backup, merged.put.iter().copied()));
        while let Some((seq, object)) = objects.try_next().await? {
            let key = track.key(seq);
            let Some(object) = object else {
                part.problems.push(format!("`{key}` was in the backup, and is gone"));
                break;
            };
            let over = merged.damaged.contains(&seq);
            self.put_object(&key, object.bytes, over, part).await?;
        }
        Ok(())
    }

    /// Puts an object into the store: where nothing is, or over damage.
    async fn put_object(&self, key: &Key, bytes: Bytes, over: bool, part: &mut Part) -> Result<(), UpkeepError> {
        let size = bytes.len() as u64;
        let put = if over {
            self.registry.put(key, bytes).await?;
            part.replaced += 1;
            true
        } else {
            matches!(self.registry.create(key, bytes).await?, Created::New(_))
        };
        if put {
            part.put.add(ObjectKind::from(key), size);
        }
        Ok(())
    }

    /// Puts back the objects that the restored history says there are.
    pub(super) async fn objects(&self, of: &Owned, part: &mut Part) -> Result<(), UpkeepError> {
        let state = match self.upkeep.history(of).await? {
            Ok(state) => state,
            Err(broken) => {
                part.problems.push(format!("`{of}`: {broken}"));
                return Ok(());
            }
        };
        for row in self.registry.rows(&Prefix::Extension(of.clone())).await? {
            if in_registry(&state, &row.key) == Verdict::Unexplained {
                part.problems.push(format!("`{}` is of a version whose events are lost; it stays, and its number stays taken", row.key));
            }
        }
        for expected in expected(of, &state) {
            let over = match expected.look(&self.registry).await? {
                Lies::Right(_) => continue,
                Lies::Wrong => true,
                Lies::Nothing => false,
            };
            let Expected { key, must, .. } = &expected;
            match expected.look(&self.backup).await? {
                Lies::Right(bytes) => self.put_object(key, bytes, over, part).await?,
                Lies::Nothing if !must && !over => {}
                Lies::Nothing | Lies::Wrong => part.missing_objects.push(format!("`{key}` is {}", if over { "damaged" } else { "missing" })),
            }
        }
        Ok(())
    }
}

/// What a store still has of a history.
async fn found(track: &Track, at: &At) -> Result<BTreeMap<u64, Found>, UpkeepError> {
    let seqs = track.seqs(at).await?;
    let found = track.objects(at, seqs).try_filter_map(|(seq, object)| async move {
        Ok(object.map(|object| (seq, Found { sha256: digest(&object.bytes), readable: track.reads(seq, &object.bytes) })))
    });
    found.try_collect().await
}

/// Whether the backup still holds what its manifest says.
fn check_named(track: &Track, told: &Told, named: Option<&HistoryRef>, part: &mut Part) {
    part.problems.extend(told.broken.iter().map(|broken| format!("in the backup: {broken}")));
    let Some(named) = named else { return };
    let chain = told.digests.values().take(named.events as usize).fold(Chain::EMPTY, Chain::link);
    if chain != named.chain() {
        part.problems.push(format!("in the backup: the events up to `{}` are not those of its manifest", track.key(named.events)));
    }
}

fn describe(track: &Track, told: &Told, merged: &Merge, part: &mut Part) {
    part.newer = merged.newer.len() as u64;
    if let (Some(first), Some(last)) = (merged.newer.first(), merged.newer.last()) {
        let whole = if told.digests.is_empty() { " (all of it)" } else { "" };
        part.newer_in_store = Some(format!("`{}` to {last}{whole}", track.key(*first)));
    }
    if let (Some(first), Some(last)) = (merged.missing.first(), merged.aside.last()) {
        part.missing_events = Some(format!(
            "`{}` and {} more up to {last} are lost; {} events behind them were set aside",
            track.key(*first),
            merged.missing.len() - 1,
            merged.aside.len()
        ));
    }
}
