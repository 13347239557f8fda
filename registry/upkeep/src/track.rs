//! Histories as bytes: an extension's, or that of an environment's control.

use std::collections::BTreeMap;

use bytes::Bytes;
use extensions_artifact::{Key, Object, Owned, Prefix, digest, document};
use extensions_registry_core::{Event, Extension, control::ControlEvent};
use extensions_types::{Environment, Sha256};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use crate::{UpkeepError, place::At};

/// Events read at once of one history; most have one KiB, none more than 256.
const EVENTS_AT_ONCE: usize = 8;

/// Which history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Track {
    Extension(Owned),
    Control(Environment),
}

impl Track {
    pub(crate) fn key(&self, seq: u64) -> Key {
        match self {
            Self::Extension(of) => of.event(seq),
            Self::Control(env) => Key::ControlEvent { env: *env, seq },
        }
    }

    fn prefix(&self) -> Prefix {
        match self {
            Self::Extension(of) => Prefix::Events(of.clone()),
            Self::Control(env) => Prefix::ControlEvents(*env),
        }
    }

    /// Whether some bytes are this history's event `seq`.
    pub(crate) fn reads(&self, seq: u64, bytes: &Bytes) -> bool {
        match self {
            Self::Extension(_) => document::decode::<Event>(bytes).is_ok_and(|event| event.seq == seq),
            Self::Control(_) => document::decode::<ControlEvent>(bytes).is_ok_and(|event| event.seq == seq),
        }
    }

    /// The seqs that a store lists, in order.
    pub(crate) async fn seqs(&self, at: &At) -> Result<Vec<u64>, UpkeepError> {
        let seqs = at.list(&self.prefix()).try_filter_map(|row| async move {
            Ok(match row.key {
                Key::Event { seq, .. } | Key::ControlEvent { seq, .. } => Some(seq),
                _ => None,
            })
        });
        seqs.try_collect().await
    }

    /// The objects of some seqs, in their order.
    pub(crate) fn objects(&self, at: &At, seqs: impl IntoIterator<Item = u64>) -> impl Stream<Item = Result<(u64, Option<Object>), UpkeepError>> {
        let gets = seqs.into_iter().map(move |seq| {
            let (at, key) = (at.clone(), self.key(seq));
            async move { Ok((seq, at.get(&key).await?)) }
        });
        stream::iter(gets.collect::<Vec<_>>()).buffered(EVENTS_AT_ONCE)
    }
}

/// What a history's events amount to: their number, and a hash over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) events: u64,
    pub(crate) sha256: Sha256,
}

impl Chain {
    pub(crate) const EMPTY: Self = Self { events: 0, sha256: Sha256::new([0; 32]) };

    /// The chain with one more event, by its digest.
    pub(crate) fn link(self, event: &Sha256) -> Self {
        let both = [self.sha256.as_bytes().as_slice(), event.as_bytes()].concat();
        Self { events: self.events + 1, sha256: digest(&both) }
    }
}

/// A history as one store holds it, from the first event to the last before a gap.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) chain: Chain,
    pub(crate) digests: BTreeMap<u64, Sha256>,
    /// What the events amount to; for an extension only.
    pub(crate) state: Option<Extension>,
    /// What ends the history before its listed end, in words.
    pub(crate) broken: Option<String>,
    pub(crate) bytes: u64,
}

/// Reads and hashes a history, and folds it where it is an extension's.
pub(crate) async fn tell(track: &Track, at: &At) -> Result<Told, UpkeepError> {
    let seqs = track.seqs(at).await?;
    let last = seqs.last().copied().unwrap_or(0);
    let state = match track {
        Track::Extension(of) => Some(Extension::new(of.tenant.clone(), of.extension.clone())),
        Track::Control(_) => None,
    };
    let mut told = Told { chain: Chain::EMPTY, digests: BTreeMap::new(), state, broken: None, bytes: 0 };
    let mut objects = std::pin::pin!(track.objects(at, 1..=last));
    while let Some((seq, object)) = objects.try_next().await? {
        let Some(object) = object else {
            told.broken = Some(format!("`{}` is missing", track.key(seq)));
            break;
        };
        if let Err(why) = told.add(track, seq, &object.bytes) {
            told.broken = Some(format!("`{}`: {why}", track.key(seq)));
            break;
        }
    }
    Ok(told)
}

impl Told {
    fn add(&mut self, track: &Track, seq: u64, bytes: &Bytes) -> Result<(), String> {
        if !track.reads(seq, bytes) {
            return Err("it is no event of this number".to_owned());
        }
        if let Some(state) = &mut self.state {
            let event: Event = document::decode(bytes).map_err(|error| error.to_string())?;
            state.apply(&event).map_err(|error| error.to_string())?;
        }
        let sha256 = digest(bytes);
        self.chain = self.chain.link(&sha256);
        self.digests.insert(seq, sha256);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
