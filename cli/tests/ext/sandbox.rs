//! A folder of its own to run `ext` in.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Runs `ext` in a fresh folder. Builds are shared between tests, as a user's are.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    home: PathBuf,
}

/// What one run of `ext` gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    /// A sandbox that shares toolchains and built dependencies with the others:
    /// in the home that `cargo xtask test` has filled, else in one of the tests' own.
    pub(crate) fn new() -> Self {
        let own = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("ext-home");
        let home = std::env::var_os("EXT_HOME").filter(|home| !home.is_empty()).map_or_else(own, PathBuf::from);
        Self { folder: tempfile::tempdir().unwrap(), home }
    }

    /// A sandbox with an `ext` home of its own: for whoever starts a platform.
    pub(crate) fn alone() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        Self { folder, home }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ext"));
        command.args(arguments).current_dir(self.path()).env("EXT_HOME", &self.home).env("NO_COLOR", "1");
        for name in ["EXT_SERVER", "EXT_TOKEN"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn ext(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs `ext`, which must end well.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.ext(arguments);
        assert_eq!(ran.code, 0, "ext {arguments:?}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Runs `ext`, which must end with `code` and say `text`.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, text: &str) -> Ran {
        let ran = self.ext(arguments);
        assert_eq!(ran.code, code, "ext {arguments:?}\n{}{}", ran.out, ran.err);
        assert!(ran.err.contains(text), "ext {arguments:?} says\n{}", ran.err);
        ran
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Every line of standard output as JSON.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The last line of standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
