//! The registry over gRPC: messages in, views out as messages.

mod compile;
mod jobs;
mod status;
mod upload;

use std::pin::Pin;

use extensions_proto::v1::{self, extension_registry_server::ExtensionRegistry};
use extensions_types::{ErrorCode, Refusal};
use futures_util::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

pub(crate) use jobs::{Jobs, RESULT_BYTES_MAX, SOURCE_BYTES_MAX};
use status::status;
pub(crate) use status::{nameless, refuse, refuse_as};

use crate::{Call, Service, service::CHUNK_BYTES_MAX};

/// One message: a chunk with its frame, or a manifest with its head.
pub(crate) const MESSAGE_BYTES_MAX: usize = CHUNK_BYTES_MAX + (64 << 10);

/// The generated trait over the service.
#[derive(Debug, Clone)]
pub(crate) struct Grpc {
    service: Service,
}

impl Grpc {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }
}

type Reply<T> = Result<Response<T>, Status>;
type Many<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The caller that the gate has let in, and the message.
fn open<T>(request: Request<T>) -> Result<(Call, T), Status> {
    let call = request.extensions().get::<Call>().cloned();
    let missing = || status(&Refusal::new(ErrorCode::Internal, "the request did not come through the gate"));
    Ok((call.ok_or_else(missing)?, request.into_inner()))
}

fn reply<V, M: From<V>>(result: Result<V, Refusal>) -> Reply<M> {
    result.map(|view| Response::new(view.into())).map_err(|refusal| status(&refusal))
}

fn many<V: 'static, M: 'static>(stream: impl Stream<Item = Result<V, Refusal>> + Send + 'static, message: fn(V) -> M) -> Many<M> {
    stream.map(move |item| item.map(message).map_err(|refusal| status(&refusal))).boxed()
}

#[tonic::async_trait]
impl ExtensionRegistry for Grpc {
    async fn create_version(&self, request: Request<v1::CreateVersionRequest>) -> Reply<v1::CreateVersionResponse> {
        let (call, message) = open(request)?;
        let changed = self.service.create_version(&call, message).await;
        reply(changed.map(|change| v1::CreateVersionResponse { change: Some(change.into()) }))
    }

    async fn upload(&self, request: Request<Streaming<v1::UploadRequest>>) -> Reply<v1::UploadResponse> {
        let (call, messages) = open(request)?;
        reply(upload::upload(&self.service, &call, messages).await)
    }

    type CompileStream = Many<v1::CompileProgress>;

    async fn compile(&self, request: Request<v1::CompileRequest>) -> Reply<Self::CompileStream> {
        let (call, message) = open(request)?;
        let stream = self.service.compile(&call, message).await.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(many(stream, v1::CompileProgress::from)))
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.submit(&call, message).await)
    }

    async fn decide(&self, request: Request<v1::DecideRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.decide(&call, message).await)
    }

    async fn promote(&self, request: Request<v1::PromoteRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.promote(&call, message).await)
    }

    async fn rollback(&self, request: Request<v1::RollbackRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.rollback(&call, message).await)
    }

    async fn pin(&self, request: Request<v1::PinRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.pin(&call, message).await)
    }

    async fn set_enabled(&self, request: Request<v1::SetEnabledRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.set_enabled(&call, message).await)
    }

    async fn retire(&self, request: Request<v1::RetireRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.retire(&call, message).await)
    }

    async fn request_waiver(&self, request: Request<v1::RequestWaiverRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.request_waiver(&call, message).await)
    }

    async fn grant_waiver(&self, request: Request<v1::GrantWaiverRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.grant_waiver(&call, message).await)
    }

    async fn lower_tier(&self, request: Request<v1::LowerTierRequest>) -> Reply<v1::ChangeResponse> {
        let (call, message) = open(request)?;
        reply(self.service.lower_tier(&call, message).await)
    }

    async fn get_extension(&self, request: Request<v1::GetExtensionRequest>) -> Reply<v1::GetExtensionResponse> {
        let (call, message) = open(request)?;
        let view = self.service.get_extension(&call, message).await;
        reply(view.map(|view| v1::GetExtensionResponse { extension: Some(view.into()) }))
    }

    async fn get_version(&self, request: Request<v1::GetVersionRequest>) -> Reply<v1::GetVersionResponse> {
        let (call, message) = open(request)?;
        reply(self.service.get_version(&call, message).await)
    }

    async fn list_extensions(&self, request: Request<v1::ListRegisteredRequest>) -> Reply<v1::ListRegisteredResponse> {
        let (call, message) = open(request)?;
        reply(self.service.list_extensions(&call, message).await)
    }

    async fn history(&self, request: Request<v1::HistoryRequest>) -> Reply<v1::HistoryResponse> {
        let (call, message) = open(request)?;
        reply(self.service.history(&call, message).await)
    }

    type WatchStream = Many<v1::WatchEvent>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Reply<Self::WatchStream> {
        let (call, message) = open(request)?;
        let stream = self.service.watch(&call, message).await.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(many(stream, v1::WatchEvent::from)))
    }

    async fn get_control(&self, request: Request<v1::GetControlRequest>) -> Reply<v1::GetControlResponse> {
        let (call, message) = open(request)?;
        reply(self.service.get_control(&call, message).await)
    }

    async fn change_control(&self, request: Request<v1::ChangeControlRequest>) -> Reply<v1::ChangeControlResponse> {
        let (call, message) = open(request)?;
        reply(self.service.change_control(&call, message).await)
    }

    async fn list_precompiled(&self, request: Request<v1::ListPrecompiledRequest>) -> Reply<v1::ListPrecompiledResponse> {
        let (call, message) = open(request)?;
        reply(self.service.list_precompiled(&call, message).await)
    }

    async fn list_hosts(&self, request: Request<v1::ListHostsRequest>) -> Reply<v1::ListHostsResponse> {
        let (call, message) = open(request)?;
        reply(self.service.list_hosts(&call, message).await)
    }

    async fn erase_tenant(&self, request: Request<v1::EraseTenantRequest>) -> Reply<v1::UpkeepResponse> {
        let (call, message) = open(request)?;
        reply(self.service.erase_tenant(&call, message).await)
    }

    async fn run_upkeep(&self, request: Request<v1::RunUpkeepRequest>) -> Reply<v1::UpkeepResponse> {
        let (call, message) = open(request)?;
        reply(self.service.run_upkeep(&call, message).await)
    }
}
