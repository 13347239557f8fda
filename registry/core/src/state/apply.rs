//! From one state to the next: what each change does. No rule is checked
//! here; what history holds has happened.

use extensions_types::{CallLabel, Environment, Version};

use super::{Approval, Build, Extension, Pusher, Rejection, Review, Serving, VersionRecord, Waiver};
use crate::{Actor, AskedWaiver, Built, Change, Draft, Event, Finding, recent::Remembered};

/// Why an event does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Not the next one.
    #[error("event {got} does not follow event {applied}: the history has a gap or is out of order")]
    Gap {
        /// The last one applied.
        applied: u64,
        /// The one given.
        got: u64,
    },
    /// It names a version that was never created or is deleted.
    #[error("event {seq} names version {version}, which the history before it does not hold")]
    UnknownVersion {
        /// The event.
        seq: u64,
        /// The version.
        version: Version,
    },
    /// It names a version number out of order.
    #[error("event {seq} creates version {version}, but {last} was the last one")]
    WrongNumber {
        /// The event.
        seq: u64,
        /// The version.
        version: Version,
        /// The highest number before it.
        last: u64,
    },
    /// It changes an entry that does not exist.
    #[error("event {seq} changes what {env} serves, but {env} has served nothing")]
    NothingServed {
        /// The event.
        seq: u64,
        /// The environment.
        env: Environment,
    },
    /// It decides on a review or a waiver that nobody asked for.
    #[error("event {seq} answers for version {version} what nobody asked for")]
    NotAsked {
        /// The event.
        seq: u64,
        /// The version.
        version: Version,
    },
}

impl Extension {
    /// The state after one more event.
    ///
    /// # Errors
    /// When it is not the next one, or does not fit those before it; then the
    /// state is as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        if event.seq != self.applied_seq + 1 {
            return Err(ApplyError::Gap { applied: self.applied_seq, got: event.seq });
        }
        self.change(event)?;
        self.applied_seq = event.seq;
        self.changed_at_ms = event.at_ms;
        self.recent.remember(Remembered {
            actor: &event.actor,
            id: &event.command_id,
            content: event.content,
            seq: event.seq,
            at_ms: event.at_ms,
            version: event.change.version(),
        });
        Ok(())
    }

    fn change(&mut self, event: &Event) -> Result<(), ApplyError> {
        let Event { seq, at_ms, .. } = *event;
        match &event.change {
            Change::VersionCreated { version, draft } => self.create(*version, draft, event)?,
            Change::CompileRequested { version, attempt } => self.request_compile(*version, *attempt, event)?,
            Change::VersionBuilt { version, built } => self.build(*version, built, event)?,
            Change::VersionFailed { version, findings, .. } => self.record(*version, seq)?.build = failed(seq, findings),
            Change::ReviewSubmitted { version, to } => self.submit(*version, *to, event)?,
            Change::Approved { version, to, digest } => {
                let approval = Approval { by: event.actor.clone(), digest: *digest, at_ms };
                self.review(*version, *to, seq)?.approvals.push(approval);
            }
            Change::Rejected { version, to } => {
                let rejection = Rejection { by: event.actor.clone(), why: event.why.clone(), at_ms };
                self.review(*version, *to, seq)?.rejected = Some(rejection);
            }
            Change::WaiverRequested { version, finding } => {
                let asked = AskedWaiver { finding: finding.clone(), place: String::new(), reason: String::new() };
                self.record(*version, seq)?.waivers.push(Waiver::new(asked, &event.actor));
            }
            Change::WaiverGranted { version, finding } => self.grant(*version, finding, event)?,
            Change::Promoted { version, env, .. } => self.promote(*version, *env, seq)?,
            Change::RolledBack { env, from, to } => self.entry(*env, seq)?.roll_back(*from, *to, seq),
            Change::Pinned { env, pin, version } => self.entry(*env, seq)?.set_pin(pin, *version),
            Change::EnabledSet { env, enabled } => self.entry(*env, seq)?.enabled = *enabled,
            Change::Retired { version } => self.record(*version, seq)?.retired_at_ms = Some(at_ms),
            Change::TierLowered { to, .. } => self.tier = Some(*to),
            Change::SourceDeleted { version } => self.record(*version, seq)?.source_deleted = true,
            Change::VersionDeleted { version } => self.delete(*version, seq)?,
        }
        Ok(())
    }

    fn record(&mut self, version: Version, seq: u64) -> Result<&mut VersionRecord, ApplyError> {
        self.versions.get_mut(&version).ok_or(ApplyError::UnknownVersion { seq, version })
    }

    fn review(&mut self, version: Version, env: Environment, seq: u64) -> Result<&mut Review, ApplyError> {
        self.record(version, seq)?.reviews.get_mut(&env).ok_or(ApplyError::NotAsked { seq, version })
    }

    fn entry(&mut self, env: Environment, seq: u64) -> Result<&mut Serving, ApplyError> {
        self.environments.get_mut(&env).ok_or(ApplyError::NothingServed { seq, env })
    }

    fn create(&mut self, version: Version, draft: &Draft, event: &Event) -> Result<(), ApplyError> {
        if version.get() != self.last_version + 1 {
            return Err(ApplyError::WrongNumber { seq: event.seq, version, last: self.last_version });
        }
        self.last_version = version.get();
        self.versions.insert(version, VersionRecord::new(draft.clone(), event.actor.clone(), event.at_ms));
        self.remember_push(&event.actor, version);
        Ok(())
    }

    fn request_compile(&mut self, version: Version, attempt: u32, event: &Event) -> Result<(), ApplyError> {
        self.record(version, event.seq)?.build = Build::Requested { attempt, at_ms: event.at_ms };
        // The registry asks again for what others pushed.
        if event.actor.iss != Actor::REGISTRY {
            self.remember_push(&event.actor, version);
        }
        Ok(())
    }

    fn submit(&mut self, version: Version, to: Environment, event: &Event) -> Result<(), ApplyError> {
        let review = Review { submitted_by: event.actor.clone(), submitted_at_ms: event.at_ms, approvals: Vec::new(), rejected: None };
        self.record(version, event.seq)?.reviews.insert(to, review);
        Ok(())
    }

    fn build(&mut self, version: Version, built: &Built, event: &Event) -> Result<(), ApplyError> {
        let record = self.record(version, event.seq)?;
        for asked in &built.waivers {
            if !record.waivers.iter().any(|waiver| waiver.finding == asked.finding) {
                record.waivers.push(Waiver::new(asked.clone(), &event.actor));
            }
        }
        record.build = Build::Built(built.clone());
        Ok(())
    }

    fn grant(&mut self, version: Version, finding: &CallLabel, event: &Event) -> Result<(), ApplyError> {
        let asked = self.record(version, event.seq)?.waivers.iter_mut().find(|waiver| waiver.finding == *finding);
        asked.ok_or(ApplyError::NotAsked { seq: event.seq, version })?.granted_by = Some(event.actor.clone());
        Ok(())
    }

    /// Everybody whose hand is in a push may not approve until a later version
    /// has been approved.
    fn remember_push(&mut self, actor: &Actor, version: Version) {
        for person in actor.hands() {
            match self.pushers.iter_mut().find(|pusher| pusher.person == person) {
                Some(pusher) => pusher.version = pusher.version.max(version),
                None => self.pushers.push(Pusher { person, version }),
            }
        }
    }

    fn promote(&mut self, version: Version, env: Environment, seq: u64) -> Result<(), ApplyError> {
        let record = self.record(version, seq)?;
        record.promoted.insert(env);
        let tier = record.tier();
        self.tier = self.tier.max(Some(tier));
        self.environments.entry(env).and_modify(|serving| serving.serve(version, seq)).or_insert_with(|| Serving::first(version, seq));
        Ok(())
    }

    fn delete(&mut self, version: Version, seq: u64) -> Result<(), ApplyError> {
        self.versions.remove(&version).ok_or(ApplyError::UnknownVersion { seq, version })?;
        for serving in self.environments.values_mut() {
            serving.history.retain(|past| past.version != version);
        }
        Ok(())
    }
}

fn failed(seq: u64, findings: &[Finding]) -> Build {
    let message = findings.first().map_or_else(|| "no reason was given".to_owned(), |finding| finding.message.clone());
    Build::Failed { seq, findings: findings.len(), message }
}
