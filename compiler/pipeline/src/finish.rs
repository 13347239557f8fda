//! From a module to a version: check, compile, describe. The same for a build's result and for bytes that come alone.

use std::sync::Arc;

use bytes::Bytes;
use extensions_catalog::ServedVersion;
use extensions_compiler_core::{Expected, Facts, check, secrets::Scanned};
use extensions_engine::Extension;
use extensions_json::first_unfit;
use extensions_types::{Abi, Build, Kind, Manifest, Schemas, ToolDescription};

use crate::{
    build::{Authorship, BuildError, Built},
    steps::{Step, Steps},
    workbench::{DescribeError, Workbench},
};

/// What the version is to be.
pub(crate) struct Finish<'w> {
    pub(crate) manifest: Manifest,
    pub(crate) schemas: Schemas,
    pub(crate) authorship: Authorship,
    pub(crate) workbench: &'w Workbench,
}

impl Finish<'_> {
    pub(crate) async fn run(self, module: &[u8], scanned: Scanned, mut steps: Steps<'_>) -> Result<Built, BuildError> {
        let (component, facts) = steps.timed(Step::Check, async |_| self.checked(module, &scanned)).await?;
        let version = match facts.abi {
            Abi::Plain => self.define(&facts, &component, self.schemas.clone(), self.written()?),
            Abi::Component => self.define(&facts, &component, self.schemas.clone(), None),
        };
        let extension = steps.timed(Step::Compile, async |_| self.workbench.load(&version).await).await?;
        let (version, extension) = match facts.abi {
            Abi::Component if self.manifest.kind == Kind::AgentTool => self.described(&facts, &component, &extension, &mut steps).await?,
            Abi::Component | Abi::Plain => (version, extension),
        };
        let definition = &version.definition;
        if let Some((cause, source)) = first_unfit(definition.schemas.output.as_ref(), definition.failure.defaults()) {
            return Err(BuildError::Default { cause, source });
        }
        let waivers = scanned.waivers;
        Ok(Built { version, component, extension, facts, warnings: Vec::new(), waivers, source: None, steps: steps.done })
    }

    /// Every reason of sources and component together.
    fn checked(&self, module: &[u8], scanned: &Scanned) -> Result<(Bytes, Facts), BuildError> {
        let Manifest { kind, host_calls, limits, .. } = &self.manifest;
        let expected =
            Expected { kind: Some(*kind), host_calls: !host_calls.is_empty(), memory_mb: Some(limits.memory_mb), waivers: &scanned.waivers };
        let mut report = check(module, expected);
        report.findings.splice(0..0, scanned.findings.iter().cloned());
        match (report.component.take(), report.facts.take()) {
            (Some(component), Some(facts)) if report.findings.is_empty() => Ok((component.into(), facts)),
            (_, facts) => {
                report.facts = facts;
                Err(BuildError::Refused(Box::new(report)))
            }
        }
    }

    /// What extension.toml says of a tool that cannot describe itself.
    fn written(&self) -> Result<Option<ToolDescription>, DescribeError> {
        if self.manifest.kind != Kind::AgentTool {
            return Ok(None);
        }
        match (&self.manifest.tool, &self.schemas) {
            (Some(tool), Schemas { input: Some(_), output: Some(_) }) => Ok(Some(tool.clone())),
            _ => Err(DescribeError::NotWritten),
        }
    }

    /// Asks the tool itself.
    async fn described(
        &self,
        facts: &Facts,
        component: &Bytes,
        extension: &Arc<Extension>,
        steps: &mut Steps<'_>,
    ) -> Result<(Arc<ServedVersion>, Arc<Extension>), BuildError> {
        if self.manifest.tool.is_some() || self.schemas != Schemas::default() {
            return Err(DescribeError::Twice.into());
        }
        let (tool, schemas) = steps.timed(Step::Describe, async |_| self.workbench.describe(extension).await).await?;
        let version = self.define(facts, component, schemas, Some(tool));
        // The code is there already; only the schemas are compiled anew.
        let extension = self.workbench.load(&version).await?;
        Ok((version, extension))
    }

    fn define(&self, facts: &Facts, component: &Bytes, schemas: Schemas, tool: Option<ToolDescription>) -> Arc<ServedVersion> {
        let Authorship { tenant, version, created_by } = self.authorship.clone();
        let build = Build { tenant, abi: facts.abi, version, digest: facts.digest.clone(), schemas, tool, created_by };
        Arc::new(ServedVersion::new(self.manifest.clone().define(build), component.clone()))
    }
}
