//! Finished compiles on disk: the same source and tools are answered again without a build.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;
use extensions_types::{Abi, Evidence, Schemas, Sha256, TenantId, ToolDescription};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256 as Hasher};

/// Another form of entry, or other steps of a compile, are another number: what was kept before no longer counts.
const FORM: u32 = 1;
/// A component and its description, with room.
const ENTRY_BYTES_MAX: u64 = 8 << 20;

/// What decides the result of a compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'k> {
    /// Nobody is answered with what another tenant's job gave.
    pub(crate) tenant: &'k TenantId,
    pub(crate) source: &'k Sha256,
    pub(crate) toolchain: &'k str,
    pub(crate) sdk: &'k str,
}

impl Key<'_> {
    fn name(&self) -> String {
        let mut hasher = Hasher::new();
        hasher.update(FORM.to_le_bytes());
        for part in [self.tenant.as_str(), &self.source.to_string(), self.toolchain, self.sdk] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Sha256::new(hasher.finalize().into()).to_string()
    }
}

/// What a compile gave, but for what belongs to one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) abi: Abi,
    pub(crate) schemas: Schemas,
    pub(crate) tool: Option<ToolDescription>,
    pub(crate) evidence: Evidence,
}

/// The folder of finished compiles.
#[derive(Debug)]
pub(crate) struct Results {
    dir: PathBuf,
    bytes_max: u64,
}

impl Results {
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), bytes_max })
    }

    /// What an equal compile gave; one whose bytes are not those of its digest is removed.
    pub(crate) fn get(&self, key: Key<'_>) -> Option<(Kept, Bytes)> {
        let (about, component) = self.paths(&key.name());
        let found = read(&about, &component);
        if found.is_none() && about.exists() {
            tracing::warn!(path = %about.display(), "a finished compile was damaged; it is built again");
            remove(&about, &component);
        }
        if found.is_some() {
            // The oldest goes first; this one is not old.
            let used = fs::File::options().append(true).open(&about).and_then(|file| file.set_modified(SystemTime::now()));
            if let Err(error) = used {
                tracing::debug!(%error, "a finished compile keeps its age");
            }
        }
        found
    }

    /// Keeps a result, and makes room for it.
    pub(crate) fn put(&self, key: Key<'_>, kept: &Kept, bytes: &[u8]) -> io::Result<()> {
        let (about, component) = self.paths(&key.name());
        replace(&component, bytes)?;
        // The description last: without it the component does not count.
        replace(&about, &serde_json::to_vec(kept)?)?;
        self.make_room()
    }

    fn paths(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.dir.join(format!("{name}.json")), self.dir.join(format!("{name}.wasm")))
    }

    fn make_room(&self) -> io::Result<()> {
        let mut all = Vec::new();
        let mut sum = 0;
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let data = entry.metadata()?;
            sum += data.len();
            all.push((data.modified()?, data.len(), entry.path()));
        }
        all.sort();
        for (_, bytes, path) in all {
            if sum <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            sum -= bytes;
        }
        Ok(())
    }
}

fn read(about: &Path, component: &Path) -> Option<(Kept, Bytes)> {
    let kept: Kept = serde_json::from_slice(&bounded(about)?).ok()?;
    let bytes = bounded(component)?;
    let digest = Sha256::new(Hasher::digest(&bytes).into());
    (digest == kept.evidence.component_sha256).then(|| (kept, bytes.into()))
}

fn bounded(path: &Path) -> Option<Vec<u8>> {
    let fits = fs::metadata(path).ok()?.len() <= ENTRY_BYTES_MAX;
    fits.then(|| fs::read(path).ok()).flatten()
}

fn remove(about: &Path, component: &Path) {
    for path in [about, component] {
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "a damaged result cannot be removed");
        }
    }
}

/// Whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use extensions_types::{Origin, TestCounts};

    use super::*;

    const TENANT: &str = "acme";

    fn kept(component: &[u8]) -> Kept {
        let digest = Sha256::new(Hasher::digest(component).into());
        let evidence = Evidence {
            origin: Origin::Source,
            source_sha256: digest,
            component_sha256: digest,
            component_bytes: component.len() as u64,
            toolchain: "rustc 1".to_owned(),
            imports: Vec::new(),
            tests: TestCounts::default(),
            at_ms: 1,
            elapsed_ms: 1,
            waivers: Vec::new(),
            build: None,
        };
        Kept { abi: Abi::Component, schemas: Schemas::default(), tool: None, evidence }
    }

    struct Scene {
        dir: tempfile::TempDir,
        tenant: TenantId,
        source: Sha256,
    }

    impl Scene {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), tenant: TenantId::parse(TENANT).unwrap(), source: Sha256::new([5; 32]) }
        }

        fn key(&self) -> Key<'_> {
            Key { tenant: &self.tenant, source: &self.source, toolchain: "rustc 1", sdk: "s" }
        }
    }

    #[test]
    fn an_equal_compile_is_answered_and_an_unequal_one_is_not() {
        let scene = Scene::new();
        let results = Results::open(scene.dir.path(), 1 << 20).unwrap();
        let kept = kept(b"component");
        results.put(scene.key(), &kept, b"component").unwrap();
        assert_eq!(results.get(scene.key()), Some((kept, Bytes::from("component"))));
        let (tenant, source) = (TenantId::parse("other").unwrap(), Sha256::new([6; 32]));
        for other in [
            Key { tenant: &tenant, ..scene.key() },
            Key { source: &source, ..scene.key() },
            Key { toolchain: "rustc 2", ..scene.key() },
            Key { sdk: "t", ..scene.key() },
        ] {
            assert_eq!(results.get(other), None, "{other:?}");
        }
    }

    #[test]
    fn damaged_bytes_are_removed_not_served() {
        let scene = Scene::new();
        let results = Results::open(scene.dir.path(), 1 << 20).unwrap();
        results.put(scene.key(), &kept(b"component"), b"component").unwrap();
        let (about, component) = results.paths(&scene.key().name());
        fs::write(&component, "komponent").unwrap();
        assert_eq!(results.get(scene.key()), None);
        assert!(!about.exists() && !component.exists());
    }

    #[test]
    fn the_oldest_make_room() {
        let scene = Scene::new();
        let results = Results::open(scene.dir.path(), 64 << 10).unwrap();
        let component = vec![7; 20 << 10];
        for number in 0..8 {
            let source = Sha256::new([number; 32]);
            results.put(Key { source: &source, ..scene.key() }, &kept(&component), &component).unwrap();
        }
        let bytes: u64 = fs::read_dir(scene.dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes <= 64 << 10, "{bytes}");
        let last = Sha256::new([7; 32]);
        assert!(results.get(Key { source: &last, ..scene.key() }).is_some());
    }
}
