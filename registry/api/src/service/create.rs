//! A draft and its number.

use extensions_proto::v1;
use extensions_registry_core::{About, Action, Draft};
use extensions_types::{ErrorCode, ExtensionId, Manifest, Refusal};

use super::{Service, about, lifecycle::named, parse};
use crate::{Call, call::bad, view::Changed};

impl Service {
    /// Allots the next version number to a draft.
    ///
    /// # Errors
    /// Refuses by name.
    pub async fn create_version(&self, call: &Call, request: v1::CreateVersionRequest) -> Result<Changed, Refusal> {
        self.audited(call, named("CreateVersion", request.command.as_ref()), async {
            let asked = parse::Asked::of(call, request.command.as_ref())?;
            let draft = draft(&request, &asked.target.extension)?;
            let command = asked.command(Action::CreateVersion(draft));
            let outcome = about(self.run(&asked.target, &command).await?, &command.action);
            Ok(Self::answer(&outcome, None))
        })
        .await
    }
}

fn draft(request: &v1::CreateVersionRequest, extension: &ExtensionId) -> Result<Draft, Refusal> {
    let manifest = read_manifest(&request.manifest_toml, extension)?;
    Ok(Draft {
        origin: parse::origin(request.origin)?,
        source_sha256: parse::sha256("bundle_sha256", &request.bundle_sha256)?,
        source_bytes: request.bundle_bytes,
        about: about_of(manifest),
    })
}

/// Reads the text of an extension.toml, which must be of `extension`.
pub(super) fn read_manifest(text: &str, extension: &ExtensionId) -> Result<Manifest, Refusal> {
    let manifest = Manifest::parse(text).map_err(|error| match error {
        extensions_types::ManifestError::TooLarge(_) => Refusal::new(ErrorCode::InputTooLarge, error.to_string()),
        _ => bad("manifest_toml", &error),
    })?;
    if manifest.id != *extension {
        return Err(bad(
            "manifest_toml",
            &format_args!("its id is `{}`, but the request is for `{extension}`; push it under its own id", manifest.id),
        ));
    }
    Ok(manifest)
}

/// What history keeps of a manifest.
pub(super) fn about_of(manifest: Manifest) -> About {
    let answers_for = manifest.failure.provokable();
    About { kind: manifest.kind, risk_tier: manifest.risk_tier, description: manifest.description, tags: manifest.tags, answers_for }
}
