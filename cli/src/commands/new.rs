//! `ext new`: a folder that builds, passes its tests and shows where to go on.

use std::{fs, path::Path};

use extensions_toolchain::Toolchain;
use extensions_types::{Kind, Language};
use serde_json::json;

use crate::{
    args::{KindArgument, New},
    failure::Failure,
    say::Say,
    tools,
};

/// One file of a new folder.
struct Template {
    /// As extension.toml spells it.
    language: &'static str,
    /// `common`, or a kind as the command line spells it.
    part: &'static str,
    /// In the new folder.
    path: &'static str,
    text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// What every kind of a language has.
const COMMON: &str = "common";

pub(crate) fn run(new: &New, say: &Say) -> Result<(), Failure> {
    let (kind, language) = (Kind::from(new.kind), Language::from(new.lang));
    let folder = Path::new(new.name.as_str());
    if folder.exists() {
        return Err(Failure::Usage(format!("{} exists already; choose another name or remove it", folder.display())));
    }
    let files = files(language, new.kind);
    for template in &files {
        let path = folder.join(template.path);
        let text = template.text.replace("{{name}}", new.name.as_str()).replace("{{tool}}", &new.name.as_str().replace('-', "_"));
        write(&path, &text).map_err(|error| Failure::Local(format!("cannot write {}: {error}", path.display())))?;
    }
    let paths: Vec<_> = files.iter().map(|template| template.path).collect();
    let missing = Toolchain::find(&tools::home()?, language).is_err();
    say.data(&json!({"folder": folder, "kind": kind, "lang": language, "files": paths, "toolchain_found": !missing}), folder.display());
    say.note(next_steps(&folder.display().to_string(), language, rule(language, &paths), missing));
    Ok(())
}

/// The files of one language and kind.
fn files(language: Language, kind: KindArgument) -> Vec<&'static Template> {
    let part = match kind {
        KindArgument::ProcessHook => "process-hook",
        KindArgument::DomainHook => "domain-hook",
        KindArgument::AgentTool => "agent-tool",
    };
    let wanted = |template: &&Template| template.language == language.as_str() && (template.part == COMMON || template.part == part);
    TEMPLATES.iter().filter(wanted).collect()
}

/// The file that an author opens first.
fn rule<'p>(language: Language, paths: &[&'p str]) -> &'p str {
    let is_rule = |path: &str| match language {
        Language::Rust => path == "src/lib.rs",
        Language::TinyGo => path.ends_with(".go"),
        Language::AssemblyScript => path == "assembly/index.ts",
        Language::Wasm => path.starts_with("module."),
    };
    paths.iter().copied().find(|path| is_rule(path)).unwrap_or_default()
}

fn next_steps(folder: &str, language: Language, rule: &str, missing: bool) -> String {
    let mut text = format!("The rule is in {folder}/{rule}, its cases in {folder}/tests/. Next:\n");
    if missing {
        text.push_str(&format!("  ext toolchain install {}\n", language.as_str()));
    }
    text + &format!("  ext test {folder}\n  ext dev {folder} --watch")
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use extensions_types::{MANIFEST_FILE, Manifest};

    use super::*;
    use crate::commands::toolchain::LANGUAGES;

    const KINDS: [KindArgument; 3] = [KindArgument::ProcessHook, KindArgument::DomainHook, KindArgument::AgentTool];

    #[test]
    fn every_language_has_every_kind_with_a_manifest_a_rule_and_cases() {
        for (language, kind) in LANGUAGES.iter().flat_map(|&language| KINDS.map(|kind| (language, kind))) {
            let files = files(language, kind);
            let manifest = files.iter().find(|file| file.path == MANIFEST_FILE);
            let text = manifest.map_or_else(String::new, |file| file.text.replace("{{name}}", "a").replace("{{tool}}", "a"));
            let manifest = Manifest::parse(&text).unwrap_or_else(|error| panic!("{language:?} {kind:?}: {error}"));
            assert_eq!((manifest.lang, manifest.kind), (language, Kind::from(kind)));
            let paths: Vec<_> = files.iter().map(|file| file.path).collect();
            assert!(!rule(language, &paths).is_empty(), "{language:?} {kind:?}: {paths:?}");
            assert!(paths.iter().filter(|path| path.starts_with("tests/")).count() >= 2, "{paths:?}");
        }
    }

    /// What goes in and what must come out is the same whatever the rule is written in.
    #[test]
    fn the_cases_of_a_kind_are_the_same_in_every_language() {
        let cases = |language, kind| {
            files(language, kind).into_iter().filter(|file| file.path.starts_with("tests/")).map(|file| (file.path, case(file))).collect::<Vec<_>>()
        };
        for (language, kind) in LANGUAGES.iter().flat_map(|&language| KINDS.map(|kind| (language, kind))) {
            assert_eq!(cases(language, kind), cases(Language::Rust, kind), "{language:?} {kind:?}");
        }
    }

    fn case(file: &Template) -> serde_json::Value {
        serde_json::from_str(file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
    }

    #[test]
    fn the_toolchain_comes_first_where_it_is_missing() {
        let text = next_steps("rule", Language::TinyGo, "main.go", true);
        assert!(text.contains("ext toolchain install tinygo\n  ext test rule"), "{text}");
        assert!(!next_steps("rule", Language::Rust, "src/lib.rs", false).contains("toolchain"));
    }
}
