//! The version document: a definition, and how its component came to be.

use serde::{Deserialize, Serialize};

use crate::{ExtensionDefinition, Language, Origin, SchemaV1, Sha256, Waiver};

/// `<version>.json` beside the component. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// What the version is and may do.
    pub definition: ExtensionDefinition,
    /// How it came to be.
    pub evidence: Evidence,
}

/// What was seen while a version was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Built here, or a binary from outside.
    pub origin: Origin,
    /// Digest of the bundle that was pushed.
    pub source_sha256: Sha256,
    /// Digest of the component.
    pub component_sha256: Sha256,
    /// Size of the component.
    pub component_bytes: u64,
    /// What built it, such as `rustc 1.95.0`; empty for an uploaded binary.
    pub toolchain: String,
    /// The component's imports, each as `package:name/interface@version`.
    pub imports: Vec<String>,
    /// The extension's own cases.
    pub tests: TestCounts,
    /// When it was done, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// What the author asks to be excused from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// How it was built; none for an uploaded binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildEvidence>,
}

/// How a component was built from its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEvidence {
    /// What the source is written in.
    pub language: Language,
    /// The tools' flags that decide what comes out.
    pub flags: Vec<String>,
    /// Digest of the guest SDK with everything that it brings.
    pub sdk_sha256: Sha256,
    /// Digest of what pins the dependencies: the lock file and the SDK.
    pub dependencies_sha256: Sha256,
    /// What kept the build from everything else: `namespaces, landlock 7, seccomp`; `none` on an author's own machine.
    pub isolation: String,
    /// Size of the core module that the tools gave.
    pub module_bytes: u64,
    /// The memory that an instance starts with.
    pub memory_bytes: u64,
    /// Whether a host resets that memory without a system call.
    pub compact: bool,
    /// Every rule that was looked at.
    pub checks: Vec<CheckEvidence>,
    /// How long each step took, in order.
    pub steps: Vec<StepEvidence>,
    /// The extension's own cases, in order.
    pub cases: Vec<CaseEvidence>,
}

/// One rule, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckEvidence {
    /// The step that looks: `prescan`, `conform`, `secrets`.
    pub step: String,
    /// What came of it. A version with a refusal has no evidence.
    pub outcome: CheckOutcome,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Nothing was found.
    Passed,
    /// What was found passes where a reviewer grants the waivers.
    Waived,
}

/// One step's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEvidence {
    /// The step.
    pub step: String,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// One case that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEvidence {
    /// Its name.
    pub name: String,
    /// CPU time, in microseconds.
    pub cpu_micros: u64,
    /// Wall time, in microseconds.
    pub wall_micros: u64,
    /// The guest's memory at its largest.
    pub memory_peak_bytes: u64,
}

/// How an extension's own cases ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    /// Cases as expected.
    pub passed: u32,
    /// Cases that were not.
    pub failed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = r#"{"origin": "source", "source_sha256": "SHA", "component_sha256": "SHA", "component_bytes": 7,
        "toolchain": "rustc 1.95.0", "imports": [], "tests": {"passed": 1, "failed": 0}, "at_ms": 1, "elapsed_ms": 2}"#;

    #[test]
    fn earlier_evidence_still_reads_and_writes_the_same() {
        let text = EARLIER.replace("SHA", &"ab".repeat(32));
        let evidence: Evidence = serde_json::from_str(&text).unwrap();
        assert!(evidence.build.is_none() && evidence.waivers.is_empty());
        let same: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_value(&evidence).unwrap(), same);
    }

    #[test]
    fn evidence_of_a_build_comes_back() {
        let digest = Sha256::new([7; 32]);
        let mut evidence: Evidence = serde_json::from_str(&EARLIER.replace("SHA", &"ab".repeat(32))).unwrap();
        evidence.build = Some(BuildEvidence {
            language: Language::Rust,
            flags: vec!["-Copt-level=s".to_owned()],
            sdk_sha256: digest,
            dependencies_sha256: digest,
            isolation: "none".to_owned(),
            module_bytes: 1,
            memory_bytes: 2,
            compact: true,
            checks: vec![CheckEvidence { step: "secrets".to_owned(), outcome: CheckOutcome::Waived }],
            steps: vec![StepEvidence { step: "source".to_owned(), micros: 3 }],
            cases: vec![CaseEvidence { name: "a".to_owned(), cpu_micros: 4, wall_micros: 5, memory_peak_bytes: 6 }],
        });
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
    }
}
