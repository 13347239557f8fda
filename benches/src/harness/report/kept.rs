//! Results that are kept: figures, a table and a chart under one name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use super::Report;

impl Report {
    /// Writes `<date>-<commit>.json`, `.md` and `.svg` into `folder`; gives the path without an ending.
    ///
    /// # Errors
    /// Where the code has no commit that could be found again, or a file cannot be written.
    pub(crate) fn keep(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let commit = &self.machine.commit;
        ensure!(commit != "unknown", "a kept result names its commit: run the bench in the repository");
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let name = format!("{}-{}", self.machine.date, commit.replace('+', "-changed"));
        let path = folder.join(&name);
        let write = |ending: &str, content: &[u8]| {
            let path = path.with_extension(ending);
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
        };
        write("json", format!("{:#}\n", self.json()).as_bytes())?;
        write("md", self.markdown(&name).as_bytes())?;
        write("svg", self.chart()?.as_bytes())?;
        Ok(path)
    }
}
