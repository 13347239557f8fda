//! A backend in memory.

use async_trait::async_trait;
use futures_util::{TryStreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    memory::InMemory,
    path::Path,
};

/// `object_store`'s memory, with pages.
#[derive(Debug, Default)]
pub struct Memory(InMemory);

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Memory {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl PaginatedListStore for Memory {
    async fn list_paginated(&self, prefix: Option<&str>, options: PaginatedListOptions) -> Result<PaginatedListResult> {
        let prefix = prefix.unwrap_or_default();
        let offset = options.offset.unwrap_or_default();
        let after = options.page_token.filter(|token| *token > offset).unwrap_or(offset);
        let limit = options.max_keys.unwrap_or(1_000);
        let mut all: Vec<ObjectMeta> = self.0.list(None).try_collect().await?;
        all.sort_by(|one, other| one.location.as_ref().cmp(other.location.as_ref()));
        let mut page = Page::default();
        for meta in all.into_iter().filter(|meta| meta.location.as_ref().starts_with(prefix) && meta.location.as_ref() > after.as_str()) {
            let folder = options.delimiter.as_ref().and_then(|_| folder_of(meta.location.as_ref(), prefix));
            if !page.add(meta, folder, limit) {
                break;
            }
        }
        Ok(page.into_result())
    }
}

/// The folder right below `prefix` that holds `path`, with its slash.
fn folder_of(path: &str, prefix: &str) -> Option<String> {
    let slash = path[prefix.len()..].find('/')?;
    Some(path[..=prefix.len() + slash].to_owned())
}

#[derive(Default)]
struct Page {
    objects: Vec<ObjectMeta>,
    folders: Vec<String>,
    last: String,
    more: bool,
}

impl Page {
    /// Whether there was room.
    fn add(&mut self, meta: ObjectMeta, folder: Option<String>, limit: usize) -> bool {
        if folder.is_some() && folder.as_ref() == self.folders.last() {
            return true;
        }
        if self.objects.len() + self.folders.len() == limit {
            self.more = true;
            return false;
        }
        match folder {
            Some(folder) => {
                // The character after the slash: past the folder's whole content.
                self.last = format!("{}0", folder.trim_end_matches('/'));
                self.folders.push(folder);
            }
            None => {
                self.last = meta.location.to_string();
                self.objects.push(meta);
            }
        }
        true
    }

    fn into_result(self) -> PaginatedListResult {
        let common_prefixes = self.folders.iter().map(|folder| Path::from(folder.as_str())).collect();
        let result = ListResult { common_prefixes, objects: self.objects, extensions: Default::default() };
        PaginatedListResult { result, page_token: self.more.then_some(self.last) }
    }
}
