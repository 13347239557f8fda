//! Views as messages of registry.proto.

use extensions_proto::v1;
use extensions_types::{Environment, Origin, Version, VersionState};

use super::{
    ActorView, Changed, ControlChanged, ControlPreview, ControlView, EntryView, ExtensionView, FindingView, HistoryPage, HistoryView, ListPage,
    PinView, ReviewView, Uploaded, VersionDetail, VersionView, WaiverView, WatchView,
};

fn number(version: Option<Version>) -> u64 {
    version.map_or(0, Version::get)
}

fn state(state: VersionState) -> v1::VersionState {
    match state {
        VersionState::Draft => v1::VersionState::Draft,
        VersionState::InReview => v1::VersionState::InReview,
        VersionState::PromotedDev => v1::VersionState::PromotedDev,
        VersionState::PromotedStaging => v1::VersionState::PromotedStaging,
        VersionState::PromotedProd => v1::VersionState::PromotedProd,
        VersionState::Failed => v1::VersionState::Failed,
        VersionState::Rejected => v1::VersionState::Rejected,
        VersionState::Retired => v1::VersionState::Retired,
    }
}

fn json(value: &impl serde::Serialize) -> bytes::Bytes {
    // Definitions, evidence and changes are texts and numbers, which are always JSON.
    serde_json::to_vec(value).unwrap_or_default().into()
}

impl From<ActorView> for v1::Actor {
    fn from(view: ActorView) -> Self {
        Self {
            issuer: view.issuer,
            subject: view.subject.to_string(),
            actor_type: v1::ActorType::from(view.actor_type).into(),
            acted_by: view.acted_by.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<FindingView> for v1::Finding {
    fn from(view: FindingView) -> Self {
        Self { step: view.step, code: view.code, message: view.message, remedy: view.remedy, place: view.place }
    }
}

impl From<PinView> for v1::PinState {
    fn from(view: PinView) -> Self {
        let caller = view.caller.map(|label| v1::pin_state::Place::Caller(label.to_string()));
        let point = view.hook_point.map(|label| v1::pin_state::Place::HookPoint(label.to_string()));
        Self { place: caller.or(point), version: view.version.get() }
    }
}

impl From<EntryView> for v1::EntryState {
    fn from(view: EntryView) -> Self {
        Self {
            env: view.env.to_string(),
            version: view.version.get(),
            digest: view.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            enabled: view.enabled,
            last_good: number(view.last_good),
            pins: view.pins.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Changed> for v1::ChangeResponse {
    fn from(view: Changed) -> Self {
        Self {
            seq: view.seq,
            changed: view.changed,
            version: number(view.version),
            state: view.state.map(|of| state(of).into()),
            entry: view.entry.map(Into::into),
        }
    }
}

impl From<Uploaded> for v1::UploadResponse {
    fn from(view: Uploaded) -> Self {
        Self {
            change: Some(view.change.into()),
            findings: view.findings.into_iter().map(Into::into).collect(),
            digest: view.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        }
    }
}

impl From<ReviewView> for v1::Review {
    fn from(view: ReviewView) -> Self {
        Self {
            env: view.env.to_string(),
            approved_by: view.approved_by.into_iter().map(Into::into).collect(),
            rejected_by: view.rejected_by.map(Into::into),
            approvals_needed: view.approvals_needed,
            open: view.open,
            rejected_why: view.rejected_why,
        }
    }
}

impl From<WaiverView> for v1::Waiver {
    fn from(view: WaiverView) -> Self {
        Self {
            finding: view.finding.to_string(),
            requested_by: Some(view.requested_by.into()),
            granted_by: view.granted_by.map(Into::into),
            place: view.place,
            reason: view.reason,
        }
    }
}

impl From<VersionView> for v1::VersionSummary {
    fn from(view: VersionView) -> Self {
        let origin = match view.origin {
            Origin::Source => v1::Origin::Source,
            Origin::Uploaded => v1::Origin::Uploaded,
        };
        Self {
            version: view.version.get(),
            state: state(view.state).into(),
            built: view.built,
            origin: origin.into(),
            digest: view.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            component_bytes: view.component_bytes,
            bundle_sha256: view.bundle_sha256.to_string(),
            risk_tier: v1::RiskTier::from(view.risk_tier).into(),
            created_by: Some(view.created_by.into()),
            created_at_ms: view.created_at_ms,
            findings: view.findings.into_iter().map(Into::into).collect(),
            reviews: view.reviews.into_iter().map(Into::into).collect(),
            waivers: view.waivers.into_iter().map(Into::into).collect(),
            compiling: view.compiling,
            source_deleted: view.source_deleted,
        }
    }
}

impl From<VersionDetail> for v1::GetVersionResponse {
    fn from(view: VersionDetail) -> Self {
        Self {
            summary: Some(view.summary.into()),
            definition_json: view.definition.as_ref().map(json).unwrap_or_default(),
            evidence_json: view.evidence.as_ref().map(json).unwrap_or_default(),
            imports: view.imports,
            wit: view.wit.unwrap_or_default(),
        }
    }
}

impl From<ExtensionView> for v1::RegisteredExtension {
    fn from(view: ExtensionView) -> Self {
        Self {
            extension_id: view.extension_id.to_string(),
            kind: view.kind.map_or(0, |kind| v1::ExtensionKind::from(kind).into()),
            risk_tier: view.risk_tier.map_or(0, |tier| v1::RiskTier::from(tier).into()),
            description: view.description,
            tags: view.tags,
            seq: view.seq,
            generation: view.generation,
            changed_at_ms: view.changed_at_ms,
            entries: view.entries.into_iter().map(Into::into).collect(),
            versions: view.versions.into_iter().map(Into::into).collect(),
            latest: view.latest.map(Into::into),
            tier_min: view.tier_min.map_or(0, |tier| v1::RiskTier::from(tier).into()),
        }
    }
}

impl From<ListPage> for v1::ListRegisteredResponse {
    fn from(view: ListPage) -> Self {
        Self { extensions: view.extensions.into_iter().map(Into::into).collect(), next_page_token: view.next_page_token.unwrap_or_default() }
    }
}

impl From<HistoryView> for v1::HistoryEvent {
    fn from(view: HistoryView) -> Self {
        Self {
            seq: view.seq,
            at_ms: view.at_ms,
            change: view.change.name().to_owned(),
            version: number(view.version()),
            env: view.env().map_or_else(String::new, |env: Environment| env.to_string()),
            change_json: json(&view.change),
            actor: Some(view.actor.into()),
            from: view.from,
            why: view.why,
        }
    }
}

impl From<HistoryPage> for v1::HistoryResponse {
    fn from(view: HistoryPage) -> Self {
        Self { events: view.events.into_iter().map(Into::into).collect(), next_after_seq: view.next_after_seq.unwrap_or_default() }
    }
}

impl From<WatchView> for v1::WatchEvent {
    fn from(view: WatchView) -> Self {
        Self { cursor: view.cursor, extension_id: view.extension_id.map(|id| id.to_string()).unwrap_or_default(), event: view.event.map(Into::into) }
    }
}

impl From<ControlView> for v1::GetControlResponse {
    fn from(view: ControlView) -> Self {
        Self {
            seq: view.seq,
            generation: view.generation,
            switches: view.switches.into_iter().map(Into::into).collect(),
            quotas: view.quotas.into_iter().map(Into::into).collect(),
            weights: view.weights.into_iter().map(Into::into).collect(),
            policies: view.policies.into_iter().map(Into::into).collect(),
            tightenings: view.tightenings.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ControlPreview> for v1::ControlPreview {
    fn from(view: ControlPreview) -> Self {
        let target = |name: &String| {
            let (tenant, extension) = name.split_once('/').unwrap_or((name, ""));
            v1::ExtensionTarget { tenant_id: tenant.to_owned(), extension_id: extension.to_owned() }
        };
        Self {
            change_json: view.change.as_ref().map(json).unwrap_or_default(),
            replaced_json: view.replaced.as_ref().map(json).unwrap_or_default(),
            affected: view.affected.iter().map(target).collect(),
            affected_total: view.affected_total,
            affected_more: view.affected_more,
        }
    }
}

impl From<ControlChanged> for v1::ChangeControlResponse {
    fn from(view: ControlChanged) -> Self {
        Self { seq: view.seq, changed: view.changed, preview: view.preview.map(Into::into) }
    }
}
