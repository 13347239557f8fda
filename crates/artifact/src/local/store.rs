//! The folder as an [`ObjectStore`]: only what the platform's store asks for.

use std::{fs::File, io};

use async_trait::async_trait;
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    path::Path,
};

use super::{
    LocalDisk,
    list::{Asked, Found},
    staged::etag,
    write::{WriteError, absent},
};

const NAME: &str = "LocalDisk";
/// A page when none is named, as with S3.
const PAGE: usize = 1_000;
/// Removals of one stream at a time.
const REMOVALS: usize = 8;

impl std::fmt::Display for LocalDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalDisk({})", self.root().display())
    }
}

#[async_trait]
impl ObjectStore for LocalDisk {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let path = own(location)?;
        self.blocking(move |disk| {
            let tag = disk.put(&path, &payload, &options.mode).map_err(|error| failed(error, &path))?;
            Ok(PutResult { e_tag: Some(tag), version: None, extensions: Default::default() })
        })
        .await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(not_offered("put_multipart"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (path, location) = (own(location)?, location.clone());
        self.blocking(move |disk| {
            let full = disk.root.join(&path);
            let file = File::open(&full).map_err(|error| failed(error.into(), &path))?;
            let metadata = file.metadata().map_err(|error| failed(error.into(), &path))?;
            if !metadata.is_file() {
                return Err(failed(WriteError::Absent, &path));
            }
            let meta = describe(location, &metadata).map_err(|error| failed(error.into(), &path))?;
            options.check_preconditions(&meta)?;
            if options.range.is_some() {
                return Err(not_offered("get_range"));
            }
            let range = 0..meta.size;
            Ok(GetResult {
                payload: GetResultPayload::File(file, full),
                meta,
                range,
                attributes: Attributes::default(),
                extensions: Default::default(),
            })
        })
        .await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let disk = self.clone();
        let remove = move |location: Result<Path>| {
            let disk = disk.clone();
            async move {
                let location = location?;
                let path = own(&location)?;
                disk.blocking(move |disk| disk.remove(&path).map_err(|error| failed(error, &path))).await?;
                Ok(location)
            }
        };
        locations.map(remove).buffered(REMOVALS).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = prefix.filter(|prefix| !prefix.as_ref().is_empty()).map_or_else(String::new, |prefix| format!("{prefix}/"));
        let disk = self.clone();
        let pages = stream::try_unfold(Some(None), move |token: Option<Option<String>>| {
            let (disk, folder) = (disk.clone(), folder.clone());
            async move {
                let Some(page_token) = token else { return Ok(None) };
                let page = disk.list_paginated(Some(&folder), PaginatedListOptions { page_token, ..PaginatedListOptions::default() }).await?;
                Ok::<_, Error>(Some((page.result.objects, page.page_token.map(Some))))
            }
        });
        pages.map_ok(|objects| stream::iter(objects.into_iter().map(Ok))).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(not_offered("list_with_delimiter"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_offered("copy"))
    }
}

#[async_trait]
impl PaginatedListStore for LocalDisk {
    async fn list_paginated(&self, prefix: Option<&str>, options: PaginatedListOptions) -> Result<PaginatedListResult> {
        let prefix = prefix.unwrap_or_default().to_owned();
        let offset = options.offset.unwrap_or_default();
        let after = options.page_token.filter(|token| *token > offset).unwrap_or(offset);
        let (folders, limit) = (options.delimiter.is_some(), options.max_keys.unwrap_or(PAGE));
        self.blocking(move |disk| {
            let asked = Asked { prefix: &prefix, after: &after, folders, limit };
            let found = disk.page(asked).map_err(|error| failed(error.into(), &prefix))?;
            to_result(found).map_err(|error| failed(error.into(), &prefix))
        })
        .await
    }
}

impl LocalDisk {
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let disk = self.clone();
        tokio::task::spawn_blocking(move || work(&disk)).await?
    }
}

fn to_result(found: Found) -> io::Result<PaginatedListResult> {
    let page_token = found.more.then(|| found.last().map(str::to_owned)).flatten();
    let objects: io::Result<_> = found.objects.iter().map(|(path, metadata)| describe(Path::from(path.as_str()), metadata)).collect();
    let common_prefixes = found.folders.iter().map(|folder| Path::from(folder.as_str())).collect();
    Ok(PaginatedListResult { result: ListResult { common_prefixes, objects: objects?, extensions: Default::default() }, page_token })
}

fn describe(location: Path, metadata: &std::fs::Metadata) -> io::Result<ObjectMeta> {
    Ok(ObjectMeta { location, last_modified: metadata.modified()?.into(), size: metadata.len(), e_tag: Some(etag(metadata)), version: None })
}

/// The path within the folder. Parts that begin with a dot are the folder's own or lead out of it.
fn own(location: &Path) -> Result<String> {
    let path = location.as_ref();
    if path.is_empty() || path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(Error::NotSupported { source: format!("`{path}` is no object's path").into() });
    }
    Ok(path.to_owned())
}

fn not_offered(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}

fn failed(error: WriteError, path: &str) -> Error {
    let path = path.to_owned();
    match error {
        WriteError::Exists => Error::AlreadyExists { path, source: "it is there already".into() },
        WriteError::Changed => Error::Precondition { path, source: "it is another content".into() },
        WriteError::Absent => Error::NotFound { path, source: "it is not there".into() },
        WriteError::NotDone(error) if absent(&error) => Error::NotFound { path, source: error.into() },
        WriteError::NotDone(error) => Error::Generic { store: NAME, source: error.into() },
        WriteError::Undecided(error) => Error::Generic { store: NAME, source: error.into() },
    }
}
