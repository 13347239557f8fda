//! Looks once at each object that this process did not write: what does not
//! carry its key's signature is made anew. So a new key signs everything, and
//! what a store has lost or somebody has put there is mended.

use std::collections::{HashMap, HashSet};

use extensions_artifact::{Etag, Swapped};
use extensions_types::Sha256;

use crate::{
    have::Have,
    plan::Wanted,
    work::{Hands, NoCode},
};

/// One object: engine, shelf, component.
pub(crate) type Place = (usize, usize, Sha256);

/// What was looked at.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    good: HashMap<Place, Etag>,
    /// Made anew by this process; not a second time: two signers with two keys would never end.
    replaced: HashSet<Place>,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It carries this key's signature.
    Good(Etag),
    /// It did not; now it does.
    Replaced(Etag),
    /// It changed or went while this process looked.
    Changed,
}

impl Checks {
    /// What is to be looked at next, with the content that is meant; none when everything was.
    pub(crate) fn next<'w>(
        &self,
        wanted: &'w [Wanted],
        have: &Have,
        engines: usize,
        shelves: usize,
        skip: impl Fn(&Place) -> bool,
    ) -> Option<(Place, &'w Wanted, Etag)> {
        let places = wanted.iter().flat_map(|one| (0..engines).flat_map(move |engine| (0..shelves).map(move |shelf| (one, engine, shelf))));
        places.into_iter().find_map(|(one, engine, shelf)| {
            let place = (engine, shelf, one.component);
            let etag = have.etag(engine, shelf, &one.component)?;
            (self.good.get(&place) != Some(etag) && !skip(&place)).then(|| (place, one, etag.clone()))
        })
    }

    pub(crate) fn good(&mut self, place: Place, etag: Etag) {
        self.good.insert(place, etag);
    }

    /// Notes that it was made anew.
    pub(crate) fn replaced(&mut self, place: Place, etag: Etag) {
        self.good.insert(place, etag);
        self.replaced.insert(place);
    }

    /// Whether another writes what this process wrote.
    pub(crate) fn is_contested(&self, place: &Place) -> bool {
        self.replaced.contains(place)
    }
}

impl Hands<'_> {
    /// Looks at one object, and makes it anew where it is not this key's.
    pub(crate) async fn check(self, place: Place, wanted: &Wanted, etag: &Etag, contested: bool) -> Result<Checked, NoCode> {
        let (engine, shelf) = (&self.engines[place.0], &self.shelves[place.1]);
        let key = engine.key(place.2);
        let Some(object) = shelf.store.get(&key).await? else { return Ok(Checked::Changed) };
        if object.etag != *etag {
            return Ok(Checked::Changed);
        }
        if self.is_ours(engine, place.2, object.bytes).await? {
            return Ok(Checked::Good(object.etag));
        }
        if contested {
            tracing::error!(%key, "what this signer made anew was changed again: another signer has another key, or somebody else writes here; hosts compile it themselves");
            return Ok(Checked::Good(object.etag));
        }
        tracing::warn!(%key, "the stored code does not carry this signer's key; it is made anew");
        let made = self.make(engine, wanted).await?;
        Ok(match shelf.store.swap(&key, made, etag).await? {
            Swapped::New(etag) => Checked::Replaced(etag),
            Swapped::Changed => Checked::Changed,
        })
    }
}
