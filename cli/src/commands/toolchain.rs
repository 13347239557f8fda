//! `ext toolchain install`: the only command that installs anything.

use extensions_toolchain::rust;
use extensions_types::with_causes;
use serde_json::json;

use crate::{args::LanguageArgument, failure::Failure, say::Say, tools};

pub(crate) fn install(language: LanguageArgument, say: &Say) -> Result<(), Failure> {
    match language {
        LanguageArgument::Rust => {
            let home = tools::home()?;
            let installed = rust::install(&home, &mut |step| say.note(step)).map_err(|error| Failure::Local(with_causes(&error)))?;
            say.data(&json!({"lang": "rust", "rustc": installed.rustc, "version": installed.version, "way": installed.way.to_string()}), &installed);
            Ok(())
        }
    }
}
