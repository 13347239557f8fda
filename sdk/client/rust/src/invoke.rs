//! One call, described.

use std::time::Duration;

use bytes::Bytes;
use extensions_proto::v1;
use serde::Serialize;

use crate::Context;

/// A call of one extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    pub(crate) extension: String,
    pub(crate) version: String,
    pub(crate) point: String,
    pub(crate) caller: String,
    pub(crate) context: Context,
    pub(crate) input: Bytes,
    pub(crate) timeout: Option<Duration>,
    pub(crate) traceparent: Option<String>,
}

impl Invoke {
    /// A call of `extension` with the input `{}`.
    #[must_use]
    pub fn new(extension: impl Into<String>) -> Self {
        Self {
            extension: extension.into(),
            version: String::new(),
            point: String::new(),
            caller: String::new(),
            context: Context::new(),
            input: Bytes::from_static(b"{}"),
            timeout: None,
            traceparent: None,
        }
    }

    /// One JSON value, as bytes; the host checks it.
    #[must_use]
    pub fn input(mut self, json: impl Into<Bytes>) -> Self {
        self.input = json.into();
        self
    }

    /// The input as a value that serialises to JSON.
    ///
    /// # Errors
    /// When it does not.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, serde_json::Error> {
        self.input = serde_json::to_vec(value)?.into();
        Ok(self)
    }

    /// A version number, or `latest`: what is served, also when not set.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// The named place in the primitive that calls.
    #[must_use]
    pub fn point(mut self, point: impl Into<String>) -> Self {
        self.point = point.into();
        self
    }

    /// The calling primitive; the token's subject when not set.
    #[must_use]
    pub fn caller(mut self, caller: impl Into<String>) -> Self {
        self.caller = caller.into();
        self
    }

    /// For whom and where.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// How long to wait for the answer, retries included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The W3C trace context (`traceparent`) that the call belongs to.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    pub(crate) fn message(&self, left: Duration) -> v1::InvokeExtensionRequest {
        v1::InvokeExtensionRequest {
            extension_id: self.extension.clone(),
            version: self.version.clone(),
            ctx: Some(self.context.message()),
            input_json: self.input.clone(),
            hook_point: self.point.clone(),
            timeout_ms: millis(left),
            caller: self.caller.clone(),
        }
    }
}

/// Whole milliseconds, rounded up: 0 would mean that the caller has all the time.
pub(crate) fn millis(left: Duration) -> u32 {
    u32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_never_rounded_to_forever() {
        for (left, expected) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (30_000_000, 30_000)] {
            assert_eq!(millis(Duration::from_micros(left)), expected);
        }
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }
}
