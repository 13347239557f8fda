//! Create, swap, put and delete. A lost answer is settled by reading the object:
//! with our bytes in it the write is done, whoever's try it was.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion, path::Path};

use super::{
    Store,
    attempt::Tries,
    failure::{Failure, Odd},
    read::{Got, required},
};
use crate::{
    error::{Operation, StoreError},
    key::Key,
    object::{Created, Etag, Swapped},
};

/// What reading back shows.
enum Settled {
    Ours(Etag),
    Theirs,
    Absent,
}

impl Store {
    /// Puts `bytes` where nothing is: of all who try, one gets [`Created::New`].
    ///
    /// # Errors
    /// [`StoreError::Lost`] when neither trying again nor reading told whether it is done.
    pub async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        let path = checked(key, &bytes)?;
        let location = self.location(&path);
        let mut tries = self.tries(bytes.len() as u64);
        loop {
            let failure = match self.put_once(&mut tries, &location, &bytes, PutMode::Create).await {
                Ok(etag) => return Ok(Created::New(etag)),
                Err(Failure::Exists | Failure::Changed) if !tries.unsure => return Ok(Created::Exists),
                Err(failure) => failure,
            };
            if tries.again(&failure).await {
                continue;
            }
            // Only an answer that may be about an earlier try of ours needs a look.
            let settled = if tries.unsure { self.settle(&location, key, &bytes).await } else { None };
            return match settled {
                Some(Settled::Ours(etag)) => Ok(Created::New(etag)),
                Some(Settled::Theirs) => Ok(Created::Exists),
                Some(Settled::Absent) | None => Err(failure.into_error(Operation::Create, &path, tries.unsure)),
            };
        }
    }

    /// Puts `bytes` over the content that `etag` names, and over no other.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when neither trying again nor reading told whether it is done.
    pub async fn swap(&self, key: &Key, bytes: Bytes, etag: &Etag) -> Result<Swapped, StoreError> {
        let path = checked(key, &bytes)?;
        let location = self.location(&path);
        let mut tries = self.tries(bytes.len() as u64);
        loop {
            let mode = PutMode::Update(UpdateVersion { e_tag: Some(etag.as_str().to_owned()), version: None });
            let failure = match self.put_once(&mut tries, &location, &bytes, mode).await {
                Ok(etag) => return Ok(Swapped::New(etag)),
                Err(Failure::Changed | Failure::Absent) if !tries.unsure => return Ok(Swapped::Changed),
                // A conditional put never meets "exists": S3 says so when two of them run into each other.
                Err(Failure::Exists) => Failure::NotDone(Arc::new(Odd("two writes met"))),
                Err(failure) => failure,
            };
            if tries.again(&failure).await {
                continue;
            }
            let settled = if tries.unsure { self.settle(&location, key, &bytes).await } else { None };
            return match (settled, &failure) {
                (Some(Settled::Ours(etag)), _) => Ok(Swapped::New(etag)),
                (Some(Settled::Theirs | Settled::Absent), Failure::Changed | Failure::Absent) => Ok(Swapped::Changed),
                _ => Err(failure.into_error(Operation::Swap, &path, tries.unsure)),
            };
        }
    }

    /// Puts `bytes` over whatever is there: for markers, whose presence is all that counts.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it may be done or not.
    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<Etag, StoreError> {
        let path = checked(key, &bytes)?;
        let location = self.location(&path);
        let mut tries = self.tries(bytes.len() as u64);
        loop {
            match self.put_once(&mut tries, &location, &bytes, PutMode::Overwrite).await {
                Ok(etag) => return Ok(etag),
                Err(failure) if tries.again(&failure).await => {}
                Err(failure) => return Err(failure.into_error(Operation::Put, &path, tries.unsure)),
            }
        }
    }

    /// Takes the object away; that nothing is there is just as good.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it may be done or not.
    pub async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let path = key.path();
        let location = self.location(&path);
        let mut tries = self.tries(0);
        loop {
            match tries.one(self.backend.delete(&location)).await {
                Ok(()) | Err(Failure::Absent) => return Ok(()),
                Err(failure) if tries.again(&failure).await => {}
                Err(failure) => return Err(failure.into_error(Operation::Delete, &path, tries.unsure)),
            }
        }
    }

    async fn put_once(&self, tries: &mut Tries, location: &Path, bytes: &Bytes, mode: PutMode) -> Result<Etag, Failure> {
        let payload = PutPayload::from_bytes(bytes.clone());
        tries
            .one(async {
                let result = self.backend.put_opts(location, payload, mode.into()).await?;
                required(result.e_tag.as_deref())
            })
            .await
    }

    /// What is there after an unanswered write; none when that cannot be read either.
    async fn settle(&self, location: &Path, key: &Key, bytes: &Bytes) -> Option<Settled> {
        let mut tries = self.tries(key.bytes_max());
        loop {
            match tries.one(self.get_once(location, key.bytes_max())).await {
                Ok(Got::Object(object)) if object.bytes == bytes => return Some(Settled::Ours(object.etag)),
                Ok(Got::Object(_) | Got::TooLarge(_)) => return Some(Settled::Theirs),
                Err(Failure::Absent) => return Some(Settled::Absent),
                Err(failure) if tries.again(&failure).await => {}
                Err(_) => return None,
            }
        }
    }
}

fn checked(key: &Key, bytes: &Bytes) -> Result<String, StoreError> {
    let (path, max, bytes) = (key.path(), key.bytes_max(), bytes.len() as u64);
    if bytes > max { Err(StoreError::TooLarge { path, bytes, max }) } else { Ok(path) }
}
