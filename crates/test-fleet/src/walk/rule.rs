//! The rule that walks: what `ext new` makes in Rust, and its second version.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Ext, RULE};
use crate::FleetError;

/// Where it is called.
pub(super) const POINT: &str = "BeforeCreateOrder";
/// More pieces than the first version allows, fewer than the second.
pub(super) const INPUT: &str = r#"{"quantity": 150}"#;
const FIRST_LIMIT: &str = "u32 = 100";
const SECOND_LIMIT: &str = "u32 = 200";

#[derive(Debug)]
pub(super) struct Rule {
    folder: PathBuf,
    shown: String,
}

impl Rule {
    pub(super) fn create(ext: &Ext, scratch: &Path) -> Result<Self, FleetError> {
        let folder = scratch.join(RULE);
        ext.done_in(scratch, &["new", RULE, "--kind", "domain-hook", "--lang", "rust"])?;
        // Its case is about the first limit, which the second version moves.
        let cases = folder.join("tests");
        fs::remove_dir_all(&cases).map_err(FleetError::system("remove", cases))?;
        Ok(Self { shown: folder.to_string_lossy().into_owned(), folder })
    }

    pub(super) fn folder(&self) -> &str {
        &self.shown
    }

    /// Turns it into the second version.
    pub(super) fn second(&self) -> Result<(), FleetError> {
        let file = self.folder.join("src/lib.rs");
        let text = fs::read_to_string(&file).map_err(FleetError::system("read", &file))?;
        if !text.contains(FIRST_LIMIT) {
            return Err(FleetError::Unexpected(format!("{} does not hold `{FIRST_LIMIT}`", file.display())));
        }
        fs::write(&file, text.replace(FIRST_LIMIT, SECOND_LIMIT)).map_err(FleetError::system("write", &file))
    }
}
