//! An upload: the head first, then chunks.

use extensions_proto::v1::{self, upload_request::Part};
use extensions_types::{ErrorCode, Refusal};
use futures_util::StreamExt as _;
use tonic::Streaming;

use super::status::named;
use crate::{Call, Service, view::Uploaded};

pub(super) async fn upload(service: &Service, call: &Call, mut messages: Streaming<v1::UploadRequest>) -> Result<Uploaded, Refusal> {
    let head = match messages.message().await.map_err(|status| named(&status)) {
        Ok(Some(v1::UploadRequest { part: Some(Part::Head(head)) })) => Ok(head),
        Ok(_) => Err(Refusal::new(ErrorCode::BadRequest, "the first message of an upload is its head")),
        Err(refusal) => Err(refusal),
    };
    let head = head.map_err(|refusal| service.refused(call, "Upload", "", refusal))?;
    let chunks = messages.map(|message| match message {
        Ok(v1::UploadRequest { part: Some(Part::Chunk(bytes)) }) => Ok(bytes),
        Ok(v1::UploadRequest { part: Some(Part::Head(_)) | None }) => Err(Refusal::new(ErrorCode::BadRequest, "after the head come chunks")),
        Err(status) => Err(named(&status)),
    });
    service.upload(call, head, chunks.boxed()).await
}
