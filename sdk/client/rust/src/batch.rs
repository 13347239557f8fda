//! Many inputs for one extension in one request, and one result for each.

use std::time::Duration;

use bytes::Bytes;
use extensions_proto::v1;

use crate::{Fallback, Invocation, Invoke, InvokeError, Outcome, Refused, answer::version, error::given, invoke::millis};

/// The inputs that a host takes in one request.
pub const BATCH_INPUTS_MAX: usize = 1_000;
/// The largest answer to a batch that is read: outputs of 8 MiB in all, as a
/// host sends, and what surrounds a thousand of them.
pub(crate) const BATCH_ANSWER_BYTES_MAX: usize = 16 << 20;
/// Of the caller's patience a host gets so much less, at most: what it has by
/// then comes back in time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// What each input of a batch gave, in their order.
pub type Results = Vec<Result<Invocation, InvokeError>>;

/// One call, described once, for many inputs. Made by [`Invoke::batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub(crate) call: Invoke,
    pub(crate) inputs: Vec<Bytes>,
}

impl Invoke {
    /// This call for each of `inputs`, of which each is one JSON value; its own
    /// input is not sent. A host takes [`BATCH_INPUTS_MAX`] of them, 8 MiB in all.
    #[must_use]
    pub fn batch<I: Into<Bytes>>(self, inputs: impl IntoIterator<Item = I>) -> Batch {
        Batch { call: self, inputs: inputs.into_iter().map(Into::into).collect() }
    }
}

impl Batch {
    /// How many inputs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is none: a host refuses that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    pub(crate) fn message(&self, left: Duration) -> v1::InvokeExtensionBatchRequest {
        v1::InvokeExtensionBatchRequest {
            extension_id: self.call.extension.clone(),
            version: self.call.version.clone(),
            ctx: Some(self.call.context.message()),
            inputs: self.inputs.clone(),
            hook_point: self.call.point.clone(),
            timeout_ms: millis(for_inputs(left)),
            caller: self.call.caller.clone(),
        }
    }

    /// The results, if there is one for each input.
    pub(crate) fn complete(&self, results: Results) -> Result<Results, InvokeError> {
        if results.len() == self.len() {
            return Ok(results);
        }
        Err(InvokeError::protocol(format!("the answer has {} results for {} inputs; is this an extensions runtime?", results.len(), self.len())))
    }
}

/// The time that the inputs get of the `left` one.
pub(crate) fn for_inputs(left: Duration) -> Duration {
    left - (left / 10).min(ANSWER_TIME_MAX)
}

/// What one input gave.
pub(crate) fn result(result: v1::BatchResult, correlation: Option<String>) -> Result<Invocation, InvokeError> {
    let stats = result.stats.map(Into::into);
    if result.error_code.is_empty() {
        let served_version = version(&result.served_version)?;
        let fallback = result.fallback.map(Fallback::from);
        return Ok(Invocation { output: result.output_json, served_version, stats, fallback, correlation });
    }
    let served_version = given(result.served_version).and_then(|text| text.parse().ok());
    Err(failed(&result.error_code, result.error_msg, result.retry_after_ms, correlation, |outcome| Outcome { served_version, stats, ..outcome }))
}

/// What is wrong with one input, by its code: an outcome, completed by `with`, or a refusal.
pub(crate) fn failed(
    code: &str,
    message: String,
    retry_after_ms: u32,
    correlation: Option<String>,
    with: impl FnOnce(Outcome) -> Outcome,
) -> InvokeError {
    match InvokeError::code_of(code) {
        Err(odd) => odd,
        Ok(code) if code.is_outcome() => {
            InvokeError::Outcome(Box::new(with(Outcome { code, message, served_version: None, stats: None, correlation })))
        }
        Ok(code) => {
            let retry_after = (retry_after_ms > 0).then(|| Duration::from_millis(retry_after_ms.into()));
            InvokeError::Refused(Box::new(Refused { code, message, retry_after, correlation }))
        }
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;

    #[test]
    fn a_host_answers_before_its_caller_leaves() {
        let inputs = |ms| for_inputs(Duration::from_millis(ms)).as_millis();
        assert_eq!([inputs(0), inputs(100), inputs(10_000), inputs(60_000)], [0, 90, 9_000, 59_000]);
        assert_eq!(Invoke::new("x").batch(["1"]).message(Duration::ZERO).timeout_ms, 1, "0 would be all the time");
    }

    #[test]
    fn an_input_has_an_outcome_or_is_refused() {
        let failed = |code: &str| {
            let wire = v1::BatchResult {
                error_code: code.into(),
                error_msg: "why".into(),
                retry_after_ms: 25,
                served_version: "3".into(),
                ..Default::default()
            };
            result(wire, Some("c-1".into())).unwrap_err()
        };
        let InvokeError::Outcome(outcome) = failed("TRAP") else { panic!("no outcome") };
        assert_eq!((outcome.code, outcome.served_version.unwrap().get(), outcome.correlation.as_deref()), (ErrorCode::Trap, 3, Some("c-1")));
        let InvokeError::Refused(refused) = failed("QUOTA_EXCEEDED") else { panic!("not refused") };
        assert_eq!((refused.code, refused.retry_after), (ErrorCode::QuotaExceeded, Some(Duration::from_millis(25))));
        assert!(matches!(failed("BRAND_NEW"), InvokeError::Protocol { .. }));
    }

    #[test]
    fn every_input_has_a_result() {
        let batch = Invoke::new("x").batch(["1", "2"]);
        assert!(batch.complete(Vec::new()).is_err());
    }
}
