//! Which handler a method and a path mean: one closed enum.
//!
//! Looks at nothing else of a request and allocates nothing.

use http::Method;

/// A path prefix of the HTTP API.
const EXTENSIONS: &str = "/v1/extensions";

/// Which listener a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// gRPC and HTTP for callers.
    Main,
    /// The same with metrics and admin merged in.
    Merged,
    /// Metrics and admin alone.
    Admin,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    GrpcInvoke,
    GrpcInvokeBatch,
    GrpcList,
    GrpcHealth,
    GrpcReflection,
    HttpInvoke(&'p str),
    HttpInvokeBatch(&'p str),
    HttpList,
    HttpLogs(&'p str),
    OpenApi,
    Healthz,
    Readyz,
    Metrics,
    AdminStatus,
    AdminControl,
    AdminSwitches(SwitchVerb),
    /// A path of the mounted service.
    Mounted,
    WrongMethod(&'static str),
    Unknown,
}

/// What is done to the switches of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SwitchVerb {
    List,
    Off,
    On,
}

/// A route without its parameters, as metrics and spans name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum RouteName {
    GrpcInvoke,
    GrpcInvokeBatch,
    GrpcList,
    GrpcHealth,
    GrpcReflection,
    HttpInvoke,
    HttpInvokeBatch,
    HttpList,
    HttpLogs,
    OpenApi,
    Healthz,
    Readyz,
    Metrics,
    AdminStatus,
    AdminControl,
    AdminSwitches,
    Mounted,
    Unknown,
}

impl RouteName {
    pub(crate) const ALL: [Self; 18] = [
        Self::GrpcInvoke,
        Self::GrpcInvokeBatch,
        Self::GrpcList,
        Self::GrpcHealth,
        Self::GrpcReflection,
        Self::HttpInvoke,
        Self::HttpInvokeBatch,
        Self::HttpList,
        Self::HttpLogs,
        Self::OpenApi,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::AdminStatus,
        Self::AdminControl,
        Self::AdminSwitches,
        Self::Mounted,
        Self::Unknown,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::GrpcInvoke => "grpc_invoke",
            Self::GrpcInvokeBatch => "grpc_invoke_batch",
            Self::GrpcList => "grpc_list",
            Self::GrpcHealth => "grpc_health",
            Self::GrpcReflection => "grpc_reflection",
            Self::HttpInvoke => "http_invoke",
            Self::HttpInvokeBatch => "http_invoke_batch",
            Self::HttpList => "http_list",
            Self::HttpLogs => "http_logs",
            Self::OpenApi => "openapi",
            Self::Healthz => "healthz",
            Self::Readyz => "readyz",
            Self::Metrics => "metrics",
            Self::AdminStatus => "admin_status",
            Self::AdminControl => "admin_control",
            Self::AdminSwitches => "admin_switches",
            Self::Mounted => "mounted",
            Self::Unknown => "unknown",
        }
    }
}

impl Route<'_> {
    pub(crate) fn name(self) -> RouteName {
        match self {
            Self::GrpcInvoke => RouteName::GrpcInvoke,
            Self::GrpcInvokeBatch => RouteName::GrpcInvokeBatch,
            Self::GrpcList => RouteName::GrpcList,
            Self::GrpcHealth => RouteName::GrpcHealth,
            Self::GrpcReflection => RouteName::GrpcReflection,
            Self::HttpInvoke(_) => RouteName::HttpInvoke,
            Self::HttpInvokeBatch(_) => RouteName::HttpInvokeBatch,
            Self::HttpList => RouteName::HttpList,
            Self::HttpLogs(_) => RouteName::HttpLogs,
            Self::OpenApi => RouteName::OpenApi,
            Self::Healthz => RouteName::Healthz,
            Self::Readyz => RouteName::Readyz,
            Self::Metrics => RouteName::Metrics,
            Self::AdminStatus => RouteName::AdminStatus,
            Self::AdminControl => RouteName::AdminControl,
            Self::AdminSwitches(_) => RouteName::AdminSwitches,
            Self::Mounted => RouteName::Mounted,
            Self::WrongMethod(_) | Self::Unknown => RouteName::Unknown,
        }
    }
}

/// The route of `method path` on `plane`.
pub(crate) fn route<'p>(plane: Plane, method: &Method, path: &'p str) -> Route<'p> {
    let found = match plane {
        Plane::Main => caller_route(path),
        Plane::Merged => caller_route(path).or_else(|| operator_route(method, path)),
        Plane::Admin => operator_route(method, path),
    };
    match found.or_else(|| probe_route(path)) {
        None => Route::Unknown,
        Some((allowed, _)) if *method != allowed => Route::WrongMethod(if allowed == Method::POST { "POST" } else { "GET" }),
        Some((_, route)) => route,
    }
}

fn caller_route(path: &str) -> Option<(Method, Route<'_>)> {
    let route = match path {
        "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension" => (Method::POST, Route::GrpcInvoke),
        "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtensionBatch" => (Method::POST, Route::GrpcInvokeBatch),
        "/ameide.extensions.v1.WasmExtensionRuntime/ListExtensions" => (Method::POST, Route::GrpcList),
        EXTENSIONS => (Method::GET, Route::HttpList),
        "/openapi.json" => (Method::GET, Route::OpenApi),
        _ if path.starts_with("/grpc.health.v1.Health/") => (Method::POST, Route::GrpcHealth),
        _ if path.starts_with("/grpc.reflection.v1.ServerReflection/") => (Method::POST, Route::GrpcReflection),
        _ if path.starts_with("/grpc.reflection.v1alpha.ServerReflection/") => (Method::POST, Route::GrpcReflection),
        _ => return extension_route(path),
    };
    Some(route)
}

/// `/v1/extensions/{extension_id}:verb`.
fn extension_route(path: &str) -> Option<(Method, Route<'_>)> {
    let (id, verb) = path.strip_prefix(EXTENSIONS)?.strip_prefix('/')?.rsplit_once(':')?;
    match verb {
        _ if id.contains('/') => None,
        "invoke" => Some((Method::POST, Route::HttpInvoke(id))),
        "invoke-batch" => Some((Method::POST, Route::HttpInvokeBatch(id))),
        "logs" => Some((Method::GET, Route::HttpLogs(id))),
        _ => None,
    }
}

fn operator_route<'p>(method: &Method, path: &'p str) -> Option<(Method, Route<'p>)> {
    match path {
        "/admin/v1/control" => Some((Method::GET, Route::AdminControl)),
        "/admin/v1/switches" => Some(match *method {
            Method::POST => (Method::POST, Route::AdminSwitches(SwitchVerb::Off)),
            Method::DELETE => (Method::DELETE, Route::AdminSwitches(SwitchVerb::On)),
            _ => (Method::GET, Route::AdminSwitches(SwitchVerb::List)),
        }),
        "/metrics" => Some((Method::GET, Route::Metrics)),
        "/admin/v1/status" => Some((Method::GET, Route::AdminStatus)),
        _ => None,
    }
}

fn probe_route(path: &str) -> Option<(Method, Route<'_>)> {
    match path {
        "/healthz" => Some((Method::GET, Route::Healthz)),
        "/readyz" => Some((Method::GET, Route::Readyz)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        for (number, name) in RouteName::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, number);
        }
    }

    #[test]
    fn paths_of_callers() {
        let get = |path| route(Plane::Main, &Method::GET, path);
        let post = |path| route(Plane::Main, &Method::POST, path);
        assert_eq!(post("/v1/extensions/discount:invoke"), Route::HttpInvoke("discount"));
        assert_eq!(post("/v1/extensions/discount:invoke-batch"), Route::HttpInvokeBatch("discount"));
        assert_eq!(get("/v1/extensions/discount:logs"), Route::HttpLogs("discount"));
        assert_eq!(get("/v1/extensions"), Route::HttpList);
        assert_eq!(get("/v1/extensions/discount:invoke"), Route::WrongMethod("POST"));
        assert_eq!(post("/healthz"), Route::WrongMethod("GET"));
        assert_eq!(post("/ameide.extensions.v1.WasmExtensionRuntime/Other"), Route::Unknown);
        for path in ["/", "", "/v1/extensions/", "/v1/extensions/a/b:invoke", "/v1/extensions/a:run", "/v1/extensions/a", "/v1/extensionsa:invoke"] {
            assert_eq!(post(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn operators_have_their_own_listener() {
        let on = |plane, path| route(plane, &Method::GET, path);
        assert_eq!(on(Plane::Main, "/metrics"), Route::Unknown);
        assert_eq!(on(Plane::Main, "/admin/v1/status"), Route::Unknown);
        assert_eq!(on(Plane::Merged, "/metrics"), Route::Metrics);
        assert_eq!(on(Plane::Admin, "/metrics"), Route::Metrics);
        assert_eq!(on(Plane::Admin, "/v1/extensions"), Route::Unknown);
        let switches = |method| route(Plane::Admin, &method, "/admin/v1/switches");
        assert_eq!(switches(Method::GET), Route::AdminSwitches(SwitchVerb::List));
        assert_eq!(switches(Method::POST), Route::AdminSwitches(SwitchVerb::Off));
        assert_eq!(switches(Method::DELETE), Route::AdminSwitches(SwitchVerb::On));
        assert_eq!(switches(Method::PUT), Route::WrongMethod("GET"));
        assert_eq!(route(Plane::Main, &Method::POST, "/admin/v1/switches"), Route::Unknown, "never beside callers");
        for plane in [Plane::Main, Plane::Merged, Plane::Admin] {
            assert_eq!(on(plane, "/healthz"), Route::Healthz);
            assert_eq!(on(plane, "/readyz"), Route::Readyz);
        }
    }
}
