//! `ext invoke`: calls an extension on a server, for one input or for many.

mod batch;

use std::time::{Duration, Instant};

use extensions_client::{Context, Fallback, Invocation, Invoke, Stats};
use extensions_types::VersionSelector;
use serde_json::{Value, json};

use crate::{
    args::{self, Global, Transport},
    commands::{registry::words::plain, run::read_input, server::Server},
    failure::Failure,
    say::{Say, seconds},
};

pub(crate) async fn run(invoke: &args::Invoke, global: &Global, say: &Say) -> Result<(), Failure> {
    let timeout = Duration::from_millis(invoke.timeout_ms.into());
    let call = call(invoke, global).timeout(timeout);
    // What can be wrong with inputs is said before anything is connected.
    let many = invoke.batch.as_deref().map(batch::read).transpose()?;
    let one = invoke.input.as_deref().map(read_input).transpose()?;
    let server = Server::of(global)?;
    let start = Instant::now();
    if let Some(inputs) = many {
        let batch = call.batch(inputs);
        let results = match invoke.transport {
            Transport::Grpc => server.grpc(timeout)?.invoke_batch(batch).await?,
            Transport::Http => server.http(timeout)?.invoke_batch(batch).await?,
        };
        return batch::show(&results, start.elapsed(), say);
    }
    let call = call.input(one.ok_or_else(|| Failure::Usage("say what to send with --input or --batch".to_owned()))?);
    let answer = match invoke.transport {
        Transport::Grpc => server.grpc(timeout)?.invoke(call).await?,
        Transport::Http => server.http(timeout)?.invoke(call).await?,
    };
    show(&answer, start.elapsed(), say)
}

/// What is asked for, without an input.
fn call(invoke: &args::Invoke, global: &Global) -> Invoke {
    let version = match invoke.extension.version {
        VersionSelector::Latest => "latest".to_owned(),
        VersionSelector::Exact(version) => version.to_string(),
    };
    let mut call = Invoke::new(invoke.extension.id.as_str()).version(version).context(Context::new().env(global.env));
    if !invoke.point.is_empty() {
        call = call.point(&invoke.point);
    }
    if !invoke.caller.is_empty() {
        call = call.caller(&invoke.caller);
    }
    call
}

fn show(answer: &Invocation, took: Duration, say: &Say) -> Result<(), Failure> {
    let output: Value = serde_json::from_slice(&answer.output).map_err(|error| Failure::Local(format!("the answer is not JSON: {error}")))?;
    let cpu = answer.stats.as_ref().map_or_else(String::new, |stats| format!(", {} CPU", seconds(stats.cpu)));
    say.note(format_args!("version {}, {} round trip{cpu}", answer.served_version, seconds(took)));
    if let Some(fallback) = &answer.fallback {
        say.note(instead(fallback));
    }
    let value = json!({
        "output": output, "served_version": answer.served_version, "stats": answer.stats.as_ref().map(stats),
        "correlation_id": answer.correlation, "fallback": answer.fallback.as_ref().map(fallback), "round_trip_micros": took.as_micros(),
    });
    say.data(&value, &output);
    Ok(())
}

fn stats(stats: &Stats) -> Value {
    json!({
        "cpu_micros": stats.cpu.as_micros(), "wall_micros": stats.wall.as_micros(), "queue_micros": stats.queue.as_micros(),
        "memory_peak_bytes": stats.memory_peak_bytes, "host_calls": stats.host_calls,
    })
}

fn fallback(of: &Fallback) -> Value {
    json!({ "action": of.action, "cause": of.cause, "message": of.message })
}

/// Who answered in the extension's place, and why.
fn instead(fallback: &Fallback) -> String {
    let Fallback { action, cause, message } = fallback;
    let what = if message.is_empty() { String::new() } else { format!(": {}", plain(message)) };
    format!("the failure contract answered ({}), cause {}{what}", plain(action), plain(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_is_told() {
        let fallback = Fallback { action: "skip".into(), cause: "trap".into(), message: "it trapped".into() };
        assert_eq!(instead(&fallback), "the failure contract answered (skip), cause trap: it trapped");
        let of_http = Fallback { message: String::new(), ..fallback };
        assert_eq!(instead(&of_http), "the failure contract answered (skip), cause trap");
    }
}
