//! `ext waivers`: what a version asks to be excused from, and a reviewer's grant.

use extensions_client::registry::{Change, RegistryClient, VersionWhole, Waiver};
use extensions_types::{ExtensionId, Version, VersionSelector};

use super::{
    connect, named, refused,
    words::{self, Table},
};
use crate::{
    args::{Global, Waivers},
    failure::Failure,
    say::Say,
};

pub(crate) async fn run(waivers: &Waivers, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &waivers.extension.id;
    let version = number(&registry, waivers).await?;
    let whole = read(&registry, id, version).await?;
    let rows = &whole.summary.waivers;
    let Some(label) = &waivers.grant else {
        show(rows, id, version, say);
        return Ok(());
    };
    let labels = granted(rows, label).map_err(|why| Failure::Usage(format!("{}: {why}", named(id, version))))?;
    let why = waivers.why.as_deref().unwrap_or_default();
    for label in labels {
        let change = Change::of(id).why(why);
        let done = registry.grant_waiver(&change, version, label).await.map_err(|error| refused(error, id))?;
        say.good(format_args!("{label} is granted (event {})", done.seq));
    }
    show(&read(&registry, id, version).await?.summary.waivers, id, version, say);
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

/// The labels to grant: the one named, or every open one.
fn granted<'r>(rows: &'r [Waiver], label: &str) -> Result<Vec<&'r str>, String> {
    let open: Vec<&str> = rows.iter().filter(|row| row.granted_by.is_none()).map(|row| row.finding.as_str()).collect();
    match rows.iter().find(|row| row.finding == label) {
        Some(row) => Ok(vec![&row.finding]),
        None if !label.is_empty() => {
            Err(format!("nothing asks for `{label}`; open are: {}", if open.is_empty() { "none".to_owned() } else { open.join(", ") }))
        }
        None if open.is_empty() => Err("no waiver is open".to_owned()),
        None => Ok(open),
    }
}

fn show(rows: &[Waiver], id: &ExtensionId, version: Version, say: &Say) {
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
        let granted = row.granted_by.as_ref().map_or_else(|| "open".to_owned(), words::who);
        table.row([row.finding.clone(), row.place.clone(), row.reason.clone(), words::who(&row.requested_by), granted]);
    }
    say.text(table.render());
}

#[cfg(test)]
mod tests {
    use extensions_client::registry::Actor;

    use super::*;

    fn waiver(finding: &str, granted: bool) -> Waiver {
        let (place, reason) = (String::new(), String::new());
        Waiver { finding: finding.into(), place, reason, requested_by: Actor::default(), granted_by: granted.then(Actor::default) }
    }

    #[test]
    fn a_grant_is_about_one_or_about_all_that_are_open() {
        let rows = [waiver("embedded_secret:1", true), waiver("embedded_secret:2", false), waiver("embedded_secret:3", false)];
        assert_eq!(granted(&rows, "").unwrap(), ["embedded_secret:2", "embedded_secret:3"]);
        assert_eq!(granted(&rows, "embedded_secret:3").unwrap(), ["embedded_secret:3"]);
        assert!(granted(&rows, "embedded_secret:4").unwrap_err().contains("embedded_secret:2, embedded_secret:3"));
        assert_eq!(granted(&rows[..1], "").unwrap_err(), "no waiver is open");
    }
}
