//! `ext show`: an extension, one version of it, or what changed between two.

use std::collections::BTreeMap;

use extensions_client::registry::{Registered, Review, VersionSummary, VersionWhole};
use extensions_types::{Environment, ExtensionId, VersionSelector};
use serde::Serialize;
use serde_json::Value;

use super::{
    connect, diff,
    hosts::{self, Spread},
    refused,
    words::{self, Table},
};
use crate::{
    args::{Global, Show},
    failure::Failure,
    say::Say,
};

/// An extension, and who serves it where that is known.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    extension: &'a Registered,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hosts: BTreeMap<Environment, Spread>,
}

pub(crate) async fn run(show: &Show, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &show.extension.id;
    let version = async |version, wit| registry.version(id, version, wit).await.map_err(|error| refused(error, id));
    if let Some([from, to]) = show.diff.as_deref() {
        let (from, to) = (version(*from, true).await?, version(*to, true).await?);
        if let Some(unbuilt) = [&from, &to].into_iter().find(|one| !one.summary.built) {
            let number = unbuilt.summary.version;
            return Err(Failure::Usage(format!("version {number} is not built: there is nothing to compare; `ext show {id}@{number}` says why")));
        }
        let difference = diff::between(&from, &to);
        say.data(&difference, difference.render());
        return Ok(());
    }
    match show.extension.version {
        VersionSelector::Exact(number) => one_version(id, &version(number, show.wit).await?, show.wit, say),
        VersionSelector::Latest => {
            let extension = registry.extension(id).await.map_err(|error| refused(error, id))?;
            match (show.wit, &extension.latest) {
                (true, Some(latest)) => one_version(id, &version(latest.version, true).await?, true, say),
                _ => {
                    let hosts = hosts::spread(&registry, &extension).await;
                    let text = overview(&extension, &hosts);
                    say.data(&Shown { extension: &extension, hosts }, text);
                }
            }
        }
    }
    Ok(())
}

fn one_version(id: &ExtensionId, version: &VersionWhole, wit: bool, say: &Say) {
    if wit && !version.wit.is_empty() {
        say.data(version, version.wit.trim_end());
    } else {
        say.data(version, details(id, version));
    }
}

fn overview(extension: &Registered, hosts: &BTreeMap<Environment, Spread>) -> String {
    let Registered { id, kind, risk_tier, description, tags, seq, .. } = extension;
    let tags = if tags.is_empty() { String::new() } else { format!("  [{}]", words::plain(&tags.join(", "))) };
    let mut entries = Table::new(&["ENV", "SERVES", "HOSTS", "LAST GOOD", "DIGEST", "PINS"]);
    for entry in &extension.entries {
        let pins = entry.pins.iter().map(words::pin).collect::<Vec<_>>().join(", ");
        let last_good = entry.last_good.map_or_else(String::new, |version| version.to_string());
        let on = hosts.get(&entry.env).map(Spread::text).unwrap_or_default();
        entries.row([entry.env.to_string(), words::served(Some(entry)), on, last_good, words::short(&entry.digest), pins]);
    }
    let mut versions = Table::new(&["VERSION", "STATE", "TIER", "SIZE", "DIGEST", "BY", "WHEN", "REVIEWS"]);
    for version in &extension.versions {
        versions.row(summary(version));
    }
    let kept: String = hosts.iter().flat_map(|(env, spread)| spread.problems(*env)).map(|line| format!("\n{line}")).collect();
    let (described, entries, versions) = (words::plain(description), entries.render(), versions.render());
    format!("{id}  {kind}  tier {risk_tier}  event {seq}{tags}\n{described}\n\n{entries}{kept}\n\n{versions}")
}

fn summary(version: &VersionSummary) -> [String; 8] {
    let reviews = version.reviews.iter().map(review).collect::<Vec<_>>().join(", ");
    let state = if version.compiling { format!("{} (compiling)", version.state) } else { version.state.to_string() };
    [
        version.version.to_string(),
        state,
        version.risk_tier.map_or_else(String::new, |tier| tier.to_string()),
        words::size(version.component_bytes),
        words::short(&version.digest),
        words::who(&version.created_by),
        words::time(version.created_at_ms),
        reviews,
    ]
}

fn review(review: &Review) -> String {
    let Review { env, approved_by, rejected_by, rejected_why, approvals_needed, open } = review;
    if let Some(actor) = rejected_by {
        return format!("{env} rejected by {}: {}", words::who(actor), words::plain(rejected_why));
    }
    let by = approved_by.iter().map(words::who).collect::<Vec<_>>().join(" and ");
    let by = if by.is_empty() { by } else { format!(" by {by}") };
    let waits = if *open { ", waits" } else { "" };
    format!("{env} {}/{approvals_needed} approved{by}{waits}", approved_by.len())
}

fn details(id: &ExtensionId, version: &VersionWhole) -> String {
    let mut lines = vec![headline(id, &version.summary)];
    let definition = &version.definition;
    if !definition.is_null() {
        lines.push(format!("limits        {}", flat(&definition["limits"])));
        lines.push(format!("host calls    {}", list(&definition["host_calls"])));
        lines.push(format!("failure       {}", flat(&definition["failure"])));
        lines.push(format!("imports       {}", if version.imports.is_empty() { "nothing".to_owned() } else { version.imports.join(", ") }));
        for (which, schema) in definition["schemas"].as_object().into_iter().flatten() {
            lines.push(format!("{which} schema\n{}", indented(&format!("{schema:#}"))));
        }
    }
    if !version.evidence.is_null() {
        lines.push(format!("evidence\n{}", indented(&format!("{:#}", version.evidence))));
    }
    for finding in &version.summary.findings {
        lines.push(format!("failed        {}: {}; {}", finding.step, words::plain(&finding.message), words::plain(&finding.remedy)));
    }
    lines.extend(version.summary.reviews.iter().map(|one| format!("review        {}", review(one))));
    lines.join("\n")
}

fn headline(id: &ExtensionId, summary: &VersionSummary) -> String {
    let size = if summary.built { format!("{} bytes  sha256:{}", summary.component_bytes, summary.digest) } else { "not built".to_owned() };
    let tier = summary.risk_tier.map_or_else(String::new, |tier| format!("  tier {tier}"));
    let made = format!("made          by {} at {}", words::who(&summary.created_by), words::time(summary.created_at_ms));
    format!("{}  {}{tier}  {size}\n{made}", super::named(id, summary.version), summary.state)
}

/// An object's members in one line.
fn flat(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let text = members.map(|(name, value)| format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect::<Vec<_>>();
    if text.is_empty() { "–".to_owned() } else { words::plain(&text.join(", ")) }
}

fn list(value: &Value) -> String {
    let items: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if items.is_empty() { "none".to_owned() } else { words::plain(&items.join(", ")) }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
