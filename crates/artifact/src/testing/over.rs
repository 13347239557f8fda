//! A backend with faults in front of it.

use std::{future, io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    path::Path,
};

use super::faults::{Fault, Faults, Injected};
use crate::{error::Operation, store::Backend};

#[derive(Debug, Clone)]
pub(super) struct Over {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) faults: Faults,
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with faults", self.backend)
    }
}

impl Over {
    /// Meets the call's fault; `request` makes one request of it.
    async fn meet<T: Send + 'static>(
        &self,
        operation: Operation,
        path: &str,
        request: impl Fn(Arc<dyn Backend>) -> BoxFuture<'static, Result<T>> + Send,
    ) -> Result<(T, Option<Fault>)> {
        if self.faults.is_stopped() {
            return future::pending().await;
        }
        let (number, fault) = self.faults.begin(operation, path);
        let once = || request(Arc::clone(&self.backend));
        let answer = match fault {
            None | Some(Fault::WrongBytes | Fault::Torn | Fault::Stale(_)) => once().await,
            Some(Fault::Refused) => Err(Injected::refused(ErrorKind::ConnectionRefused)),
            Some(Fault::Full) => Err(Injected::refused(ErrorKind::StorageFull)),
            Some(Fault::Error) => Err(Injected::open("no answer")),
            Some(Fault::Missing) => Err(object_store::Error::NotFound { path: path.to_owned(), source: Box::new(Injected("missing")) }),
            Some(Fault::Lost) => {
                drop(once().await);
                Err(Injected::open("the answer was lost"))
            }
            Some(Fault::Silent) => future::pending().await,
            Some(Fault::SilentAfter) => {
                drop(once().await);
                future::pending().await
            }
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                once().await
            }
            Some(Fault::Late(time)) => {
                let late = once();
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    drop(late.await);
                });
                Err(Injected::open("no answer in time"))
            }
            Some(Fault::Twice) => {
                drop(once().await);
                once().await
            }
            Some(Fault::TwiceFirst) => {
                let first = once().await;
                drop(once().await);
                first
            }
            Some(Fault::Stop) => self.stop().await,
            Some(Fault::StopAfter) => {
                drop(once().await);
                self.stop().await
            }
            Some(Fault::Kill) => kill().await,
            Some(Fault::KillAfter) => {
                drop(once().await);
                kill().await
            }
        };
        self.faults.end(number);
        answer.map(|answer| (answer, fault))
    }

    async fn stop<T>(&self) -> Result<T> {
        self.faults.stop();
        future::pending().await
    }
}

/// No destructor runs, nothing is flushed: as when the machine takes the process.
async fn kill<T>() -> Result<T> {
    // Cannot fail for this very process; were it to, the call would never answer.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    future::pending().await
}

#[async_trait]
impl ObjectStore for Over {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let operation = match options.mode {
            PutMode::Create => Operation::Create,
            PutMode::Update(_) => Operation::Swap,
            PutMode::Overwrite => Operation::Put,
        };
        let at = location.clone();
        let request = move |backend: Arc<dyn Backend>| {
            let (at, payload, options) = (at.clone(), payload.clone(), options.clone());
            async move { backend.put_opts(&at, payload, options).await }.boxed()
        };
        self.meet(operation, location.as_ref(), request).await.map(|(answer, _)| answer)
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.backend.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { Operation::Head } else { Operation::Get };
        let at = location.clone();
        let request = move |backend: Arc<dyn Backend>| {
            let (at, options) = (at.clone(), options.clone());
            async move { backend.get_opts(&at, options).await }.boxed()
        };
        let (result, fault) = self.meet(operation, location.as_ref(), request).await?;
        match fault {
            Some(Fault::WrongBytes) => change(result, |bytes| bytes.iter().map(|byte| byte ^ 0x20).collect(), true).await,
            Some(Fault::Torn) => change(result, |bytes| bytes[..bytes.len() / 2].to_vec(), false).await,
            _ => Ok(result),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let over = self.clone();
        let remove = move |location: Result<Path>| {
            let over = over.clone();
            async move {
                let location = location?;
                let at = location.clone();
                let request = move |backend: Arc<dyn Backend>| {
                    let at = at.clone();
                    async move { backend.delete(&at).await }.boxed()
                };
                over.meet(Operation::Delete, location.as_ref(), request).await?;
                Ok(location)
            }
        };
        locations.then(remove).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.backend.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.backend.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.backend.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl PaginatedListStore for Over {
    async fn list_paginated(&self, prefix: Option<&str>, options: PaginatedListOptions) -> Result<PaginatedListResult> {
        let folder = prefix.map(str::to_owned);
        let request = move |backend: Arc<dyn Backend>| {
            let (folder, options) = (folder.clone(), options.clone());
            async move { backend.list_paginated(folder.as_deref(), options).await }.boxed()
        };
        let (mut listed, fault) = self.meet(Operation::List, prefix.unwrap_or_default(), request).await?;
        if let Some(Fault::Stale(calls)) = fault {
            listed.result.objects.retain(|meta| !self.faults.is_fresh(meta.location.as_ref(), calls));
        }
        Ok(listed)
    }
}

/// The same answer with other bytes; where it breaks off, with an error at its end.
async fn change(result: GetResult, change: impl FnOnce(&[u8]) -> Vec<u8>, whole: bool) -> Result<GetResult> {
    let (meta, range, attributes, extensions) = (result.meta.clone(), result.range.clone(), result.attributes.clone(), result.extensions.clone());
    let bytes = Bytes::from(change(&result.bytes().await?));
    let end = if whole { None } else { Some(Err(Injected::open("the content broke off"))) };
    let payload = GetResultPayload::Stream(stream::iter([Ok(bytes)].into_iter().chain(end)).boxed());
    Ok(GetResult { payload, meta, range, attributes, extensions })
}
