//! `ext run`: one local invocation, without a server.

use std::{io::Read, sync::Arc};

use bytes::Bytes;
use extensions_compiler_core::Expected;
use extensions_engine::{Extension, Outcome};
use extensions_pipeline::{Folder, Workbench, admit, bare_manifest, developer};
use extensions_types::{CallLabel, ExtensionId, Kind, Limits};
use serde_json::json;

use crate::{
    args::Run,
    commands::{build, check},
    failure::Failure,
    say::{Say, seconds},
    tools,
};

pub(crate) async fn run(run: &Run, say: &Say) -> Result<(), Failure> {
    let input = read_input(&run.input.input)?;
    let workbench = tools::workbench()?;
    let extension = load(run, &workbench, say).await?;
    let mut context = developer(&extension.definition().tenant_id);
    context.hook_point = match run.point.as_str() {
        "" => None,
        point => Some(CallLabel::parse(point).map_err(|error| Failure::Usage(format!("--point: {error}")))?),
    };
    let outcome = workbench.run(&extension, context, input, None).await;
    show(outcome, say)
}

async fn load(run: &Run, workbench: &Workbench, say: &Say) -> Result<Arc<Extension>, Failure> {
    if run.target.is_dir() {
        let folder = Folder::open(&run.target)?;
        return Ok(build::with_progress(&folder, build::authorship(), &tools::tools()?, workbench, say).await?.extension);
    }
    let bytes = check::read(&run.target)?;
    let looks_like = || extensions_compiler_core::check(&bytes, Expected::default()).facts.and_then(|facts| facts.kind);
    let kind = run.kind.map(Kind::from).or_else(looks_like);
    let kind =
        kind.ok_or_else(|| Failure::Build(format!("{} does not say its kind: name it with --kind, or see `ext check`", run.target.display())))?;
    let id = ExtensionId::parse("local").expect("a constant of the grammar");
    let built = admit(&bytes, bare_manifest(id, kind), build::authorship(), workbench, &mut |_| ()).await;
    Ok(built.map_err(|error| build::explain(error, say))?.extension)
}

fn show(outcome: Outcome, say: &Say) -> Result<(), Failure> {
    for line in &outcome.logs {
        say.guest_line(line.level.as_str(), &line.message);
    }
    if outcome.logs_dropped > 0 {
        say.warning(format_args!("{} more lines exceeded the log quota", outcome.logs_dropped));
    }
    let stats = outcome.stats;
    say.note(format_args!("{} CPU, {} wall, {} KiB of memory", seconds(stats.cpu), seconds(stats.wall), stats.memory_peak_bytes >> 10));
    let json = outcome.result.map_err(|failure| Failure::Answered { code: failure.code, message: failure.message })?;
    let output: serde_json::Value = serde_json::from_slice(&json).map_err(|error| Failure::Local(error.to_string()))?;
    let stats = json!({"cpu_micros": stats.cpu.as_micros(), "wall_micros": stats.wall.as_micros(), "memory_peak_bytes": stats.memory_peak_bytes});
    say.data(&json!({"output": output, "stats": stats}), &output);
    Ok(())
}

/// Reads `JSON`, `@FILE` or `-`, within the largest input that any extension takes.
pub(crate) fn read_input(argument: &str) -> Result<Bytes, Failure> {
    let most = u64::from(Limits::MAX.input_bytes);
    let read = |what: &str, source: &mut dyn Read| {
        let mut text = Vec::new();
        source.take(most + 1).read_to_end(&mut text).map_err(|error| Failure::Usage(format!("cannot read {what}: {error}")))?;
        Ok::<_, Failure>(text)
    };
    let text = match argument.strip_prefix('@') {
        _ if argument == "-" => read("standard input", &mut std::io::stdin().lock())?,
        Some(file) => {
            let mut opened = std::fs::File::open(file).map_err(|error| Failure::Usage(format!("cannot read {file}: {error}")))?;
            read(file, &mut opened)?
        }
        None => argument.as_bytes().to_vec(),
    };
    if text.len() as u64 > most {
        return Err(Failure::Usage(format!("--input has more than {most} bytes")));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&text).map_err(|error| Failure::Usage(format!("--input is not JSON: {error}")))?;
    Ok(text.into())
}
