//! What a reviewer can know about a version that was built here.

use std::time::Duration;

use extensions_types::{BuildEvidence, CheckEvidence, CheckOutcome, Evidence, Language, Origin, Sha256, TestCounts};

use crate::{Built, CaseResult, gate, steps};

/// The rules that every component is held against, in order.
const CHECKS: [&str; 4] = ["prescan", "validate", "conform", "secrets"];

/// What the tools said about the source that they built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// What it is written in.
    pub language: Language,
    /// What built it: `rustc 1.96.0 (…)`.
    pub toolchain: String,
    /// The flags that decide what comes out.
    pub flags: Vec<String>,
    /// Digest of the SDK.
    pub sdk_sha256: Sha256,
    /// Digest of what pins the dependencies.
    pub dependencies_sha256: Sha256,
    /// Size of the core module.
    pub module_bytes: u64,
}

/// What only whoever builds can say.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Digest of the bundle that was pushed.
    pub source_sha256: Sha256,
    /// What kept the build from everything else.
    pub isolation: String,
    /// When it was done, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long it took in all.
    pub elapsed: Duration,
}

impl Built {
    /// The evidence of a version whose cases have all passed; `component_sha256`
    /// is that of [`Built::component`].
    #[must_use]
    pub fn evidence(&self, component_sha256: Sha256, circumstances: Circumstances, cases: &[CaseResult]) -> Evidence {
        let failed = cases.iter().filter(|case| !case.passed()).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Evidence {
            origin: if self.source.is_some() { Origin::Source } else { Origin::Uploaded },
            source_sha256: circumstances.source_sha256,
            component_sha256,
            component_bytes: self.component.len() as u64,
            toolchain: self.source.as_ref().map_or_else(String::new, |source| source.toolchain.clone()),
            imports: self.facts.imports.clone(),
            tests: TestCounts { passed: count(cases.len() - failed), failed: count(failed) },
            at_ms: circumstances.at_ms,
            elapsed_ms: u64::try_from(circumstances.elapsed.as_millis()).unwrap_or(u64::MAX),
            waivers: self.waivers.clone(),
            build: self.source.as_ref().map(|source| self.how(source, circumstances.isolation, cases)),
        }
    }

    fn how(&self, source: &SourceFacts, isolation: String, cases: &[CaseResult]) -> BuildEvidence {
        let waived = |step: &str| step == "secrets" && !self.waivers.is_empty();
        let check =
            |step: &str| CheckEvidence { step: step.to_owned(), outcome: if waived(step) { CheckOutcome::Waived } else { CheckOutcome::Passed } };
        BuildEvidence {
            language: source.language,
            flags: source.flags.clone(),
            sdk_sha256: source.sdk_sha256,
            dependencies_sha256: source.dependencies_sha256,
            isolation,
            module_bytes: source.module_bytes,
            memory_bytes: self.facts.initial_memory_bytes,
            compact: self.facts.compact,
            checks: CHECKS.map(check).into(),
            steps: steps::evidence(&self.steps),
            cases: cases.iter().map(gate::evidence).collect(),
        }
    }
}
