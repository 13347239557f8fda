//! A draft's bundle: received within bounds, then stored or checked.

use std::{pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use extensions_artifact::{Owned, digest};
use extensions_proto::v1;
use extensions_registry_core::{Action, AskedWaiver, Authority, Build, Built, Caller, Command, Extension, Finding, Role, VersionRecord};
use extensions_registry_ledger::LedgerError;
use extensions_types::{CallLabel, ErrorCode, Origin, Refusal, Version};
use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;

use super::{
    Service,
    admit::{Admission, Admitted, finding},
    lifecycle::named,
    parse, refusal,
    refuse::{not_found, overloaded, precondition, unavailable},
};
use crate::{
    Bundle, Call,
    call::{Target, bad, denied},
    view::{Changed, Uploaded},
};

/// A bundle's next bytes, or why there are none.
pub type BundleStream = Pin<Box<dyn Stream<Item = Result<Bytes, Refusal>> + Send>>;

/// One message of an upload: sixteen of them carry the largest bundle comfortably.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;

/// A bundle must have arrived within this time: 8 MiB over a poor line.
const RECEIVE_WITHIN: Duration = Duration::from_secs(120);
/// And no pause in it may be longer: whoever stalls gives the room to others.
const PAUSE_MAX: Duration = Duration::from_secs(15);

impl Service {
    /// Takes a draft's bundle. Source waits for a compile; a component is
    /// checked, and the draft is built or failed afterwards.
    ///
    /// # Errors
    /// Refuses by name; nothing of the bundle is kept then.
    pub async fn upload(&self, call: &Call, head: v1::UploadHead, bundle: BundleStream) -> Result<Uploaded, Refusal> {
        self.audited(call, named("Upload", head.command.as_ref()), async {
            let asked = parse::Asked::of(call, head.command.as_ref())?;
            author(&asked.target)?;
            let version = parse::version(head.version)?;
            let of = Owned::new(asked.target.tenant.clone(), asked.target.extension.clone());
            let state = self.ledger().read(&of).await.map_err(|error| refusal(&error))?;
            let record = record(&state, version)?.clone();
            let _room =
                self.inner.uploads.try_acquire().map_err(|_| overloaded("as many bundles as there is room for are being received; try again"))?;
            let bytes = receive(bundle, record.draft.source_bytes).await?;
            if digest(&bytes) != record.draft.source_sha256 {
                return Err(bad(
                    "bundle",
                    &format_args!("its digest is not the one that version {version} was created with; push it again as a new version"),
                ));
            }
            let admission = Admission { of, version, record };
            match admission.record.draft.origin {
                Origin::Source => self.take_source(admission, bytes, &state).await,
                Origin::Uploaded => self.take_component(admission, bytes, &state).await,
            }
        })
        .await
    }

    async fn take_source(&self, admission: Admission, bytes: Bytes, state: &Extension) -> Result<Uploaded, Refusal> {
        let (of, version) = (admission.of.clone(), admission.version);
        let archive = bytes.clone();
        // A bundle that no compiler could use is refused now, not minutes later.
        blocking(move || {
            let bundle = Bundle::unpack(&archive).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            admission.manifest(&bundle).map(drop)
        })
        .await?;
        self.ledger().put_source(&of, version, bytes).await.map_err(|error| refusal(&error))?;
        Ok(Uploaded { change: Changed::of(state, state.applied_seq, false, Some(version), None), findings: Vec::new(), digest: None })
    }

    async fn take_component(&self, admission: Admission, bytes: Bytes, state: &Extension) -> Result<Uploaded, Refusal> {
        let (of, version) = (admission.of.clone(), admission.version);
        match &admission.record.build {
            Build::Waiting => {}
            Build::Built(built) => {
                let change = Changed::of(state, state.applied_seq, false, Some(version), None);
                return Ok(Uploaded { change, findings: Vec::new(), digest: Some(built.component_sha256) });
            }
            Build::Failed { seq, .. } => {
                let findings = self.findings(&of, *seq).await?;
                let change = Changed::of(state, state.applied_seq, false, Some(version), None);
                return Ok(Uploaded { change, findings: findings.into_iter().map(Into::into).collect(), digest: None });
            }
            Build::Requested { .. } => return Err(precondition(format!("version {version} is being compiled; push the component as a new version"))),
        }
        let admitted = blocking(move || {
            let bundle = Bundle::unpack(&bytes).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            let manifest = admission.manifest(&bundle)?;
            Ok(admission.uploaded(manifest, &bundle))
        })
        .await?;
        self.conclude(&of, version, 0, admitted).await
    }

    /// Records what a build or a check gave.
    pub(super) async fn conclude(
        &self,
        of: &Owned,
        version: Version,
        attempt: u32,
        admitted: Result<Admitted, Vec<Finding>>,
    ) -> Result<Uploaded, Refusal> {
        let (action, findings, digest) = match admitted {
            Ok(admitted) => {
                let action = self.store(of, version, attempt, admitted).await?;
                match &action {
                    Action::ReportFailed { findings, .. } => (action.clone(), findings.clone(), None),
                    Action::ReportBuilt { built, .. } => (action.clone(), Vec::new(), Some(built.component_sha256)),
                    _ => (action, Vec::new(), None),
                }
            }
            Err(findings) => (Action::ReportFailed { version, attempt, findings: findings.clone() }, findings, None),
        };
        let target = Target { tenant: of.tenant.clone(), extension: of.extension.clone(), caller: Caller::registry(part("builds")) };
        let id = part(&format!("result-{version}-{attempt}"));
        let command = Command { id, expected_seq: None, why: String::new(), from: None, action };
        let outcome = self.run(&target, &command).await?;
        let change = Changed::of(&outcome.extension, outcome.seq, outcome.changed, Some(version), None);
        Ok(Uploaded { change, findings: findings.into_iter().map(Into::into).collect(), digest })
    }

    async fn store(&self, of: &Owned, version: Version, attempt: u32, admitted: Admitted) -> Result<Action, Refusal> {
        let Admitted { component, document } = admitted;
        let stored = match self.ledger().put_built(of, version, component, &document).await {
            Ok(stored) => stored,
            // An attempt that was given up came this far and gave another component: the number is spent.
            Err(error @ LedgerError::Occupied(_)) => {
                let found = finding("store", "occupied", error.public(), "push it again as a new version");
                return Ok(Action::ReportFailed { version, attempt, findings: vec![found] });
            }
            Err(error) => return Err(refusal(&error)),
        };
        let asked = document.evidence.waivers.iter().map(AskedWaiver::of).collect::<Result<_, _>>();
        let waivers = asked.map_err(|error| Refusal::new(ErrorCode::Internal, format!("a waiver cannot be named: {error}")))?;
        let built = Built {
            attempt,
            definition_sha256: stored.definition_sha256,
            component_sha256: stored.component_sha256,
            component_bytes: stored.component_bytes,
            tests: document.evidence.tests,
            toolchain: document.evidence.toolchain,
            waivers,
        };
        Ok(Action::ReportBuilt { version, kind: document.definition.kind, risk_tier: document.definition.risk_tier, built })
    }
}

/// Uploading and compiling are an author's; which draft, the lifecycle has
/// decided when it was created.
pub(super) fn author(target: &Target) -> Result<(), Refusal> {
    match &target.caller.authority {
        Authority::Tenant { roles, .. } if roles.contains(&Role::Author) => Ok(()),
        Authority::Tenant { .. } => Err(denied("the token lacks role `author`; ask your tenant's administrator for it")),
        Authority::Operator | Authority::Registry => Err(denied("a platform token may not do this; use a token of the extension's tenant")),
    }
}

pub(super) fn record(state: &Extension, version: Version) -> Result<&VersionRecord, Refusal> {
    if state.is_new() {
        return Err(not_found(format!("the tenant has no extension `{}`; `ext list` shows what it has", state.extension)));
    }
    let missing = || not_found(format!("`{}` has no version {version}; `ext show {}` lists them", state.extension, state.extension));
    state.versions.get(&version).ok_or_else(missing)
}

/// Exactly `expected` bytes, within time.
async fn receive(mut chunks: BundleStream, expected: u64) -> Result<Bytes, Refusal> {
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let slow = |_| Refusal::new(ErrorCode::Deadline, "the bundle did not arrive in time; send it again over a better line");
    let all = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = timeout(PAUSE_MAX, chunks.next()).await.map_err(slow)? {
            let chunk = chunk?;
            if bytes.len().saturating_add(chunk.len()) > expected {
                return Err(Refusal::new(
                    ErrorCode::InputTooLarge,
                    format!("the bundle has more than the {expected} bytes that it was announced with"),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    let bytes = timeout(RECEIVE_WITHIN, all).await.map_err(slow)??;
    if bytes.len() == expected {
        return Ok(bytes);
    }
    Err(bad("bundle", &format_args!("{} bytes arrived of the {expected} that it was announced with; send it again", bytes.len())))
}

/// Runs work that occupies a thread.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "checking a bundle ended in a fault of its own");
        unavailable("the registry could not check the bundle; try again")
    })?
}

/// A name of a part of the registry, or of a command of its own.
pub(super) fn part(text: &str) -> CallLabel {
    CallLabel::parse(text).expect("names of ours are short visible ASCII")
}
