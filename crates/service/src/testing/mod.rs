//! Compares docs/configuration.md with what settings types accept, for the
//! tests of every program: the page cannot go stale.

mod accepted;
mod page;

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::de::DeserializeOwned;

pub use accepted::{Accepted, accepted};

use self::page::Page;
use crate::Known;

/// Compares what docs/configuration.md says in the part with the heading `part`
/// (`A host: …`) with the keys that `T` accepts, both ways; and whether
/// variables reach every section.
///
/// # Errors
/// Names every key that is undocumented, every one that no longer exists, and
/// every section that variables do not reach.
pub fn page_agrees<T: DeserializeOwned>(part: &str, known: Known) -> Result<(), String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    compare(&accepted::<T>(), &Page::read(&text).keys_of(part)?, known)
}

fn compare(accepted: &Accepted, documented: &BTreeSet<String>, known: Known) -> Result<(), String> {
    let mut problems: Vec<_> = accepted.keys.difference(documented).map(|key| format!("{key} is accepted and not documented")).collect();
    problems.extend(documented.difference(&accepted.keys).map(|key| format!("{key} is documented and not accepted")));
    let top = accepted.keys.iter().filter(|key| !key.contains(['.', '[']));
    problems.extend(top.filter(|key| !known.top.contains(&key.as_str())).map(|key| format!("no variable reaches the key {key}")));
    // Lists are for the file alone.
    let reachable = accepted.sections.iter().filter(|section| !section.contains("[]"));
    problems.extend(
        reachable.filter(|section| !known.sections.contains(&section.as_str())).map(|section| format!("no variable reaches the section {section}")),
    );
    problems.extend(
        known
            .sections
            .iter()
            .filter(|section| !accepted.sections.contains(**section))
            .map(|section| format!("variables are for the section {section}, which does not exist")),
    );
    if problems.is_empty() { Ok(()) } else { Err(format!("docs/configuration.md and the settings differ:\n{}", problems.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_named() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let accepted = Accepted { keys: texts(&["a.b", "c", "l[].d"]), sections: texts(&["a", "l[]"]) };
        let fine = Known { sections: &["a"], top: &["c"] };
        assert_eq!(compare(&accepted, &texts(&["a.b", "c", "l[].d"]), fine), Ok(()));
        let stale = Known { sections: &["x"], top: &[] };
        let problem = compare(&accepted, &texts(&["a.b", "gone", "l[].d"]), stale).unwrap_err();
        for word in ["c is accepted and not", "gone is documented and not", "reaches the section a", "the section x, which", "reaches the key c"] {
            assert!(problem.contains(word), "{problem}");
        }
    }
}
