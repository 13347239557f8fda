//! A new draft gets its number.

use extensions_types::{Origin, Version};

use super::{Case, Ruling};
use crate::{
    About, Change, Draft, Refusal,
    bounds::{COMPONENT_BYTES_MAX, DESCRIPTION_BYTES_MAX, PUSHERS_MAX, SOURCE_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX, VERSIONS_MAX, check_text},
};

impl Case<'_> {
    pub(super) fn create(&self, draft: &Draft) -> Ruling {
        check_about(&draft.about)?;
        check_size(draft)?;
        self.check_agent_tier(draft.about.risk_tier)?;
        if draft.origin == Origin::Uploaded && draft.about.risk_tier > extensions_types::RiskTier::Low {
            let tier = draft.about.risk_tier;
            return Err(Refusal::rule(format!("a component from outside is admitted for tier low only, this is tier {tier}; push its source")));
        }
        self.check_tier_not_lowered(draft.about.risk_tier)?;
        self.check_room()?;
        let version = Version::new(self.state.last_version + 1).ok_or_else(|| Refusal::rule("the extension's version numbers are used up"))?;
        Ok(Some(Change::VersionCreated { version, draft: draft.clone() }))
    }

    fn check_room(&self) -> Result<(), Refusal> {
        let extension = &self.state.extension;
        if self.state.versions.len() >= VERSIONS_MAX {
            return Err(Refusal::rule(format!(
                "extension `{extension}` holds {VERSIONS_MAX} versions, as many as are kept; retire those that nobody needs, so that retention deletes them"
            )));
        }
        let known = |person| self.state.pushers.iter().any(|pusher| pusher.person == person);
        let new = self.caller.actor.hands().filter(|person| !known(person.clone())).count();
        if self.state.pushers.len() + new > PUSHERS_MAX {
            return Err(Refusal::rule(format!("{PUSHERS_MAX} people have pushed to `{extension}`, as many as are kept; one of them must push")));
        }
        Ok(())
    }
}

fn check_about(about: &About) -> Result<(), Refusal> {
    check_text("the description", &about.description, DESCRIPTION_BYTES_MAX)?;
    if about.tags.len() > TAGS_MAX {
        return Err(Refusal::bad(format!("{} tags are given, at most {TAGS_MAX} are kept; remove some", about.tags.len())));
    }
    about.tags.iter().try_for_each(|tag| check_text("a tag", tag, TAG_BYTES_MAX))
}

fn check_size(draft: &Draft) -> Result<(), Refusal> {
    let (what, max) = match draft.origin {
        Origin::Source => ("source", SOURCE_BYTES_MAX),
        Origin::Uploaded => ("component", COMPONENT_BYTES_MAX),
    };
    match draft.source_bytes {
        0 => Err(Refusal::bad(format!("the {what} bundle is empty; push what `ext push` packs"))),
        bytes if bytes > max => {
            let text = format!("the {what} bundle has {bytes} bytes, at most {max} are accepted; remove what the build does not need");
            Err(Refusal::new(extensions_types::ErrorCode::InputTooLarge, text))
        }
        _ => Ok(()),
    }
}
