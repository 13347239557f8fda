//! `ext toolchain install`: the only command that installs anything.

use extensions_toolchain::install as install_toolchain;
use extensions_types::{Language, with_causes};
use serde_json::json;

use crate::{args::LanguageArgument, failure::Failure, say::Say, tools};

pub(crate) fn install(language: LanguageArgument, say: &Say) -> Result<(), Failure> {
    let language = Language::from(language);
    let installed = install_toolchain(&tools::home()?, language, &mut |step| say.note(step)).map_err(|error| Failure::Local(with_causes(&error)))?;
    say.data(&json!({"lang": language, "version": installed.version(), "toolchain": installed.to_string()}), &installed);
    Ok(())
}
