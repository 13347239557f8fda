//! Get and head.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectMeta, path::Path};

use super::{
    Store,
    failure::{Failure, Odd},
};
use crate::{
    error::{Operation, StoreError},
    key::Key,
    object::{Etag, Object, Row},
};

/// What one get gave.
pub(super) enum Got {
    Object(Object),
    TooLarge(u64),
}

impl Store {
    /// The object, or none. What is larger than its kind may be is refused before it is buffered.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], or that the store cannot be read.
    pub async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let (path, max) = (key.path(), key.bytes_max());
        let location = self.location(&path);
        let mut tries = self.tries(max);
        loop {
            match tries.one(self.get_once(&location, max)).await {
                Ok(Got::Object(object)) => return Ok(Some(object)),
                Ok(Got::TooLarge(bytes)) => return Err(StoreError::TooLarge { path, bytes, max }),
                Err(Failure::Absent) => return Ok(None),
                Err(failure) if tries.again(&failure).await => {}
                Err(failure) => return Err(failure.into_error(Operation::Get, &path, false)),
            }
        }
    }

    pub(super) async fn get_once(&self, location: &Path, max: u64) -> object_store::Result<Got> {
        let result = self.backend.get_opts(location, GetOptions::default()).await?;
        if result.meta.size > max {
            return Ok(Got::TooLarge(result.meta.size));
        }
        let etag = etag(&result.meta)?;
        let size = result.meta.size;
        let bytes = collect(result).await?;
        if bytes.len() as u64 == size { Ok(Got::Object(Object { bytes, etag })) } else { Err(odd("another number of bytes than announced")) }
    }

    /// The object's description, or none.
    ///
    /// # Errors
    /// That the store cannot be read.
    pub async fn head(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let path = key.path();
        let location = self.location(&path);
        let mut tries = self.tries(0);
        loop {
            let options = GetOptions { head: true, ..GetOptions::default() };
            let described = async { self.backend.get_opts(&location, options).await.and_then(|result| row(key.clone(), &result.meta)) };
            match tries.one(described).await {
                Ok(row) => return Ok(Some(row)),
                Err(Failure::Absent) => return Ok(None),
                Err(failure) if tries.again(&failure).await => {}
                Err(failure) => return Err(failure.into_error(Operation::Head, &path, false)),
            }
        }
    }

    /// Where the backend has `path`. Keys hold nothing that this would escape.
    pub(super) fn location(&self, path: &str) -> Path {
        Path::from(format!("{}{path}", self.root))
    }
}

/// No more bytes than announced, whatever is sent.
async fn collect(result: GetResult) -> object_store::Result<Bytes> {
    if matches!(result.payload, GetResultPayload::File(..)) {
        return result.bytes().await;
    }
    let size = result.meta.size;
    let mut stream = result.into_stream();
    let mut bytes = BytesMut::new();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part?);
        if bytes.len() as u64 > size {
            return Err(odd("more bytes than announced"));
        }
    }
    Ok(bytes.freeze())
}

pub(super) fn row(key: Key, meta: &ObjectMeta) -> object_store::Result<Row> {
    let modified_ms = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    Ok(Row { key, etag: etag(meta)?, bytes: meta.size, modified_ms })
}

fn etag(meta: &ObjectMeta) -> object_store::Result<Etag> {
    required(meta.e_tag.as_deref())
}

/// Without etags there is no compare-and-swap.
pub(super) fn required(etag: Option<&str>) -> object_store::Result<Etag> {
    let missing = || object_store::Error::NotSupported { source: Box::new(Odd("no etag")) };
    etag.map(Etag::new).ok_or_else(missing)
}

fn odd(what: &'static str) -> object_store::Error {
    object_store::Error::Generic { store: "artifact", source: Box::new(Odd(what)) }
}
