//! The keys that docs/configuration.md documents.
//!
//! Its form: a `#` heading begins a part; a `##` heading with `[a.b]` or
//! `[[a.b]]` says in which section the keys of the tables below it stand. A
//! row's first cell has keys in backticks. A row with `[section]` in its first
//! cell and a link to a part of the page puts that part's keys there.

use std::collections::{BTreeMap, BTreeSet};

/// The page, by the headings of its parts.
#[derive(Debug, Default)]
pub(super) struct Page {
    parts: BTreeMap<String, Vec<Row>>,
}

#[derive(Debug)]
enum Row {
    Key(String),
    /// The part at an anchor, in a section.
    Part {
        section: String,
        anchor: String,
    },
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let (mut part, mut section) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("# ") {
                (part, section) = (heading.replace('`', ""), String::new());
            } else if let Some(heading) = line.strip_prefix("## ") {
                section = section_of(heading);
            } else if let Some(row) = line.strip_prefix("| `") {
                page.parts.entry(part.clone()).or_default().extend(rows(row, &section));
            }
        }
        page
    }

    /// Every key of the part whose heading begins with `heading`.
    pub(super) fn keys_of(&self, heading: &str) -> Result<BTreeSet<String>, String> {
        let part =
            self.parts.keys().find(|part| part.starts_with(heading)).ok_or_else(|| format!("docs/configuration.md has no part `{heading}`"))?;
        let mut keys = BTreeSet::new();
        self.collect(part, "", &mut keys)?;
        Ok(keys)
    }

    fn collect(&self, part: &str, within: &str, keys: &mut BTreeSet<String>) -> Result<(), String> {
        for row in self.parts.get(part).into_iter().flatten() {
            match row {
                Row::Key(key) => drop(keys.insert(joined(within, key))),
                Row::Part { section, anchor } => {
                    let linked = self.parts.keys().find(|part| self::anchor(part) == *anchor);
                    let linked = linked.ok_or_else(|| format!("docs/configuration.md links to #{anchor}, which has no keys"))?;
                    self.collect(linked, &joined(within, section), keys)?;
                }
            }
        }
        Ok(())
    }
}

/// `[a.b] of a registry` is `a.b`, `[[a.b]]` is `a.b[]`, words alone are no section.
fn section_of(heading: &str) -> String {
    let list = heading.strip_prefix("[[").and_then(|rest| rest.split(']').next()).map(|name| format!("{name}[]"));
    let one = || heading.strip_prefix('[').and_then(|rest| rest.split(']').next()).map(str::to_owned);
    list.or_else(one).unwrap_or_default()
}

/// The keys of one row's first cell; `row` begins behind its first backtick.
fn rows(row: &str, section: &str) -> Vec<Row> {
    let (first, rest) = row.split_once(" | ").unwrap_or((row, ""));
    let named: Vec<_> = first.split('`').step_by(2).filter(|name| !name.is_empty()).collect();
    let anchor = rest.split_once("](#").and_then(|(_, link)| link.split(')').next());
    let bracketed = |name: &str| name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).map(str::to_owned);
    let row_of = |name: &str| match (bracketed(name), anchor) {
        (Some(inner), Some(anchor)) => Row::Part { section: joined(section, &inner), anchor: anchor.to_owned() },
        _ => Row::Key(joined(section, name)),
    };
    named.into_iter().map(row_of).collect()
}

fn joined(within: &str, key: &str) -> String {
    if within.is_empty() { key.to_owned() } else { format!("{within}.{key}") }
}

/// As links name a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "
# A host: `extensions-runtime`
| Key | Default | Meaning |
|---|---|---|
| `env` | required | words |
| `[store]`, `[other]` | required | a [store](#stores-of-all) |
## [listen] of a host
| `address`, `port` | x | [elsewhere](decisions/1.md) |
| `[tls]` | none | as [others](#tls) |
# Stores of all
| `dir` | none | words |
## [[issuers]]
| `issuer` | none | words |
# TLS
| `cert_file` | none | words |
";

    #[test]
    fn keys_are_found_where_they_stand_and_where_a_part_is_put() {
        let keys = Page::read(PAGE).keys_of("A host").unwrap();
        let expected = [
            "env",
            "listen.address",
            "listen.port",
            "listen.tls.cert_file",
            "other.dir",
            "other.issuers[].issuer",
            "store.dir",
            "store.issuers[].issuer",
        ];
        assert_eq!(keys.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(Page::read(PAGE).keys_of("A guest").is_err());
        assert!(Page::read("# A\n| `[x]` | a | [b](#gone) |").keys_of("A").unwrap_err().contains("gone"));
    }
}
