//! Lists, page by page.

use std::{str::FromStr, sync::Arc};

use extensions_types::{ExtensionId, TenantId};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    ObjectMeta,
    list::{PaginatedListOptions, PaginatedListResult},
};

use super::{
    Store,
    failure::{Failure, Odd},
    read::row,
};
use crate::{
    error::{Operation, StoreError},
    key::{Key, Prefix},
    object::{Cursor, Names, Page, Row},
};

/// S3 gives no more per request.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// The character after `/`.
const AFTER_SLASH: char = '0';

impl Store {
    /// At most `limit` objects of a folder (1 to [`PAGE_ROWS_MAX`]), from `after` on.
    ///
    /// # Errors
    /// That the store cannot be listed.
    pub async fn page(&self, prefix: &Prefix, after: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        let (folder, limit) = (prefix.path(), limit.clamp(1, PAGE_ROWS_MAX));
        let levels = after.map_or_else(|| vec![(folder.clone(), None)], |cursor| climb(&folder, &cursor.0));
        let mut page = Listed::default();
        for (above, after) in levels {
            let room = limit - page.count;
            // Without room there is one question left: whether more follows.
            let listed = self.page_of(&above, after.as_deref(), room.max(1)).await?;
            if room == 0 && listed.count > 0 {
                page.rest = page.last.clone();
            } else if room > 0 {
                page.add(listed);
            }
            if page.rest.is_some() {
                break;
            }
        }
        Ok(Page { rows: page.rows, foreign: page.foreign, next: page.rest.map(Cursor) })
    }

    async fn page_of(&self, folder: &str, after: Option<&str>, limit: usize) -> Result<Listed, StoreError> {
        let options = PaginatedListOptions {
            offset: after.map(|path| format!("{}{path}", self.root)),
            max_keys: Some(limit),
            ..PaginatedListOptions::default()
        };
        let listed = self.list_once(folder, options).await?;
        let more = listed.page_token.is_some();
        self.to_listed(folder, listed.result.objects, more)
    }

    /// All objects of a folder, from `after` on. Reads a page when the one before is used up; ends after an error.
    pub fn list(&self, prefix: &Prefix, after: Option<&Cursor>) -> impl Stream<Item = Result<Row, StoreError>> + Send + 'static {
        let (store, prefix, start) = (self.clone(), prefix.clone(), Some(after.cloned()));
        let pages = stream::try_unfold(start, move |at| {
            let (store, prefix) = (store.clone(), prefix.clone());
            async move {
                let Some(after) = at else { return Ok(None) };
                let page = store.page(&prefix, after.as_ref(), PAGE_ROWS_MAX).await?;
                Ok(Some((page.rows, page.next.map(Some))))
            }
        });
        pages.map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// Tenants with something in the store, at most `limit`, after `after`.
    ///
    /// # Errors
    /// That the store cannot be listed.
    pub async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Names<TenantId>, StoreError> {
        self.folders("", after, limit).await
    }

    /// Extensions of a tenant, at most `limit`, after `after`.
    ///
    /// # Errors
    /// That the store cannot be listed.
    pub async fn extensions(&self, tenant: &TenantId, after: Option<&ExtensionId>, limit: usize) -> Result<Names<ExtensionId>, StoreError> {
        self.folders(&Prefix::Tenant(tenant.clone()).path(), after, limit).await
    }

    /// Whether the store can be listed: bucket, endpoint, credentials.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.page(&Prefix::Erased, None, 1).await.map(drop)
    }

    /// Names of `T` one level below `parent`; the platform's own folders are no such names.
    async fn folders<T: FromStr + AsRef<str>>(&self, parent: &str, after: Option<&T>, limit: usize) -> Result<Names<T>, StoreError> {
        let mut last = after.map(|name| name.as_ref().to_owned());
        loop {
            let options = PaginatedListOptions {
                // Past everything within the folder, before every other folder's.
                offset: last.as_ref().map(|name| format!("{}{parent}{name}{AFTER_SLASH}", self.root)),
                delimiter: Some("/".into()),
                max_keys: Some(limit.clamp(1, PAGE_ROWS_MAX)),
                ..PaginatedListOptions::default()
            };
            let listed = self.list_once(parent, options).await?;
            let more = listed.page_token.is_some();
            let folders: Vec<_> = listed.result.common_prefixes.iter().filter_map(|folder| folder.filename()).collect();
            let names: Vec<T> = folders.iter().filter_map(|name| name.parse().ok()).collect();
            // A page of the platform's own folders only: the caller needs a name to go on from.
            if names.is_empty() && more && !folders.is_empty() {
                last = folders.last().map(|name| (*name).to_owned());
                continue;
            }
            return Ok(Names { names, more });
        }
    }

    async fn list_once(&self, folder: &str, options: PaginatedListOptions) -> Result<PaginatedListResult, StoreError> {
        let prefix = format!("{}{folder}", self.root);
        let mut tries = self.tries(0);
        loop {
            match tries.one(self.backend.list_paginated(Some(&prefix), options.clone())).await {
                Ok(listed) => return Ok(listed),
                Err(failure) if tries.again(&failure).await => {}
                // A folder without objects is an empty list: only a whole store can be absent.
                Err(Failure::Absent) => return Err(Failure::Misconfigured(Arc::new(Odd("no bucket"))).into_error(Operation::List, folder, false)),
                Err(failure) => return Err(failure.into_error(Operation::List, folder, false)),
            }
        }
    }

    fn to_listed(&self, folder: &str, objects: Vec<ObjectMeta>, more: bool) -> Result<Listed, StoreError> {
        let own = |meta: &ObjectMeta| meta.location.as_ref().strip_prefix(&*self.root).map(str::to_owned);
        let (count, last) = (objects.len(), objects.last().and_then(own));
        if more && last.is_none() {
            let odd = Failure::Unknown(Arc::new(Odd("a page without objects that is not the last")));
            return Err(odd.into_error(Operation::List, folder, false));
        }
        let ours = objects.iter().filter_map(|meta| Some((Key::parse(&own(meta)?)?, meta)));
        let rows: object_store::Result<Vec<_>> = ours.map(|(key, meta)| row(key, meta)).collect();
        let rows = rows.map_err(|error| Failure::of(error).into_error(Operation::List, folder, false))?;
        let rest = last.clone().filter(|_| more);
        Ok(Listed { foreign: (count - rows.len()) as u64, rows, count, last, rest })
    }
}

/// One answer of the backend, or several in a row.
#[derive(Debug, Default)]
struct Listed {
    rows: Vec<Row>,
    foreign: u64,
    /// Of both.
    count: usize,
    /// The last path of both.
    last: Option<String>,
    /// Where to go on; none where the backend says that nothing follows.
    rest: Option<String>,
}

impl Listed {
    fn add(&mut self, next: Self) {
        self.rows.extend(next.rows);
        self.foreign += next.foreign;
        self.count += next.count;
        self.last = next.last.or(self.last.take());
        self.rest = next.rest;
    }
}

/// The folders to ask for what comes after `last` in `folder`: the deepest one
/// first, then each above it, from behind the one before.
///
/// One question would do by S3's rules. MinIO answers it wrongly after `a/…`
/// where there are siblings like `a-b/…`: it takes their objects, which come
/// before, for a part of the page, drops them, and leaves out or ends what
/// follows. A path that ends in the character after the slash has no such siblings.
fn climb(folder: &str, last: &str) -> Vec<(String, Option<String>)> {
    let inside = last.strip_prefix(folder).unwrap_or_default();
    let mut levels = Vec::new();
    let mut after = last.to_owned();
    for (slash, _) in inside.rmatch_indices('/') {
        let name = &inside[..slash];
        levels.push((format!("{folder}{name}/"), Some(after)));
        after = format!("{folder}{name}{AFTER_SLASH}");
    }
    levels.push((folder.to_owned(), Some(after)));
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_above_is_asked_for_what_follows() {
        let levels = climb("_env/dev/entries/", "_env/dev/entries/acme/vat.json");
        let wanted = [("_env/dev/entries/acme/", "_env/dev/entries/acme/vat.json"), ("_env/dev/entries/", "_env/dev/entries/acme0")];
        assert_eq!(levels, wanted.map(|(folder, after)| (folder.to_owned(), Some(after.to_owned()))));
        assert_eq!(climb("", "a/b/c").into_iter().filter_map(|(_, after)| after).collect::<Vec<_>>(), ["a/b/c", "a/b0", "a0"]);
        assert_eq!(climb("acme/vat/events/", "acme/vat/events/1.json").len(), 1, "a folder without folders is asked once");
    }
}
