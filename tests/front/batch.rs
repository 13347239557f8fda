//! Batches on a real host: a fresh instance for each input, and everything that
//! a call is held to.

use std::time::Duration;

use extensions_client::{BATCH_INPUTS_MAX, Context, Invocation, Invoke, InvokeError, Results};
use extensions_test_support::{Guest, Platform, Start, event, log};
use extensions_types::{ControlScope, ErrorCode, Kind, QuotaLimits, TenantId};

use crate::stage::CHILD;

/// Answers with its input; traps where that is longer than nine bytes, and where
/// another call has left its mark in memory.
const ONCE: &str = "(if (i32.or (i32.gt_u (local.get $input_len) (i32.const 9)) (i32.load8_u (i32.const 2048))) (then (unreachable)))
    (i32.store8 (i32.const 2048) (i32.const 1))
    (call $ok (local.get $input) (local.get $input_len))";
const SPIN: &str = "(loop $again (br $again)) (unreachable)";
const NONE: QuotaLimits = QuotaLimits { concurrency: None, rate_per_s: None, burst: None, cpu_ms_per_s: None, memory_mb: None, log_kb_per_s: None };

struct Stage {
    platform: Platform,
    acme: TenantId,
}

impl Stage {
    async fn of(manifest: &str, body: &str) -> Self {
        Self::on(Start::new(CHILD), manifest, body).await
    }

    async fn on(start: Start, manifest: &str, body: &str) -> Self {
        let stage = Self { platform: start.start(), acme: TenantId::parse("acme").unwrap() };
        let served = stage.platform.serve(&stage.acme, "rule", Kind::ProcessHook, manifest, Guest::new(Kind::ProcessHook, body).component());
        stage.platform.load(&served).await.unwrap();
        stage
    }

    async fn grpc(&self, call: Invoke, inputs: &[String]) -> Result<Results, InvokeError> {
        event(self.platform.client(&self.acme).invoke_batch(call.batch(inputs.to_vec()))).await
    }

    async fn http(&self, call: Invoke, inputs: &[String]) -> Result<Results, InvokeError> {
        event(self.platform.http(&self.acme).invoke_batch(call.batch(inputs.to_vec()))).await
    }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{{\"n\":{n}}}")).collect()
}

fn code(result: &Result<Invocation, InvokeError>) -> Option<ErrorCode> {
    result.as_ref().err().and_then(InvokeError::code)
}

#[tokio::test]
async fn every_input_has_a_fresh_instance_and_fails_alone() {
    let stage = Stage::of("[limits]\ninput_bytes = 64\n", ONCE).await;
    let mut inputs = numbered(40);
    inputs[7] = "{\"long\":12345}".to_owned();
    inputs[21] = format!("{{\"n\":\"{}\"}}", "x".repeat(64));
    for (over, results) in [("gRPC", stage.grpc(Invoke::new("rule"), &inputs).await), ("HTTP", stage.http(Invoke::new("rule"), &inputs).await)] {
        for (at, result) in results.unwrap().into_iter().enumerate() {
            match at {
                7 => assert_eq!(code(&result), Some(ErrorCode::Trap), "{over}"),
                21 => assert_eq!(code(&result), Some(ErrorCode::InputTooLarge), "{over}"),
                _ => {
                    let answer = result.unwrap();
                    assert_eq!(answer.output, inputs[at], "{over}, input {at}");
                    assert!(answer.stats.is_some_and(|stats| stats.cpu > Duration::ZERO), "each input's own cost");
                }
            }
        }
    }
    // What is not JSON comes from no client of ours; a host refuses it as it refuses a call.
    let results = stage.grpc(Invoke::new("rule"), &["{}".to_owned(), "{\"a\"".to_owned()]).await.unwrap();
    assert_eq!([code(&results[0]), code(&results[1])], [None, Some(ErrorCode::BadRequest)]);
}

#[tokio::test]
async fn a_batch_takes_as_many_of_a_rate_as_it_has_inputs_and_each_leaves_a_record() {
    let stage = Stage::of("", ONCE).await;
    stage.platform.quota(ControlScope::Tenant { tenant: stage.acme.clone() }, QuotaLimits { rate_per_s: Some(1), burst: Some(5), ..NONE });
    let call = Invoke::new("rule").context(Context::new().correlation("batch-of-twenty"));
    let results = stage.grpc(call, &numbered(20)).await.unwrap();
    let answered = results.iter().filter(|result| result.is_ok()).count();
    // A busy machine may take some seconds, of which each lets one more in.
    assert!((5..20).contains(&answered), "{answered} of 20 with room for 5");
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    for refusal in &refused {
        let InvokeError::Refused(refused) = refusal else { panic!("not refused: {refusal}") };
        assert_eq!((refused.code, refused.correlation.as_deref()), (ErrorCode::QuotaExceeded, Some("batch-of-twenty")));
        assert!(refused.retry_after.is_some(), "{refused:?}");
    }
    let of_batch = |line: &serde_json::Value| line["correlation_id"] == "batch-of-twenty" && line["error_code"] == "QUOTA_EXCEEDED";
    extensions_test_support::until(|| log::lines(of_batch).len() == refused.len()).await;
    assert!(log::lines(of_batch).iter().all(|line| line["batch"] == 20), "{:?}", log::lines(of_batch));
    assert_eq!(stage.platform.ended(Kind::ProcessHook, "OK").await, answered as u64);
}

#[tokio::test]
async fn what_has_not_run_in_time_says_so_and_the_rest_is_answered() {
    // Spinners alone, so that none of them is not begun for a breaker's sake.
    let start = Start::new(CHILD).set(|settings| settings.breaker.enabled = false);
    let stage = Stage::on(start, "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n", SPIN).await;
    let results = stage.grpc(Invoke::new("rule").timeout(Duration::from_secs(5)), &numbered(64)).await.unwrap();
    assert_eq!(results.len(), 64);
    for result in &results {
        assert!(matches!(code(result), Some(ErrorCode::Deadline | ErrorCode::CpuLimit)), "{result:?}");
    }
    // The batch's own word, or the engine's where what was left of the time would not have done.
    let last = results[63].as_ref().unwrap_err().to_string();
    assert!(last.contains("did not run") || last.contains("was not begun"), "{last}");
}

#[tokio::test]
async fn a_batch_that_no_input_runs_of_is_refused_as_one() {
    let stage = Stage::of("", ONCE).await;
    let refused = |result: Result<Results, InvokeError>| result.unwrap_err().code();
    let call = |id: &str| Invoke::new(id).context(Context::new().correlation("whole-batch"));
    assert_eq!(refused(stage.grpc(call("nowhere"), &numbered(3)).await), Some(ErrorCode::NotFound));
    assert_eq!(refused(stage.http(call("nowhere"), &numbered(3)).await), Some(ErrorCode::NotFound));
    let told = |line: &serde_json::Value| line["correlation_id"] == "whole-batch" && line["error_code"] == "NOT_FOUND";
    extensions_test_support::until(|| log::lines(told).len() == 2).await;
    for inputs in [numbered(0), numbered(BATCH_INPUTS_MAX + 1)] {
        assert_eq!(refused(stage.grpc(call("rule"), &inputs).await), Some(ErrorCode::BadRequest), "{} inputs", inputs.len());
        assert_eq!(refused(stage.http(call("rule"), &inputs).await), Some(ErrorCode::BadRequest), "{} inputs", inputs.len());
    }
    let all = stage.grpc(call("rule"), &vec!["{}".to_owned(); BATCH_INPUTS_MAX]).await.unwrap();
    assert!(all.len() == BATCH_INPUTS_MAX && all.iter().all(Result::is_ok));
}

/// A contract that answers for one input says nothing of the others.
#[tokio::test]
async fn contracts_answer_for_each_input() {
    let stage = Stage::of("[failure]\ntrap = \"skip\"\n", ONCE).await;
    let results = stage.grpc(Invoke::new("rule"), &["{}".to_owned(), "{\"long\":12345}".to_owned()]).await.unwrap();
    let answers: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!((answers[0].fallback.as_ref(), answers[1].output.as_ref()), (None, b"{}".as_slice()));
    assert_eq!(answers[1].fallback.as_ref().map(|fallback| fallback.action.as_str()), Some("skip"));
}
