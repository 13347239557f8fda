//! Where toolchains, unpacked SDKs and build directories are kept.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::sdk::hex_digest;

/// A folder of ours; everything in it can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
    /// Prebuilt things lie apart from those of builds by hand.
    for_jobs: bool,
}

/// No variable says where the folder should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither EXT_HOME nor XDG_CACHE_HOME nor HOME is set; set EXT_HOME to a folder for toolchains and builds")]
pub struct NoHome;

impl Home {
    /// The folder at `path`; made when first used.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), for_jobs: false }
    }

    /// `EXT_HOME`, else `ext` in the user's cache.
    ///
    /// # Errors
    /// When no variable names a folder.
    pub fn from_env() -> Result<Self, NoHome> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        set("EXT_HOME").or_else(|| Some(cache()?.join("ext"))).map(Self::at).ok_or(NoHome)
    }

    /// The same toolchains, with prebuilt things that only a worker writes: what jobs
    /// see below their private layers must not change under them.
    #[must_use]
    pub fn for_jobs(&self) -> Self {
        Self { for_jobs: true, ..self.clone() }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where things are kept that builds share.
    pub(crate) fn prebuilt(&self) -> PathBuf {
        if self.for_jobs { self.path.join("jobs") } else { self.path.clone() }
    }

    /// Where the build of the extension in `folder` keeps its results. Folders
    /// never share one, however they are named.
    #[must_use]
    pub fn target_dir(&self, folder: &Path) -> PathBuf {
        let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let digest = hex_digest(canonical.as_os_str().as_encoded_bytes());
        self.path.join("builds").join(&digest[..16])
    }

    pub(crate) fn sdk_dir(&self, digest: &str) -> PathBuf {
        self.path.join("sdk").join(&digest[..16])
    }

    pub(crate) fn sysroot(&self, compiler: &str) -> PathBuf {
        self.path.join("rust").join(format!("sysroot-{}", &hex_digest(compiler.as_bytes())[..16]))
    }

    pub(crate) fn cargo_home(&self) -> PathBuf {
        self.prebuilt().join("cargo")
    }

    /// Compiled dependencies, shared between the builds of one SDK.
    pub(crate) fn shared_build_dir(&self, sdk_digest: &str) -> PathBuf {
        self.prebuilt().join("deps").join(&sdk_digest[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(set: &[(&str, &str)]) -> Result<Home, NoHome> {
        Home::from_variables(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_nearest_variable_wins() {
        let all = [("EXT_HOME", "/e"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all), Ok(Home::at("/e")));
        assert_eq!(home(&all[1..]), Ok(Home::at("/x/ext")));
        assert_eq!(home(&all[2..]), Ok(Home::at("/h/.cache/ext")));
        assert_eq!(home(&[("EXT_HOME", "")]), Err(NoHome));
    }

    #[test]
    fn folders_of_one_name_have_build_directories_of_their_own() {
        let home = Home::at("/e");
        assert_ne!(home.target_dir(Path::new("/a/rule")), home.target_dir(Path::new("/b/rule")));
        assert_eq!(home.target_dir(Path::new("/a/rule")), home.target_dir(Path::new("/a/rule")));
    }
}
