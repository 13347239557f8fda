//! A batch over HTTP: a JSON array of inputs out, one of results in.

use bytes::Bytes;
use extensions_types::{ErrorCode, Version};
use http::response::Parts;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::problem;
use crate::{
    Fallback, Invocation, InvokeError, Outcome, Results, Stats,
    batch::failed,
    headers::{CORRELATION_ID, text},
};

/// The inputs as one array.
pub(super) fn array(inputs: &[Bytes]) -> Result<Bytes, InvokeError> {
    let mut values = Vec::with_capacity(inputs.len());
    for (at, input) in inputs.iter().enumerate() {
        // What is no JSON value could stand for two of them.
        let value: &RawValue = serde_json::from_slice(input)
            .map_err(|error| InvokeError::refused(ErrorCode::BadRequest, format!("input {at} of the batch is not JSON: {error}")))?;
        values.push(value);
    }
    let array = serde_json::to_vec(&values).map_err(|error| InvokeError::refused(ErrorCode::BadRequest, error.to_string()))?;
    Ok(array.into())
}

/// One result as it stands in the answer.
#[derive(Deserialize)]
struct Item<'j> {
    /// Also of a `null` that is one.
    #[serde(borrow, default, deserialize_with = "present")]
    output: Option<&'j RawValue>,
    error: Option<ItemError>,
    served_version: Option<Version>,
    stats: Option<ItemStats>,
    fallback: Option<ItemFallback>,
}

#[derive(Deserialize)]
struct ItemError {
    error_code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    retry_after_ms: u32,
}

#[derive(Deserialize)]
struct ItemStats {
    cpu_micros: u64,
    wall_micros: u64,
    queue_micros: u64,
    memory_peak_bytes: u64,
    host_calls: u32,
}

#[derive(Deserialize)]
struct ItemFallback {
    action: String,
    cause: String,
    #[serde(default)]
    message: String,
}

impl From<ItemStats> for Stats {
    fn from(stats: ItemStats) -> Self {
        let ItemStats { cpu_micros, wall_micros, queue_micros, memory_peak_bytes, host_calls } = stats;
        extensions_proto::v1::InvocationStats { cpu_micros, wall_micros, queue_micros, memory_peak_bytes, host_calls }.into()
    }
}

fn present<'j, D: Deserializer<'j>>(deserializer: D) -> Result<Option<&'j RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What each input gave, or why none did.
pub(super) fn results(head: &Parts, body: &[u8]) -> Result<Results, InvokeError> {
    if !head.status.is_success() {
        return Err(problem::failed(head.status, &head.headers, body));
    }
    let correlation = text(&head.headers, &CORRELATION_ID);
    let items: Vec<Item<'_>> = serde_json::from_slice(body)
        .map_err(|error| InvokeError::protocol(format!("the answer is no list of results ({error}); is this an extensions runtime?")))?;
    Ok(items.into_iter().map(|item| result(item, correlation.clone())).collect())
}

fn result(item: Item<'_>, correlation: Option<String>) -> Result<Invocation, InvokeError> {
    let stats = item.stats.map(Stats::from);
    if let Some(error) = item.error {
        let with = |outcome| Outcome { served_version: item.served_version, stats, ..outcome };
        return Err(failed(&error.error_code, error.detail, error.retry_after_ms, correlation, with));
    }
    let incomplete = || InvokeError::protocol("a result has neither error nor output and version; is this an extensions runtime?");
    let (output, served_version) = item.output.zip(item.served_version).ok_or_else(incomplete)?;
    let fallback = item.fallback.map(|ItemFallback { action, cause, message }| Fallback { action, cause, message });
    let output = Bytes::copy_from_slice(output.get().as_bytes());
    Ok(Invocation { output, served_version, stats, fallback, correlation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_one_value() {
        let array = |inputs: &[&'static str]| array(&inputs.iter().map(|&input| Bytes::from(input)).collect::<Vec<_>>());
        assert_eq!(array(&["{\"a\": 1}", " [2] ", "null"]).unwrap(), "[{\"a\": 1},[2],null]");
        assert_eq!(array(&[]).unwrap(), "[]");
        let error = array(&["1", "1,2"]).unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::BadRequest));
        assert!(error.to_string().contains("input 1"), "{error}");
    }
}
