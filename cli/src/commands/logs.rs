//! `ext logs`: what an extension logged.

use std::time::Duration;

use serde_json::Value;

use crate::{
    args::{Global, Logs},
    commands::server::Server,
    failure::Failure,
    say::Say,
};

const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn run(logs: &Logs, global: &Global, say: &Say) -> Result<(), Failure> {
    let client = Server::of(global)?.http(TIMEOUT)?;
    let env = global.env.to_string();
    let (mut after, mut shown, mut elsewhere) = (0, false, 0_u64);
    loop {
        let mut lines = client.get(&format!("/v1/extensions/{}:logs?after={after}&follow={}", logs.extension, logs.follow)).await?;
        while let Some(line) = lines.next_line().await? {
            if line.is_empty() {
                continue;
            }
            let record: Value = serde_json::from_slice(&line).map_err(|error| Failure::Local(format!("a log record is not JSON: {error}")))?;
            after = record["seq"].as_u64().unwrap_or(after);
            // One process may serve several environments: `ext dev` does.
            if record["env"] != env {
                elsewhere += 1;
                continue;
            }
            shown = true;
            let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
            say.data(&record, format_args!("{:>5} v{} {} {}", text("level"), record["version"], text("correlation_id"), text("message")));
        }
        // The server ends a followed answer after a while; the next one goes on where it ended.
        if !logs.follow {
            if !shown && elsewhere > 0 {
                say.note(format_args!("no lines of {env}; {elsewhere} of other environments were left out: --env names one"));
            }
            return Ok(());
        }
    }
}
