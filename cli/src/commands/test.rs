//! `ext test`: an extension's own cases, in the production engine.

use extensions_pipeline::{CaseResult, Folder, run_case};
use serde_json::json;

use crate::{
    args::Test,
    commands::build,
    failure::Failure,
    say::{Say, seconds},
    tools,
};

pub(crate) async fn run(test: &Test, say: &Say) -> Result<(), Failure> {
    let folder = Folder::open(&test.folder)?;
    let cases: Vec<_> = folder.cases()?.into_iter().filter(|case| case.name.contains(&test.only)).collect();
    if cases.is_empty() {
        return Err(Failure::Usage(format!(
            "no case to run: {}/tests/ has no JSON file that fits; docs/extensions.md shows one",
            test.folder.display()
        )));
    }
    let workbench = tools::workbench()?;
    let built = build::with_progress(&folder, build::authorship(), &tools::tools()?, &workbench, say).await?;
    let mut failed = 0;
    for case in &cases {
        let result = run_case(&workbench, &built.extension, case).await;
        failed += usize::from(result.difference.is_some());
        show(&result, say);
    }
    say.event(&json!({"cases": cases.len(), "failed": failed}));
    match failed {
        0 => {
            say.note(format_args!("{} cases passed", cases.len()));
            Ok(())
        }
        failed => Err(Failure::Build(format!("{failed} of {} cases failed", cases.len()))),
    }
}

fn show(result: &CaseResult, say: &Say) {
    let CaseResult { name, difference, logs, cpu, memory_peak_bytes } = result;
    say.event(&json!({"case": name, "passed": difference.is_none(), "difference": difference, "cpu_micros": cpu.as_micros(), "memory_peak_bytes": memory_peak_bytes}));
    match difference {
        None => say.good(format_args!("{name}  ({} CPU, {} KiB)", seconds(*cpu), memory_peak_bytes >> 10)),
        Some(difference) => {
            say.bad(format_args!("{name}\n{difference}"));
            for line in logs {
                say.guest_line(line.level.as_str(), &line.message);
            }
        }
    }
}
