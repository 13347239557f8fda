//! Which version is meant where none is named. Decides, asks nobody.

use extensions_client::registry::{Registered, VersionSummary};
use extensions_types::{Environment, VersionState};

use crate::failure::Failure;

/// What goes to `to` next: the newest that is built for dev, else what the
/// environment before serves.
pub(super) fn next_for(extension: &Registered, to: Environment) -> Result<&VersionSummary, Failure> {
    let id = &extension.id;
    let (before, version) = match to {
        Environment::Dev => {
            let newest = extension.versions.iter().find(|version| is_usable(version));
            return newest.ok_or_else(|| Failure::Usage(format!("{id} has no version that is built; `ext push` makes one")));
        }
        Environment::Staging => (Environment::Dev, extension.served(Environment::Dev)),
        Environment::Prod => (Environment::Staging, extension.served(Environment::Staging)),
    };
    let summary = version.and_then(|version| extension.versions.iter().find(|summary| summary.version == version));
    summary.ok_or_else(|| {
        Failure::Usage(format!(
            "{before} serves no version of {id} that could go to {to}; name one as {id}@VERSION, or `ext promote {id} --to {before}` first"
        ))
    })
}

/// The one version that waits for a decision about `to`.
pub(super) fn waiting_for(extension: &Registered, to: Environment) -> Result<&VersionSummary, Failure> {
    let id = &extension.id;
    let waits = |version: &&VersionSummary| version.reviews.iter().any(|review| review.env == to && review.open);
    let waiting: Vec<_> = extension.versions.iter().filter(waits).collect();
    match waiting[..] {
        [one] => Ok(one),
        [] => Err(Failure::Usage(format!("no version of {id} waits for a decision about {to}; `ext submit {id} --to {to}` asks for one"))),
        _ => {
            let numbers: Vec<_> = waiting.iter().map(|version| version.version.to_string()).collect();
            Err(Failure::Usage(format!("versions {} of {id} wait for a decision about {to}; name one as {id}@VERSION", numbers.join(", "))))
        }
    }
}

fn is_usable(version: &VersionSummary) -> bool {
    version.built && !matches!(version.state, VersionState::Failed | VersionState::Rejected | VersionState::Retired)
}

#[cfg(test)]
mod tests {
    use extensions_client::registry::{Actor, EntryState, Review};
    use extensions_types::{Kind, RiskTier, Version};

    use super::*;

    fn version(number: u64) -> Version {
        Version::new(number).unwrap()
    }

    fn summary(number: u64, state: VersionState, built: bool, waiting: Option<Environment>) -> VersionSummary {
        let review = |env| Review { env, approved_by: Vec::new(), rejected_by: None, rejected_why: String::new(), approvals_needed: 1, open: true };
        VersionSummary {
            version: version(number),
            state,
            built,
            origin: None,
            digest: String::new(),
            component_bytes: 0,
            bundle_sha256: String::new(),
            risk_tier: None,
            created_by: Actor::default(),
            created_at_ms: 0,
            findings: Vec::new(),
            reviews: waiting.map(review).into_iter().collect(),
            waivers: Vec::new(),
            compiling: false,
            source_deleted: false,
        }
    }

    fn extension(versions: Vec<VersionSummary>, dev: Option<u64>) -> Registered {
        let entry =
            EntryState { env: Environment::Dev, version: dev.map(version), digest: String::new(), enabled: true, last_good: None, pins: Vec::new() };
        Registered {
            id: "vat".parse().unwrap(),
            kind: Kind::AgentTool,
            risk_tier: RiskTier::Low,
            tier_min: None,
            description: String::new(),
            tags: Vec::new(),
            seq: 9,
            generation: 0,
            changed_at_ms: 0,
            entries: vec![entry],
            latest: None,
            versions,
        }
    }

    #[test]
    fn dev_gets_the_newest_that_is_built_and_the_others_what_came_before() {
        let versions = vec![
            summary(4, VersionState::Failed, false, None),
            summary(3, VersionState::Draft, true, None),
            summary(2, VersionState::PromotedDev, true, None),
        ];
        let one = extension(versions, Some(2));
        assert_eq!(next_for(&one, Environment::Dev).unwrap().version, version(3));
        assert_eq!(next_for(&one, Environment::Staging).unwrap().version, version(2));
        assert!(next_for(&one, Environment::Prod).unwrap_err().to_string().contains("ext promote vat --to staging"));
        assert!(next_for(&extension(Vec::new(), None), Environment::Dev).unwrap_err().to_string().contains("ext push"));
    }

    #[test]
    fn a_decision_is_about_the_one_that_waits() {
        let waiting = |number, env| summary(number, VersionState::InReview, true, Some(env));
        let one = extension(vec![waiting(3, Environment::Prod), waiting(2, Environment::Staging)], None);
        assert_eq!(waiting_for(&one, Environment::Staging).unwrap().version, version(2));
        let two = extension(vec![waiting(3, Environment::Staging), waiting(2, Environment::Staging)], None);
        assert!(waiting_for(&two, Environment::Staging).unwrap_err().to_string().contains("3, 2"));
        assert!(waiting_for(&two, Environment::Prod).unwrap_err().to_string().contains("ext submit vat --to prod"));
    }
}
