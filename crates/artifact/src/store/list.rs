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

impl Store {
    /// At most `limit` objects of a folder (1 to [`PAGE_ROWS_MAX`]), from `after` on.
    ///
    /// # Errors
    /// That the store cannot be listed.
    pub async fn page(&self, prefix: &Prefix, after: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        let folder = prefix.path();
        let options = PaginatedListOptions {
            offset: after.map(|cursor| format!("{}{}", self.root, cursor.0)),
            max_keys: Some(limit.clamp(1, PAGE_ROWS_MAX)),
            ..PaginatedListOptions::default()
        };
        let listed = self.list_once(&folder, options).await?;
        let more = listed.page_token.is_some();
        self.to_page(&folder, listed.result.objects, more)
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
                // The character after `/`: past everything within the folder, before every other folder's.
                offset: last.as_ref().map(|name| format!("{}{parent}{name}0", self.root)),
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

    fn to_page(&self, folder: &str, objects: Vec<ObjectMeta>, more: bool) -> Result<Page, StoreError> {
        let own = |meta: &ObjectMeta| meta.location.as_ref().strip_prefix(&*self.root).map(str::to_owned);
        let last = objects.last().and_then(own);
        let count = objects.len();
        let ours = objects.iter().filter_map(|meta| Some((Key::parse(&own(meta)?)?, meta)));
        let rows: object_store::Result<Vec<_>> = ours.map(|(key, meta)| row(key, meta)).collect();
        let rows = rows.map_err(|error| Failure::of(error).into_error(Operation::List, folder, false))?;
        Ok(Page { foreign: (count - rows.len()) as u64, rows, next: last.filter(|_| more).map(Cursor) })
    }
}
