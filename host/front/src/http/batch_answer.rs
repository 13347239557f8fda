//! What a batch gave, as a JSON array: outputs stand in it as they are.

use std::time::Duration;

use extensions_admission::{Answer, Refusal};
use extensions_types::{ErrorCode, Fallback};
use serde::Serialize;

/// A result without its output: stats, version and punctuation.
const RESULT_BYTES: usize = 192;

/// What went wrong with one input, with the names of a problem document.
#[derive(Serialize)]
struct Error<'r> {
    error_code: ErrorCode,
    detail: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

/// `InvocationStats` in JSON.
#[derive(Serialize)]
struct Stats {
    cpu_micros: u64,
    wall_micros: u64,
    queue_micros: u64,
    memory_peak_bytes: u64,
    host_calls: u32,
}

/// The array, a result for each input.
pub(super) fn array(results: &[Result<Answer, Refusal>]) -> Vec<u8> {
    let outputs = results.iter().filter_map(|result| result.as_ref().ok()?.result.as_ref().ok());
    let mut array = Array(Vec::with_capacity(2 + results.len() * RESULT_BYTES + outputs.map(bytes::Bytes::len).sum::<usize>()));
    array.raw(b"[");
    for (at, result) in results.iter().enumerate() {
        array.raw(if at == 0 { b"{" } else { b",{" });
        match result {
            Ok(answer) => array.answer(answer),
            Err(refusal) => array.error(refusal.code, &refusal.message, refusal.retry_after_ms()),
        }
        array.raw(b"}");
    }
    array.raw(b"]");
    array.0
}

struct Array(Vec<u8>);

impl Array {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn json(&mut self, value: &impl Serialize) {
        // Numbers and texts always serialise, and a vector takes them.
        drop(serde_json::to_writer(&mut self.0, value));
    }

    fn answer(&mut self, answer: &Answer) {
        match &answer.result {
            Ok(output) => {
                self.raw(b"\"output\":");
                self.raw(output);
            }
            Err(failure) => self.error(failure.code, &failure.message, 0),
        }
        self.raw(b",\"served_version\":");
        self.json(&answer.served_version);
        self.raw(b",\"stats\":");
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.json(&Stats {
            cpu_micros: micros(answer.stats.cpu),
            wall_micros: micros(answer.stats.wall),
            queue_micros: micros(answer.stats.queue),
            memory_peak_bytes: answer.stats.memory_peak_bytes,
            host_calls: answer.stats.host_calls,
        });
        if let Some(Fallback { action, cause, message }) = &answer.fallback {
            self.raw(b",\"fallback\":");
            self.json(&serde_json::json!({ "action": action.as_str(), "cause": cause.as_str(), "message": message }));
        }
    }

    fn error(&mut self, error_code: ErrorCode, detail: &str, retry_after_ms: u32) {
        self.raw(b"\"error\":");
        self.json(&Error { error_code, detail, retry_after_ms: (retry_after_ms > 0).then_some(retry_after_ms) });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use extensions_engine::Failure;
    use extensions_types::{CallLabel, FailureCause, FallbackAction, Version};
    use serde_json::{Value, json};

    use super::*;

    fn answer(result: Result<Bytes, Failure>) -> Answer {
        let stats = extensions_engine::Stats { cpu: Duration::from_micros(41), host_calls: 1, ..Default::default() };
        Answer { result, served_version: Version::new(3).unwrap(), correlation: CallLabel::parse("c").unwrap(), stats, fallback: None }
    }

    #[test]
    fn each_result_is_an_object_of_its_own() {
        let fallback = Fallback { action: FallbackAction::LastGood, cause: FailureCause::Trap, message: "it \"trapped\"".into() };
        let refusal = Refusal { retry_after: Some(Duration::from_millis(20)), ..Refusal::new(ErrorCode::QuotaExceeded, "the rate") };
        let results = [
            Ok(answer(Ok(Bytes::from_static(b"{\"net\": 1}")))),
            Err(refusal),
            Ok(answer(Err(Failure::new(ErrorCode::Rejected, "too \"high\"\n")))),
            Ok(Answer { fallback: Some(fallback), ..answer(Ok(Bytes::from_static(b"null"))) }),
        ];
        let read: Value = serde_json::from_slice(&array(&results)).unwrap();
        let stats = json!({ "cpu_micros": 41, "wall_micros": 0, "queue_micros": 0, "memory_peak_bytes": 0, "host_calls": 1 });
        let expected = json!([
            { "output": { "net": 1 }, "served_version": 3, "stats": stats },
            { "error": { "error_code": "QUOTA_EXCEEDED", "detail": "the rate", "retry_after_ms": 20 } },
            { "error": { "error_code": "REJECTED", "detail": "too \"high\"\n" }, "served_version": 3, "stats": stats },
            { "output": null, "served_version": 3, "stats": stats, "fallback": { "action": "last_good", "cause": "trap", "message": "it \"trapped\"" } },
        ]);
        assert_eq!(read, expected);
        assert_eq!(array(&[]), b"[]");
    }
}
