//! `ext push`: a new draft version. Answers when it is built or has failed.

mod bundle;

use std::path::Path;

use bytes::Bytes;
use extensions_client::registry::{Change, CompileEvent, Draft, Finding, RegistryClient, Waiver};
use extensions_types::{ExtensionId, Origin, Version};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::bundle::Packed;
use super::{connect, named, refused, words};
use crate::{
    args::{Global, Push},
    commands::build::document::Found,
    failure::Failure,
    say::{Say, seconds},
};

pub(crate) async fn run(push: &Push, global: &Global, say: &Say) -> Result<(), Failure> {
    // What is wrong here is said first, also where no registry is.
    let packed = pack(&push.target, push.manifest.as_deref(), say).await?;
    let registry = connect(global)?;
    let pushing = Pushing { registry: &registry, id: &packed.id, why: &push.why, say };
    let version = pushing.create(&packed).await?;
    let built = match packed.origin {
        Origin::Source => {
            pushing.upload(version, packed.bytes.clone()).await?;
            pushing.compile(version).await?
        }
        Origin::Uploaded => pushing.upload(version, packed.bytes.clone()).await?,
    };
    let Built { seq, digest } = built;
    let waivers = pushing.waivers(version).await?;
    let value = json!({
        "extension": packed.id, "version": version, "seq": seq, "digest": digest, "origin": packed.origin, "bundle_bytes": packed.bytes.len(),
        "waivers": waivers,
    });
    let name = named(&packed.id, version);
    say.data(&value, format_args!("{name}  sha256:{digest}"));
    for Waiver { finding, place, reason, .. } in waivers.iter().filter(|waiver| waiver.granted_by.is_none()) {
        say.warning(format_args!("{place}: {finding} asks for a waiver: {reason}; a reviewer grants it before staging (`ext waivers {name}`)"));
    }
    say.note(format_args!("serve it in dev: ext promote {name} --to dev"));
    Ok(())
}

async fn pack(target: &Path, manifest: Option<&Path>, say: &Say) -> Result<Packed, Failure> {
    if target.is_dir() {
        return match manifest {
            None => bundle::of_folder(target),
            Some(_) => Err(Failure::Usage("--manifest goes with a file; a folder has its own extension.toml".to_owned())),
        };
    }
    bundle::of_file(target, manifest, say).await
}

/// What a push ended with.
struct Built {
    seq: u64,
    digest: String,
}

struct Pushing<'p> {
    registry: &'p RegistryClient,
    id: &'p ExtensionId,
    why: &'p str,
    say: &'p Say,
}

impl Pushing<'_> {
    fn change(&self) -> Change {
        Change::of(self.id).why(self.why)
    }

    async fn create(&self, packed: &Packed) -> Result<Version, Failure> {
        let digest = Sha256::digest(&packed.bytes);
        let draft = Draft {
            origin: packed.origin,
            manifest_toml: packed.manifest.clone(),
            bundle_sha256: extensions_types::Sha256::new(digest.into()).to_string(),
            bundle_bytes: packed.bytes.len() as u64,
        };
        let done = self.registry.create_version(&self.change(), draft).await.map_err(|error| refused(error, self.id))?;
        let version = done.version.ok_or_else(|| Failure::Local("the registry allotted no version number".to_owned()))?;
        self.say.good(format_args!("version {version} is allotted"));
        Ok(version)
    }

    /// Sends the bundle. For a component the answer says whether it is built.
    async fn upload(&self, version: Version, bytes: Bytes) -> Result<Built, Failure> {
        let size = bytes.len() as u64;
        let bar = self.say.bytes("sending", size);
        let progress = bar.clone();
        let sent = self.registry.upload(&self.change(), version, bytes, move |sent| progress.set_position(sent)).await;
        bar.finish_and_clear();
        let sent = sent.map_err(|error| refused(error, self.id))?;
        self.say.good(format_args!("{} sent", words::size(size)));
        if sent.findings.is_empty() {
            return Ok(Built { seq: sent.change.seq, digest: sent.digest });
        }
        Err(self.failed(version, &sent.findings))
    }

    async fn compile(&self, version: Version) -> Result<Built, Failure> {
        let mut compiling = self.registry.compile(&self.change(), version).await.map_err(|error| refused(error, self.id))?;
        let mut bar = None;
        loop {
            let event = compiling.next().await.map_err(|error| refused(error, self.id))?;
            match event {
                Some(CompileEvent::Requested(_)) => {}
                Some(CompileEvent::Started { step }) => bar = Some(Cleared(self.say.progress(step))),
                Some(CompileEvent::Done { step, took, summary }) => {
                    drop(bar.take());
                    self.say.good(format!("{step:<40} {:>9}  {summary}", seconds(took)).trim_end());
                    self.say.event(&json!({"event": "step", "step": step, "seconds": took.as_secs_f64(), "summary": summary}));
                }
                Some(CompileEvent::Diagnostic { level, text }) => {
                    drop(bar.take());
                    self.say.note(text.trim_end());
                    self.say.event(&json!({"event": "diagnostic", "level": level, "text": text}));
                }
                Some(CompileEvent::Built { change, digest, .. }) => return Ok(Built { seq: change.seq, digest }),
                Some(CompileEvent::Failed { findings, .. }) => return Err(self.failed(version, &findings)),
                None => return Err(Failure::Local("the compile ended without a result; `ext show` tells the version's state".to_owned())),
            }
        }
    }

    /// What the version asks to be excused from, as its evidence lists it.
    async fn waivers(&self, version: Version) -> Result<Vec<Waiver>, Failure> {
        let whole = self.registry.version(self.id, version, false).await.map_err(|error| refused(error, self.id))?;
        Ok(whole.summary.waivers)
    }

    /// Says every reason; the failure sums them up.
    fn failed(&self, version: Version, findings: &[Finding]) -> Failure {
        for finding in findings {
            self.say.bad(Found::from(finding.clone()));
        }
        self.say.event(&json!({"event": "failed", "version": version, "findings": findings}));
        let reasons = if findings.len() == 1 { "1 reason".to_owned() } else { format!("{} reasons", findings.len()) };
        Failure::Build(format!("{} has failed, for {reasons}; mend it and push again", named(self.id, version)))
    }
}

/// A progress bar that leaves nothing behind.
struct Cleared(indicatif::ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
