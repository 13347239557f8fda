//! `ext invoke --batch`: many inputs in one request, a line of output for each.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    time::Duration,
};

use bytes::Bytes;
use extensions_client::{BATCH_INPUTS_MAX, Invocation, InvokeError, Results};
use extensions_types::Limits;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{fallback, stats};
use crate::{
    failure::Failure,
    say::{Say, seconds},
};

/// The lines of `@FILE` or `-`, each a JSON value; empty ones are passed over.
pub(super) fn read(argument: &str) -> Result<Vec<Bytes>, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("--batch: cannot read {argument}: {error}"));
    match argument.strip_prefix('@') {
        _ if argument == "-" => lines(io::stdin().lock()),
        Some(file) => File::open(file).and_then(lines),
        None => return Err(Failure::Usage("--batch: name a file with one JSON value a line, as @FILE, or - for standard input".to_owned())),
    }
    .map_err(unreadable)?
    .map_err(|problem| Failure::Usage(format!("--batch: {problem}")))
}

/// The outer error is the source's, the inner one its content's.
fn lines(source: impl Read) -> io::Result<Result<Vec<Bytes>, String>> {
    // What a host takes, and a line's end for each input.
    let most = u64::from(Limits::MAX.input_bytes) + BATCH_INPUTS_MAX as u64;
    let mut text = Vec::new();
    source.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Ok(Err(format!("the inputs have more than {most} bytes together; send them in several batches")));
    }
    Ok(inputs(&text.into()))
}

fn inputs(text: &Bytes) -> Result<Vec<Bytes>, String> {
    let mut inputs = Vec::new();
    for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        serde_json::from_slice::<IgnoredAny>(line).map_err(|error| format!("line {} is not JSON: {error}", at + 1))?;
        inputs.push(text.slice_ref(line));
    }
    match inputs.len() {
        0 => Err("there is no input".to_owned()),
        1..=BATCH_INPUTS_MAX => Ok(inputs),
        many => Err(format!("{many} inputs are more than the {BATCH_INPUTS_MAX} of one batch; send them in several, or use `ext load`")),
    }
}

/// Shows what each input gave, in their order; fails where one failed.
pub(super) fn show(results: &Results, took: Duration, say: &Say) -> Result<(), Failure> {
    let shown: Vec<Value> = results.iter().map(|result| shown(result, say.is_json())).collect();
    if say.is_json() {
        let correlation = results.iter().find_map(|result| result.as_ref().ok()?.correlation.as_deref());
        say.event(&json!({ "results": shown, "correlation_id": correlation, "round_trip_micros": took.as_micros() }));
    } else {
        shown.iter().for_each(|value| say.text(value));
    }
    let failed = codes(results);
    say.note(format_args!("{} inputs, {} round trip", results.len(), seconds(took)));
    if failed.is_empty() {
        return Ok(());
    }
    let count: usize = failed.values().sum();
    let codes: Vec<_> = failed.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    Err(Failure::Counted(format!("{count} of {} inputs gave no answer: {}", results.len(), codes.join(", "))))
}

/// For people the answer itself, or the error in its place; for programs all that is known.
fn shown(result: &Result<Invocation, InvokeError>, all: bool) -> Value {
    match result {
        Ok(answer) => {
            let output = serde_json::from_slice(&answer.output).unwrap_or(Value::Null);
            if !all {
                return output;
            }
            let (stats, fallback) = (answer.stats.as_ref().map(stats), answer.fallback.as_ref().map(fallback));
            json!({ "output": output, "served_version": answer.served_version, "stats": stats, "fallback": fallback })
        }
        Err(error) => {
            let retry_after_ms = match error {
                InvokeError::Refused(refused) => refused.retry_after.map(|after| after.as_millis()),
                _ => None,
            };
            json!({ "error": { "error_code": code(error), "detail": detail(error), "retry_after_ms": retry_after_ms } })
        }
    }
}

/// How many inputs failed, by code.
fn codes(results: &Results) -> BTreeMap<&'static str, usize> {
    let mut codes = BTreeMap::new();
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        *codes.entry(code(error)).or_default() += 1;
    }
    codes
}

/// A result is an outcome, a refusal, or not understood.
fn code(error: &InvokeError) -> &'static str {
    error.code().map_or("INTERNAL", |code| code.as_str())
}

fn detail(error: &InvokeError) -> String {
    match error {
        InvokeError::Outcome(outcome) => outcome.message.clone(),
        InvokeError::Refused(refused) => refused.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;

    #[test]
    fn each_line_is_an_input() {
        let read = |text: &'static str| inputs(&Bytes::from(text));
        assert_eq!(read("{\"a\": 1}\r\n\n [2] \n3").unwrap(), ["{\"a\": 1}", "[2]", "3"]);
        assert!(read("1\n2 3\n").unwrap_err().starts_with("line 2 is not JSON"));
        assert_eq!(read(" \n").unwrap_err(), "there is no input");
        let many = Bytes::from("1\n".repeat(BATCH_INPUTS_MAX + 1));
        assert!(inputs(&many).unwrap_err().starts_with("1001 inputs are more"));
    }

    #[test]
    fn errors_stand_in_their_places_and_are_counted() {
        let answer = || Invocation {
            output: Bytes::from_static(b"{\"net\":1}"),
            served_version: "3".parse().unwrap(),
            stats: None,
            fallback: None,
            correlation: None,
        };
        let refused = |code, ms| {
            let retry_after = Some(Duration::from_millis(ms));
            Err(InvokeError::Refused(Box::new(extensions_client::Refused { code, message: "why".into(), retry_after, correlation: None })))
        };
        let results = vec![Ok(answer()), refused(ErrorCode::QuotaExceeded, 25), refused(ErrorCode::QuotaExceeded, 25)];
        assert_eq!(shown(&results[0], false), json!({ "net": 1 }));
        let error = json!({ "error": { "error_code": "QUOTA_EXCEEDED", "detail": "why", "retry_after_ms": 25 } });
        assert_eq!(shown(&results[1], false), error);
        assert_eq!(codes(&results), BTreeMap::from([("QUOTA_EXCEEDED", 2)]));
    }
}
