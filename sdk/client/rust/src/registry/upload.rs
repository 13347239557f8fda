//! Sends a draft's bundle: one head, then its bytes.

use bytes::Bytes;
use extensions_proto::v1::{self, upload_request::Part};
use extensions_types::Version;
use futures_util::{StreamExt as _, stream};
use tonic::Response;

use super::{Change, RegistryClient, Uploaded, read};
use crate::{
    InvokeError,
    grpc::{connection, status::failed},
    retry::{self, Effect},
};

/// Small enough that a progress bar moves, large enough that nothing waits.
const CHUNK_BYTES: usize = 64 << 10;

impl RegistryClient {
    /// Sends the bundle of a draft; `progress` hears how many bytes have been
    /// handed to the connection. Sending the same bytes again succeeds.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn upload(
        &self,
        change: &Change,
        version: Version,
        bundle: Bytes,
        progress: impl Fn(u64) + Clone + Send + Sync + 'static,
    ) -> Result<Uploaded, InvokeError> {
        let head = v1::UploadHead { command: self.command(change), version: version.get() };
        let answer = retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |left| {
            let mut grpc = self.grpc.clone();
            let request = connection::request(parts(head.clone(), bundle.clone(), progress.clone()), &self.settings, Some(left));
            async move { grpc.upload(request).await.map(Response::into_inner).map_err(failed) }
        })
        .await?;
        read::uploaded(answer)
    }
}

fn parts(head: v1::UploadHead, bundle: Bytes, progress: impl Fn(u64) + Send) -> impl stream::Stream<Item = v1::UploadRequest> + Send {
    let chunks = (0..bundle.len()).step_by(CHUNK_BYTES).map(move |from| {
        let to = bundle.len().min(from + CHUNK_BYTES);
        progress(to as u64);
        v1::UploadRequest { part: Some(Part::Chunk(bundle.slice(from..to))) }
    });
    stream::once(std::future::ready(v1::UploadRequest { part: Some(Part::Head(head)) })).chain(stream::iter(chunks))
}
