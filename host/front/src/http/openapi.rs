//! The OpenAPI document, as it is checked in.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::answers::{JSON, text};
use crate::body::FrontBody;

const DOCUMENT: &str = include_str!("../../openapi.json");

pub(crate) fn openapi() -> Response<FrontBody> {
    text(StatusCode::OK, JSON, Bytes::from_static(DOCUMENT.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use extensions_admission::BATCH_INPUTS_MAX;
    use extensions_types::ErrorCode;
    use serde_json::Value;

    use super::*;
    use crate::{
        grpc,
        http::{invoke, list, logs},
        router::{Plane, Route, RouteName, route},
    };

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// What the document must say of a route: path, method, query parameters, whether a token is asked for.
    fn operation(name: RouteName) -> Option<(&'static str, &'static str, &'static [&'static str], bool)> {
        match name {
            RouteName::GrpcInvoke | RouteName::GrpcInvokeBatch | RouteName::GrpcList | RouteName::GrpcHealth | RouteName::GrpcReflection => None,
            // A mounted service describes itself.
            RouteName::Mounted | RouteName::Unknown => None,
            RouteName::HttpInvoke => Some(("/v1/extensions/{extension_id}:invoke", "post", &invoke::QUERY, true)),
            RouteName::HttpInvokeBatch => Some(("/v1/extensions/{extension_id}:invoke-batch", "post", &invoke::QUERY, true)),
            RouteName::HttpList => Some(("/v1/extensions", "get", &list::QUERY, true)),
            RouteName::HttpLogs => Some(("/v1/extensions/{extension_id}:logs", "get", &logs::QUERY, true)),
            RouteName::OpenApi => Some(("/openapi.json", "get", &[], false)),
            RouteName::Healthz => Some(("/healthz", "get", &[], false)),
            RouteName::Readyz => Some(("/readyz", "get", &[], false)),
            RouteName::Metrics => Some(("/metrics", "get", &[], false)),
            RouteName::AdminStatus => Some(("/admin/v1/status", "get", &[], true)),
            RouteName::AdminControl => Some(("/admin/v1/control", "get", &["env", "tenant_id", "extension_id"], true)),
            RouteName::AdminSwitches => Some(("/admin/v1/switches", "get", &[], true)),
        }
    }

    fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(to) => document.pointer(to.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{to} leads nowhere")),
            None => value,
        }
    }

    fn parameters(operation: &Value, place: &str) -> BTreeSet<String> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place).map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_route_is_described_and_no_other() {
        let document = document();
        let mut described = 0;
        for (path, method, query, token) in RouteName::ALL.into_iter().filter_map(operation) {
            let operation = &document["paths"][path][method];
            assert!(operation["responses"].is_object(), "{method} {path} is missing");
            assert_eq!(parameters(operation, "query"), query.iter().map(ToString::to_string).collect(), "{path}");
            assert_eq!(operation["responses"].get("401").is_some(), token, "{path}");
            assert_eq!(operation["security"] != serde_json::json!([]), token, "{path}");
            let path_of_one = path.replace("{extension_id}", "x");
            let there = route(Plane::Merged, &method.to_uppercase().parse().unwrap(), &path_of_one);
            assert!(!matches!(there, Route::Unknown | Route::WrongMethod(_)), "{method} {path} is not served");
            described += 1;
        }
        let paths = document["paths"].as_object().unwrap();
        // Switches have three methods, of which one stands for its route.
        assert!(paths["/admin/v1/switches"]["post"].is_object() && paths["/admin/v1/switches"]["delete"].is_object());
        assert_eq!(paths.values().map(|path| path.as_object().unwrap().len()).sum::<usize>(), described + 2);
    }

    #[test]
    fn codes_and_statuses_are_those_of_the_table() {
        let document = document();
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(document["components"]["schemas"]["ErrorCode"]["enum"], serde_json::json!(codes));
        let responses = &document["paths"]["/v1/extensions/{extension_id}:invoke"]["post"]["responses"];
        for &code in ErrorCode::ALL {
            // The registry's and the compiler's own codes never come from an invocation.
            if matches!(code, ErrorCode::Conflict | ErrorCode::Precondition | ErrorCode::CompileFailed) {
                continue;
            }
            let response = resolve(&document, &responses[code.http().to_string()]);
            let example = &response["content"]["application/problem+json"]["examples"][code.as_str()]["value"];
            assert_eq!(example["title"], code.meaning(), "{code}");
            assert_eq!((&example["status"], &example["error_code"]), (&code.http().into(), &code.as_str().into()));
        }
    }

    #[test]
    fn invocation_headers_are_described() {
        let document = document();
        let operation = &document["paths"]["/v1/extensions/{extension_id}:invoke"]["post"];
        let sent: BTreeSet<_> = invoke::IDENTITY.iter().map(ToString::to_string).collect();
        assert_eq!(parameters(operation, "header"), sent);
        let batch = &document["paths"]["/v1/extensions/{extension_id}:invoke-batch"]["post"];
        assert_eq!(parameters(batch, "header"), sent);
        let answered: BTreeSet<_> = operation["responses"]["200"]["headers"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            answered,
            [grpc::CORRELATION_ID, invoke::SERVED_VERSION, invoke::STATS, invoke::FALLBACK].iter().map(ToString::to_string).collect()
        );
    }

    #[test]
    fn a_batchs_bound_is_described() {
        let document = document();
        let batch = &document["paths"]["/v1/extensions/{extension_id}:invoke-batch"]["post"];
        for described in [&batch["requestBody"], &batch["responses"]["200"]] {
            assert_eq!(described["content"]["application/json"]["schema"]["maxItems"], BATCH_INPUTS_MAX);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(document: &Value, value: &Value) {
            resolve(document, value);
            match value {
                Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
                Value::Object(fields) => fields.values().for_each(|field| walk(document, field)),
                _ => {}
            }
        }
        walk(&document(), &document());
    }
}
