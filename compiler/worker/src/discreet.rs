//! What tools say is shown to authors: where this machine keeps its files is left out.

use std::path::Path;

use extensions_types::Finding;

/// Folders of this machine, each with the word that stands for it.
#[derive(Debug, Clone)]
pub(crate) struct Discreet(Vec<(String, &'static str)>);

impl Discreet {
    pub(crate) fn new(source: &Path, home: &Path) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let within = |path: &Path| format!("{}/", text(path));
        // Longer ones first: the sources lie below the home.
        Self(vec![(within(source), ""), (text(source), "the extension's folder"), (within(home), "HOME/"), (text(home), "HOME")])
    }

    pub(crate) fn text(&self, text: &str) -> String {
        self.0.iter().filter(|(path, _)| path.len() > 1).fold(text.to_owned(), |text, (path, word)| text.replace(path, word))
    }

    pub(crate) fn findings(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let each = |one: Finding| Finding { message: self.text(&one.message), place: self.text(&one.place), ..one };
        findings.into_iter().map(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_machine_become_the_authors_own() {
        let discreet = Discreet::new(Path::new("/var/w/slots/0/source"), Path::new("/var/w"));
        let said = "error in /var/w/slots/0/source/Cargo.toml, see /var/w/sdk/ab/serde-1; /var/w/slots/0/source has no lib";
        assert_eq!(discreet.text(said), "error in Cargo.toml, see HOME/sdk/ab/serde-1; the extension's folder has no lib");
        let findings = discreet.findings(vec![Finding::new("a", "b", "/var/w/slots/0/source/x", "").at("/var/w/slots/0/source/src/lib.rs:1")]);
        assert_eq!((findings[0].message.as_str(), findings[0].place.as_str()), ("x", "src/lib.rs:1"));
    }
}
