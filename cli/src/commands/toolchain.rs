//! `ext toolchain`: what guests are built with. `install` is the only command that installs anything.

use extensions_toolchain::{InstallError, Toolchain, install as install_toolchain};
use extensions_types::{Language, with_causes};
use serde_json::json;

use crate::{args::LanguageArgument, commands::registry::words::Table, failure::Failure, say::Say, tools};

/// The languages that have a toolchain of ours to install.
pub(crate) const LANGUAGES: [Language; 3] = [Language::Rust, Language::TinyGo, Language::AssemblyScript];

/// Installs each; one that cannot be had does not keep the others from being.
pub(crate) fn install(asked: &[LanguageArgument], say: &Say) -> Result<(), Failure> {
    let home = tools::home()?;
    let mut wanted: Vec<Language> = Vec::new();
    for language in asked.iter().map(|&language| Language::from(language)) {
        if !wanted.contains(&language) {
            wanted.push(language);
        }
    }
    let mut failed: Vec<(Language, InstallError)> = Vec::new();
    for language in wanted {
        match install_toolchain(&home, language, &mut |step| say.note(step)) {
            Ok(found) => say.data(&json!({"lang": language, "found": true, "version": found.version(), "toolchain": found.to_string()}), &found),
            Err(error) => failed.push((language, error)),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = failed.iter().map(|(language, error)| format!("{}: {}", language.as_str(), with_causes(error))).collect();
    Err(Failure::Local(reasons.join("\n")))
}

/// Shows what is there; a language without a toolchain is data, not a failure.
pub(crate) fn list(say: &Say) -> Result<(), Failure> {
    let home = tools::home()?;
    let mut table = Table::new(&["LANGUAGE", "VERSION", "WAY"]);
    for language in LANGUAGES {
        let name = language.as_str();
        match Toolchain::find(&home, language) {
            Ok(found) => {
                say.event(&json!({"lang": language, "found": true, "version": found.version(), "toolchain": found.to_string(), "tried": []}));
                table.row([name.to_owned(), found.version().to_owned(), way(&found)]);
            }
            Err(missing) => {
                say.event(&json!({"lang": language, "found": false, "version": null, "toolchain": null, "tried": missing.tried}));
                table.row([name.to_owned(), "missing".to_owned(), format!("ext toolchain install {name} ({})", missing.tried.join("; "))]);
            }
        }
    }
    say.text(table.render());
    Ok(())
}

/// Where it is and how it was found: what its own words say after the version.
fn way(found: &Toolchain) -> String {
    let text = found.to_string();
    text.strip_prefix(found.version()).unwrap_or(&text).trim().trim_matches(['(', ')']).to_owned()
}
