//! Which hosts live, and which of them serve what an entry has become.

use extensions_artifact::Owned;
use extensions_coordination::{Asked, Member, Members, Serves, serves};
use extensions_proto::v1;
use extensions_registry_core::Authority;
use extensions_types::{Environment, Refusal};

use super::{Named, Service, parse, read::readable, refusal, refuse::not_found};
use crate::{
    About, Call,
    fleet::Unknown,
    view::{HostView, HostsView},
};

/// A heartbeat whose time is further off than this is old and was repeated by
/// somebody, or its host's clock is wrong: what it says does not count.
const LATE_MS: u64 = 30_000;

impl Service {
    /// The hosts of an environment: all of them for an operator; for a tenant
    /// what they serve of one of its extensions.
    ///
    /// # Errors
    /// Refuses by name. That nobody knows the hosts is an answer, not an error.
    pub async fn list_hosts(&self, call: &Call, request: v1::ListHostsRequest) -> Result<HostsView, Refusal> {
        self.audited(call, Named { operation: "ListHosts", tenant: &request.tenant_id, on: &request.extension_id }, async {
            let env = parse::environment("env", &request.env)?;
            let is_operator = matches!(call.caller()?.authority, Authority::Operator);
            let about = if request.extension_id.is_empty() {
                call.operator()?;
                None
            } else {
                let of = readable(call, &request.tenant_id, &request.extension_id)?;
                Some(self.about(of, env, request.seq).await?)
            };
            let seq = about.as_ref().map_or(0, |about| about.seq);
            match self.inner.parts.members.hosts(env, about.clone()).await {
                Ok(members) => self.shown(&members, about, is_operator).await.map(|view| HostsView { seq, ..view }),
                Err(Unknown { because }) => Ok(HostsView { unknown_because: because, seq, ..HostsView::default() }),
            }
        })
        .await
    }

    /// What must be served: the event asked for, or the entry as it is where
    /// that event did not change it.
    async fn about(&self, of: Owned, env: Environment, asked: u64) -> Result<About, Refusal> {
        let entry = self.ledger().entry(&of, env).await.map_err(|error| refusal(&error))?;
        let entry = entry.ok_or_else(|| not_found(format!("{env} serves nothing of `{}`; promote a version to it first", of.extension)))?;
        let seq = if asked == 0 { entry.applied_seq } else { asked.min(entry.applied_seq) };
        Ok(About { tenant: of.tenant, extension: of.extension, generation: entry.generation, seq })
    }

    async fn shown(&self, members: &Members, about: Option<About>, is_operator: bool) -> Result<HostsView, Refusal> {
        let happened_ms = match &about {
            Some(about) => self.happened_ms(members, about).await?,
            None => 0,
        };
        let now_ms = self.now_ms();
        let shown = |member: &Member| {
            let answer = about.as_ref().map(|about| answer(member, about, happened_ms, now_ms));
            HostView::of(member, answer, now_ms, is_operator)
        };
        Ok(HostsView {
            known: true,
            hosts: members.hosts.iter().map(shown).collect(),
            refused: if is_operator { members.refused as u64 } else { 0 },
            whole: members.whole,
            ..HostsView::default()
        })
    }

    /// When the event happened: read only where a host does not tell of the extension.
    async fn happened_ms(&self, members: &Members, about: &About) -> Result<u64, Refusal> {
        let told = |member: &Member| member.heartbeat.recent.tells(&about.tenant, &about.extension);
        if members.hosts.iter().all(told) {
            return Ok(0);
        }
        let of = Owned::new(about.tenant.clone(), about.extension.clone());
        let page = self.ledger().history(&of, about.seq.saturating_sub(1), 1).await.map_err(|error| refusal(&error))?;
        Ok(page.events.first().map_or(0, |event| event.at_ms))
    }
}

fn answer(member: &Member, about: &About, at_ms: u64, now_ms: u64) -> Serves {
    if now_ms.abs_diff(member.heartbeat.at_ms) > LATE_MS {
        return Serves::Unknown;
    }
    let About { tenant, extension, generation, seq } = about;
    serves(&member.heartbeat, Asked { tenant, extension, generation: Some(*generation), seq: *seq, at_ms })
}

#[cfg(test)]
mod tests {
    use extensions_coordination::{EntryState, Heartbeat, HostChange, HostId, Recent, Trust};
    use extensions_types::{ExtensionId, TenantId};

    use super::*;

    const NOW: u64 = 1_000_000;

    fn member(at_ms: u64, state: EntryState) -> Member {
        let mut recent = Recent::since(0);
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("a").unwrap());
        recent.note(HostChange { tenant, extension, generation: 0, seq: 7, version: None, state, at_ms });
        let heartbeat = Heartbeat {
            host: HostId::parse("h-1").unwrap(),
            env: Environment::Dev,
            build: "b".to_owned(),
            compat: "c".to_owned(),
            started_ms: 0,
            at_ms,
            address: None,
            ready: true,
            draining: false,
            control: None,
            listed_age_ms: None,
            extensions: 1,
            loaded: 1,
            problems: Vec::new(),
            recent,
        };
        Member { heartbeat, trust: Trust::Authenticated }
    }

    fn about(seq: u64) -> About {
        About { tenant: TenantId::parse("acme").unwrap(), extension: ExtensionId::parse("a").unwrap(), generation: 0, seq }
    }

    #[test]
    fn a_replayed_heartbeat_tells_nothing() {
        let served = |at_ms| answer(&member(at_ms, EntryState::Served), &about(7), 0, NOW);
        assert_eq!(served(NOW - 1_000), Serves::Yes);
        assert_eq!(served(NOW - LATE_MS - 1), Serves::Unknown);
        assert_eq!(served(NOW + LATE_MS + 1), Serves::Unknown, "nor does one from the future");
    }

    #[test]
    fn tenants_see_what_is_theirs() {
        let kept = member(NOW, EntryState::Kept { problem: "damaged".to_owned() });
        let shown = HostView::of(&kept, Some(answer(&kept, &about(7), 0, NOW)), NOW + 3, false);
        let json = serde_json::to_value(&shown).unwrap();
        let expected = serde_json::json!({
            "host": "h-1", "ready": true, "draining": false, "serves": "kept", "because": "damaged", "authenticated": true, "age_ms": 3,
        });
        assert_eq!(json, expected);
        let whole = serde_json::to_value(HostView::of(&kept, None, NOW, true)).unwrap();
        assert_eq!((&whole["build"], &whole["extensions"]), (&"b".into(), &1.into()));
    }
}
