//! Builds the folders and serves what they give, numbered per run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use extensions_pipeline::{Authorship, Folder, Tools};
use extensions_types::{ExtensionId, TenantId, Version};
use serde_json::json;

use crate::{
    commands::{build, dev::platform::Platform},
    failure::Failure,
    say::{Say, seconds},
    tools,
};

/// One folder and what it last gave.
#[derive(Debug)]
struct Slot {
    id: Option<ExtensionId>,
    next: Version,
}

/// The folders that `ext dev` serves.
pub(crate) struct Served {
    slots: BTreeMap<PathBuf, Slot>,
    tenant: TenantId,
    tools: Tools,
}

impl Served {
    /// Opens the folders; two must not hold the same extension.
    pub(crate) fn new(folders: &[PathBuf], tenant: TenantId) -> Result<Self, Failure> {
        let mut slots = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for path in folders {
            let folder = Folder::open(path)?;
            let id = folder.manifest().id.clone();
            if let Some(other) = ids.insert(id.clone(), path) {
                return Err(Failure::Usage(format!("{} and {} both hold the extension {id}", other.display(), path.display())));
            }
            slots.insert(folder.path().to_owned(), Slot { id: None, next: Version::FIRST });
        }
        Ok(Self { slots, tenant, tools: tools::tools()? })
    }

    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.slots.keys().map(PathBuf::as_path)
    }

    /// Builds every folder; one that fails is said and left out.
    pub(crate) async fn build_all(&mut self, platform: &Platform, say: &Say) {
        let folders: Vec<_> = self.folders().map(Path::to_owned).collect();
        for folder in folders {
            self.rebuild(&folder, platform, say).await;
        }
    }

    /// Builds one folder anew and serves it; what was served before goes on until then.
    pub(crate) async fn rebuild(&mut self, folder: &Path, platform: &Platform, say: &Say) {
        let start = Instant::now();
        if let Err(failure) = self.try_rebuild(folder, platform, say, start).await {
            say.bad(format_args!("{}: {failure}", folder.display()));
            say.event(&json!({"event": "build_failed", "folder": folder, "code": failure.code(), "message": failure.to_string()}));
        }
    }

    async fn try_rebuild(&mut self, folder: &Path, platform: &Platform, say: &Say, start: Instant) -> Result<(), Failure> {
        let opened = Folder::open(folder)?;
        let Some(slot) = self.slots.get_mut(folder) else { return Ok(()) };
        let authorship = Authorship { tenant: self.tenant.clone(), version: slot.next, created_by: build::authorship().created_by };
        // A number is used up by a failure too: what is remembered of it must not meet the next build.
        slot.next = slot.next.next();
        let built = build::with_progress(&opened, authorship, &self.tools, &platform.workbench(), say).await?;
        let definition = std::sync::Arc::clone(&built.version.definition);
        if let Some(before) = slot.id.replace(definition.id.clone()).filter(|before| *before != definition.id) {
            platform.folders.remove(&self.tenant, &before);
        }
        // Its code is loaded, so the switch costs the next caller nothing.
        platform.folders.put(built.version);
        say.good(format_args!("serving {}@{} ({})", definition.id, definition.version, seconds(start.elapsed())));
        say.event(&json!({
            "event": "served", "extension": definition.id, "version": definition.version, "kind": definition.kind,
            "digest": definition.digest, "seconds": start.elapsed().as_secs_f64(),
        }));
        Ok(())
    }
}
