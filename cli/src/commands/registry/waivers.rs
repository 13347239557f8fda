//! `ext waivers`: what a version asks to be excused from, and a reviewer's grant.
//!
//! What is granted comes from the version's history, where and why it is asked
//! for from its evidence.

use extensions_client::registry::{Change, RegistryClient, VersionWhole};
use extensions_types::{ExtensionId, Version, VersionSelector, Waiver as Asked};
use serde::Serialize;

use super::{
    connect, named, refused,
    words::{self, Table},
};
use crate::{
    args::{Global, Waivers},
    failure::Failure,
    say::Say,
};

/// One waiver as programs read it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// What a grant names.
    label: String,
    place: String,
    reason: String,
    requested_by: String,
    /// None while it is open.
    granted_by: Option<String>,
}

pub(crate) async fn run(waivers: &Waivers, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &waivers.extension.id;
    let version = number(&registry, waivers).await?;
    let whole = read(&registry, id, version).await?;
    let rows = rows(&whole);
    let Some(label) = &waivers.grant else {
        show(&rows, id, version, say);
        return Ok(());
    };
    let labels = granted(&rows, label).map_err(|why| Failure::Usage(format!("{}: {why}", named(id, version))))?;
    let why = waivers.why.as_deref().unwrap_or_default();
    for label in labels {
        let change = Change::of(id).why(why);
        let done = registry.grant_waiver(&change, version, label).await.map_err(|error| refused(error, id))?;
        say.good(format_args!("{label} is granted (event {})", done.seq));
    }
    show(&self::rows(&read(&registry, id, version).await?), id, version, say);
    Ok(())
}

async fn number(registry: &RegistryClient, waivers: &Waivers) -> Result<Version, Failure> {
    let id = &waivers.extension.id;
    match waivers.extension.version {
        VersionSelector::Exact(version) => Ok(version),
        VersionSelector::Latest => {
            let extension = registry.extension(id).await.map_err(|error| refused(error, id))?;
            let latest = extension.latest.ok_or_else(|| Failure::Usage(format!("{id} has no version; `ext push` makes one")))?;
            Ok(latest.version)
        }
    }
}

async fn read(registry: &RegistryClient, id: &ExtensionId, version: Version) -> Result<VersionWhole, Failure> {
    registry.version(id, version, false).await.map_err(|error| refused(error, id))
}

/// Joins what the history says with what the evidence says.
fn rows(version: &VersionWhole) -> Vec<Row> {
    let asked: Vec<Asked> = serde_json::from_value(version.evidence["waivers"].clone()).unwrap_or_default();
    let row = |waiver: &extensions_client::registry::Waiver| {
        let asked = asked.iter().find(|asked| is_about(&waiver.finding, asked));
        Row {
            label: waiver.finding.clone(),
            place: asked.map_or_else(String::new, |asked| asked.place.clone()),
            reason: asked.map_or_else(String::new, |asked| asked.reason.clone()),
            requested_by: words::who(&waiver.requested_by),
            granted_by: waiver.granted_by.as_ref().map(words::who),
        }
    };
    version.summary.waivers.iter().map(row).collect()
}

/// A label is the rule, and what tells one finding of it from another.
fn is_about(label: &str, asked: &Asked) -> bool {
    label.strip_prefix(asked.rule.as_str()).is_some_and(|rest| rest.strip_prefix(':').unwrap_or(rest) == asked.fingerprint)
        || label == asked.fingerprint
}

/// The labels to grant: the one named, or every open one.
fn granted<'r>(rows: &'r [Row], label: &str) -> Result<Vec<&'r str>, String> {
    let open: Vec<&str> = rows.iter().filter(|row| row.granted_by.is_none()).map(|row| row.label.as_str()).collect();
    match rows.iter().find(|row| row.label == label) {
        Some(row) => Ok(vec![&row.label]),
        None if !label.is_empty() => {
            Err(format!("nothing asks for `{label}`; open are: {}", if open.is_empty() { "none".to_owned() } else { open.join(", ") }))
        }
        None if open.is_empty() => Err("no waiver is open".to_owned()),
        None => Ok(open),
    }
}

fn show(rows: &[Row], id: &ExtensionId, version: Version, say: &Say) {
    if say.is_json() {
        rows.iter().for_each(|row| say.data(row, ""));
        return;
    }
    if rows.is_empty() {
        say.note(format_args!("{} asks for no waiver", named(id, version)));
        return;
    }
    let mut table = Table::new(&["WAIVER", "PLACE", "WHY", "ASKED BY", "GRANTED BY"]);
    for row in rows {
        let granted = row.granted_by.clone().unwrap_or_else(|| "open".to_owned());
        table.row([row.label.clone(), row.place.clone(), row.reason.clone(), row.requested_by.clone(), granted]);
    }
    say.text(table.render());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, granted_by: Option<&str>) -> Row {
        Row {
            label: label.into(),
            place: String::new(),
            reason: String::new(),
            requested_by: "ada".into(),
            granted_by: granted_by.map(str::to_owned),
        }
    }

    #[test]
    fn a_grant_is_about_one_or_about_all_that_are_open() {
        let rows = [row("embedded_secret:1", Some("grace")), row("embedded_secret:2", None), row("embedded_secret:3", None)];
        assert_eq!(granted(&rows, "").unwrap(), ["embedded_secret:2", "embedded_secret:3"]);
        assert_eq!(granted(&rows, "embedded_secret:3").unwrap(), ["embedded_secret:3"]);
        assert!(granted(&rows, "embedded_secret:4").unwrap_err().contains("embedded_secret:2, embedded_secret:3"));
        assert_eq!(granted(&rows[..1], "").unwrap_err(), "no waiver is open");
    }

    #[test]
    fn a_label_meets_its_evidence() {
        let asked = Asked { rule: "embedded_secret".into(), place: "src/lib.rs:3".into(), reason: "a test key".into(), fingerprint: "ab:20".into() };
        assert!(is_about("embedded_secret:ab:20", &asked) && !is_about("embedded_secret:ab:21", &asked));
    }
}
