//! Both transports on one router.

use axum::{Router, middleware};
use extensions_proto::v1::{
    compile_jobs_server::{CompileJobsServer, SERVICE_NAME as JOBS_SERVICE_NAME},
    extension_registry_server::{ExtensionRegistryServer, SERVICE_NAME},
};
use tonic::service::Routes;

use crate::{
    Service,
    gate::{self, Gate},
    grpc::{self, MESSAGE_BYTES_MAX, RESULT_BYTES_MAX, SOURCE_BYTES_MAX},
    http,
};

/// The gRPC service's name.
pub const GRPC_SERVICE: &str = SERVICE_NAME;
/// The gRPC service of compile workers.
pub const GRPC_JOBS_SERVICE: &str = JOBS_SERVICE_NAME;
/// What every path of the HTTP API begins with.
pub const HTTP_PREFIX: &str = "/v1/registry";

/// Whether a path is the registry's, for servers that have others beside it.
#[must_use]
pub fn owns(path: &str) -> bool {
    let within = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let method_of = |service| path.strip_prefix('/').and_then(|path| path.strip_prefix(service)).is_some_and(|rest| rest.starts_with('/'));
    within(HTTP_PREFIX) || method_of(GRPC_SERVICE) || method_of(GRPC_JOBS_SERVICE)
}

/// The registry's API. Requests should carry a [`Connection`](crate::Connection)
/// as an extension; without one they come from nowhere in particular.
pub fn router(service: Service, gate: Gate) -> Router {
    let server = ExtensionRegistryServer::new(grpc::Grpc::new(service.clone())).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let jobs = CompileJobsServer::new(grpc::Jobs::new(service.clone()))
        .max_decoding_message_size(RESULT_BYTES_MAX)
        .max_encoding_message_size(SOURCE_BYTES_MAX);
    let rpc = Routes::new(server).add_service(jobs).into_axum_router().reset_fallback();
    let guarded = rpc.merge(http::routes(service.clone()));
    let guarded = guarded.layer(middleware::from_fn_with_state((gate, service), gate::pass));
    guarded.merge(http::open_routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_paths_and_no_others() {
        for path in
            ["/v1/registry", "/v1/registry/extensions", "/ameide.extensions.v1.ExtensionRegistry/Promote", "/ameide.extensions.v1.CompileJobs/Next"]
        {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/v1/registryx",
            "/v1/extensions",
            "/ameide.extensions.v1.ExtensionRegistryX/Promote",
            "/ameide.extensions.v1.ExtensionRegistry",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
