//! Where servers' programs are found: a variable, then PATH, then the folder in
//! the user's cache where `cargo xtask test` installs them.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::ServerError;

/// The folder in the user's cache; `xtask/src/servers.rs` fills it.
const FOLDER: &str = "extensions-tools";

/// Finds the program `name`, which `variable` may name.
pub(crate) fn find(name: &'static str, variable: &'static str) -> Result<PathBuf, ServerError> {
    let set = |name: &str| env::var_os(name);
    candidates(name, variable, set).into_iter().find(|path| is_program(path)).ok_or(ServerError::NotInstalled { name, variable })
}

/// Only what the variable says, where it says something: a wrong path must not be passed over.
fn candidates(name: &str, variable: &str, set: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name: &str| set(name).filter(|value| !value.is_empty());
    if let Some(path) = set(variable) {
        return vec![path.into()];
    }
    let on_path = set("PATH").map(|paths| env::split_paths(&paths).map(|folder| folder.join(name)).collect::<Vec<_>>());
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    on_path.into_iter().flatten().chain(cache.map(|cache| cache.join(FOLDER).join("bin").join(name))).collect()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> Vec<PathBuf> {
        candidates("minio", "EXT_TEST_MINIO", |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn variable_then_path_then_cache() {
        let all = [("EXT_TEST_MINIO", "/x/minio"), ("PATH", "/a:/b"), ("HOME", "/u/me")];
        assert_eq!(found(&all), [PathBuf::from("/x/minio")]);
        let wanted = ["/a/minio", "/b/minio", "/u/me/.cache/extensions-tools/bin/minio"].map(PathBuf::from);
        assert_eq!(found(&all[1..]), wanted);
        assert_eq!(found(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/u/me")]), [PathBuf::from("/c/extensions-tools/bin/minio")]);
    }

    #[test]
    fn what_is_missing_is_told_with_the_command() {
        let error = find("no-such-server", "EXT_TEST_NO_SUCH_SERVER").unwrap_err();
        assert!(error.to_string().contains("cargo xtask test --only servers"), "{error}");
    }
}
