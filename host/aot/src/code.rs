//! Verified machine code, held open until it is mapped.

use std::{fs::File, os::fd::AsRawFd, path::PathBuf};

use extensions_types::Sha256;
use wasmtime::{Engine, component::Component};

use crate::Start;

/// Code that the cache has verified. The descriptor that was verified is the
/// one that is mapped, whatever happens to the file's name meanwhile.
#[derive(Debug)]
pub struct Code {
    file: File,
    component: Sha256,
    start: Start,
}

/// Verified code that still does not load: the component wants more instances,
/// memories or tables than the engine's pool gives one, or a kernel bound
/// (mappings, descriptors) is reached.
#[derive(Debug, thiserror::Error)]
#[error("verified code of component {component} does not load")]
pub struct LoadError {
    component: Sha256,
    #[source]
    source: wasmtime::Error,
}

impl LoadError {
    /// Whether this host is short of something: the component may load later or elsewhere.
    #[must_use]
    pub fn is_of_this_host(&self) -> bool {
        self.source.chain().any(|cause| cause.is::<std::io::Error>() || cause.is::<rustix::io::Errno>())
    }
}

impl Code {
    pub(crate) fn new(file: File, component: Sha256, start: Start) -> Self {
        Self { file, component, start }
    }

    /// Whether making an instance runs guest code.
    #[must_use]
    pub fn runs_at_start(&self) -> bool {
        self.start.runs_code
    }

    /// Bytes that making an instance copies into its memories.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.start.data_bytes as usize
    }

    /// Maps the code into `engine`.
    ///
    /// # Errors
    /// When the component exceeds the engine's pool or the kernel refuses.
    pub fn load(self, engine: &Engine) -> Result<Component, LoadError> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        #[allow(unsafe_code, reason = "loading native code is what this crate is for")]
        // SAFETY: `Cache::verify` read this very descriptor and checked a MAC that only this host
        // can make over the bytes' digest, the component and this engine's compatibility hash. It
        // makes one for what its own compile child answered, and for what a trusted key signed over
        // the same three (`signed::open`), whose holder signs what its own compile child answered.
        // The file is read-only, in a directory of this user alone, and is only ever replaced by
        // rename or unlinked, never written: the mapping keeps the verified bytes.
        let component = unsafe { Component::deserialize_file(engine, &path) };
        component.map_err(|source| LoadError { component: self.component, source })
    }
}
