//! `ext list`: what a server serves to the caller's tenant, and how far its
//! versions have come.
//!
//! A host knows what it serves, a registry what there is. `ext dev` is both;
//! where one of the two is not there, its columns are empty.

use std::{collections::BTreeMap, time::Duration};

use extensions_client::{
    InvokeError, Listed,
    registry::{Filter, Registered, RegistryClient},
};
use extensions_types::{Environment, ErrorCode, ExtensionId, Kind};
use serde_json::{Value, json};

use crate::{
    args::{Global, List},
    commands::{
        registry::words::{self, Table},
        server::Server,
    },
    failure::Failure,
    say::Say,
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest page that a registry gives.
const PAGE: u32 = 200;

/// What is known of one extension.
#[derive(Default)]
struct Row {
    served: Option<Listed>,
    registered: Option<Registered>,
}

pub(crate) async fn run(list: &List, global: &Global, say: &Say) -> Result<(), Failure> {
    let server = Server::of(global)?;
    let (host, registry) = (server.grpc(TIMEOUT)?, server.registry(TIMEOUT)?);
    let (served, registered) = tokio::join!(host.list(list.kind.map(Kind::from)), all(&registry, list));
    let mut rows: BTreeMap<ExtensionId, Row> = BTreeMap::new();
    let (served, registered) = known(served, registered)?;
    let in_registry = registered.is_some();
    for one in registered.into_iter().flatten() {
        let id = one.id.clone();
        rows.entry(id).or_default().registered = Some(one);
    }
    for one in served.into_iter().flatten().filter(|one| is_asked_for(list, one)) {
        let id = one.id.clone();
        rows.entry(id).or_default().served = Some(one);
    }
    if rows.is_empty() {
        say.note(if in_registry { "this tenant has no extension that fits; `ext push` makes one" } else { "nothing is served to this tenant" });
        return Ok(());
    }
    if say.is_json() {
        rows.iter().for_each(|(id, row)| say.event(&as_json(id, row)));
    } else {
        say.text(table(&rows, in_registry));
    }
    Ok(())
}

/// Every page of the registry's list.
async fn all(registry: &RegistryClient, list: &List) -> Result<Vec<Registered>, InvokeError> {
    let filter = Filter { kind: list.kind.map(Kind::from), risk_tier: list.tier, env: None, tag: list.tag.clone(), id_prefix: list.prefix.clone() };
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = registry.list(&filter, PAGE, &after).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = next,
            None => return Ok(rows),
        }
    }
}

/// What host and registry know.
type Known = (Option<Vec<Listed>>, Option<Vec<Registered>>);

/// What each side knows; a side that is not there, or not open to this token,
/// leaves the other alone. Fails where neither answers.
fn known(served: Result<Vec<Listed>, InvokeError>, registered: Result<Vec<Registered>, InvokeError>) -> Result<Known, Failure> {
    let is_elsewhere = |error: &InvokeError| {
        matches!(error, InvokeError::Absent { .. }) || matches!(error.code(), Some(ErrorCode::PermissionDenied | ErrorCode::Unavailable))
    };
    match (served, registered) {
        (Ok(served), Ok(registered)) => Ok((Some(served), Some(registered))),
        (Ok(served), Err(error)) if is_elsewhere(&error) => Ok((Some(served), None)),
        (Err(error), Ok(registered)) if is_elsewhere(&error) => Ok((None, Some(registered))),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}

/// The registry filters itself; a host only by kind.
fn is_asked_for(list: &List, one: &Listed) -> bool {
    let tag = list.tag.is_empty() || one.tags.contains(&list.tag);
    tag && list.tier.is_none_or(|tier| tier == one.risk_tier) && one.id.as_str().starts_with(&list.prefix)
}

fn as_json(id: &ExtensionId, row: &Row) -> Value {
    let mut value = json!({
        "extension_id": id, "kind": row.kind(), "risk_tier": row.tier(), "description": row.description(),
        "served_version": row.served.as_ref().map(|one| one.served_version),
        "tags": row.served.as_ref().map(|one| &one.tags).or(row.registered.as_ref().map(|one| &one.tags)),
        "tool": row.served.as_ref().and_then(|one| one.tool.as_ref()).map(|tool| &tool.name),
    });
    if let Some(one) = &row.registered {
        value["registry"] = json!({"seq": one.seq, "entries": one.entries, "latest": one.latest});
    }
    value
}

fn table(rows: &BTreeMap<ExtensionId, Row>, in_registry: bool) -> String {
    const HOST: [&str; 4] = ["EXTENSION", "KIND", "TIER", "SERVED"];
    const REGISTRY: [&str; 4] = ["DEV", "STAGING", "PROD", "NEWEST"];
    let columns: &[&str] = if in_registry { &REGISTRY } else { &[] };
    let mut table = Table::new(&[&HOST[..], columns, &["DESCRIPTION"]].concat());
    for (id, row) in rows {
        let served = row.served.as_ref().map_or_else(|| "–".to_owned(), |one| one.served_version.to_string());
        let mut cells = vec![id.to_string(), row.kind(), row.tier(), served];
        if in_registry {
            cells.extend(row.states());
        }
        cells.push(row.description().to_owned());
        table.row(cells);
    }
    table.render()
}

impl Row {
    fn kind(&self) -> String {
        let registered = self.registered.as_ref().map(|one| one.kind);
        registered.or(self.served.as_ref().map(|one| one.kind)).map_or_else(String::new, |kind| kind.to_string())
    }

    fn tier(&self) -> String {
        let registered = self.registered.as_ref().map(|one| one.risk_tier);
        self.served.as_ref().map(|one| one.risk_tier).or(registered).map_or_else(String::new, |tier| tier.to_string())
    }

    fn description(&self) -> &str {
        let served = self.served.as_ref().map(|one| one.description.as_str());
        served.or(self.registered.as_ref().map(|one| one.description.as_str())).unwrap_or_default()
    }

    fn states(&self) -> [String; 4] {
        let Some(one) = &self.registered else {
            // A folder of `ext dev`: outside of history.
            return [String::new(), String::new(), String::new(), "folder".to_owned()];
        };
        let newest = one.latest.as_ref().map_or_else(String::new, |latest| format!("{} {}", latest.version, latest.state));
        let served = |env| words::served(one.entry(env));
        [served(Environment::Dev), served(Environment::Staging), served(Environment::Prod), newest]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> InvokeError {
        InvokeError::Refused(Box::new(extensions_client::Refused { code, message: String::new(), retry_after: None, correlation: None }))
    }

    #[test]
    fn either_side_may_be_absent_but_not_unreachable() {
        let absent = || InvokeError::Absent { message: String::new() };
        assert!(matches!(known(Ok(Vec::new()), Err(absent())), Ok((Some(_), None))));
        assert!(matches!(known(Err(absent()), Ok(Vec::new())), Ok((None, Some(_)))));
        assert!(matches!(known(Ok(Vec::new()), Err(refused(ErrorCode::PermissionDenied))), Ok((Some(_), None))));
        assert!(known(Err(absent()), Err(absent())).is_err());
        assert!(known(Ok(Vec::new()), Err(refused(ErrorCode::Unauthenticated))).is_err());
        assert!(known(Ok(Vec::new()), Err(InvokeError::Unreachable { sent: false, source: "x".into() })).is_err());
    }
}
