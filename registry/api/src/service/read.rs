//! What may be looked at: extensions, versions, history.

use extensions_artifact::Owned;
use extensions_proto::v1;
use extensions_registry_core::{Build, Change, Extension, Finding, check_read};
use extensions_types::{Environment, ExtensionId, Kind, Refusal, RiskTier};

use super::{
    Named, Service, parse, refusal,
    refuse::not_found,
    upload::{blocking, record},
};
use crate::{
    Call,
    call::bad,
    view::{ExtensionView, FindingView, HistoryPage, ListPage, VersionDetail, VersionView},
};

/// Rows of a page when nothing is asked for.
const PAGE_DEFAULT: u32 = 50;
/// Extensions on a page: each brings its newest version and what serves it.
pub(crate) const LIST_PAGE_MAX: u32 = 200;
/// Events on a page.
pub(crate) const HISTORY_PAGE_MAX: u32 = 500;

impl Service {
    /// One extension with its versions.
    ///
    /// # Errors
    /// Refuses by name; so does every method here.
    pub async fn get_extension(&self, call: &Call, request: v1::GetExtensionRequest) -> Result<ExtensionView, Refusal> {
        self.audited(call, Named { operation: "GetExtension", tenant: &request.tenant_id, on: &request.extension_id }, async {
            let of = readable(call, &request.tenant_id, &request.extension_id)?;
            self.known(&of).await.map(|state| ExtensionView::whole(&state))
        })
        .await
    }

    /// Everything about one version.
    #[allow(clippy::missing_errors_doc, reason = "as get_extension")]
    pub async fn get_version(&self, call: &Call, request: v1::GetVersionRequest) -> Result<VersionDetail, Refusal> {
        self.audited(call, Named { operation: "GetVersion", tenant: &request.tenant_id, on: &request.extension_id }, async {
            let of = readable(call, &request.tenant_id, &request.extension_id)?;
            let version = parse::version(request.version)?;
            let state = self.known(&of).await?;
            let record = record(&state, version)?;
            let mut summary = VersionView::new(version, record);
            if let Build::Failed { seq, .. } = record.build {
                summary.findings = self.findings(&of, seq).await?.into_iter().map(FindingView::from).collect();
            }
            if record.built().is_none() {
                return Ok(VersionDetail { summary, definition: None, evidence: None, imports: Vec::new(), wit: None });
            }
            let document = self.ledger().document(&of, version).await.map_err(|error| refusal(&error))?;
            let wit = if request.with_wit { self.wit(&of, version).await? } else { None };
            let imports = document.evidence.imports.clone();
            Ok(VersionDetail { summary, definition: Some(document.definition), evidence: Some(document.evidence), imports, wit })
        })
        .await
    }

    async fn wit(&self, of: &Owned, version: extensions_types::Version) -> Result<Option<String>, Refusal> {
        let component = self.ledger().component(of, version).await.map_err(|error| refusal(&error))?;
        blocking(move || Ok(extensions_compiler_core::wit(&component))).await
    }

    /// The tenant's extensions, in pages.
    #[allow(clippy::missing_errors_doc, reason = "as get_extension")]
    pub async fn list_extensions(&self, call: &Call, request: v1::ListRegisteredRequest) -> Result<ListPage, Refusal> {
        self.audited(call, Named { operation: "ListExtensions", tenant: &request.tenant_id, on: "" }, async {
            let caller = call.caller()?;
            let tenant = call.tenant(&caller, &request.tenant_id)?;
            check_read(&tenant, &caller).map_err(lifecycle)?;
            let size = page_size(request.page_size, LIST_PAGE_MAX)?;
            let after = (!request.page_token.is_empty()).then(|| ExtensionId::parse(&request.page_token).map_err(|_| bad_token())).transpose()?;
            let filter = Filter::of(&request)?;
            let page = self
                .ledger()
                .list(&tenant, after.as_ref(), &request.id_prefix, size, |state| filter.takes(state).then(|| ExtensionView::brief(state)));
            let page = page.await.map_err(|error| refusal(&error))?;
            Ok(ListPage { extensions: page.rows, next_page_token: page.next.map(|id| id.to_string()) })
        })
        .await
    }

    /// Who changed what, in pages.
    #[allow(clippy::missing_errors_doc, reason = "as get_extension")]
    pub async fn history(&self, call: &Call, request: v1::HistoryRequest) -> Result<HistoryPage, Refusal> {
        self.audited(call, Named { operation: "History", tenant: &request.tenant_id, on: &request.extension_id }, async {
            let of = readable(call, &request.tenant_id, &request.extension_id)?;
            let size = page_size(request.page_size, HISTORY_PAGE_MAX)?;
            let ledger = self.ledger();
            let page = if request.newest_first {
                ledger.history_backwards(&of, request.after_seq, size).await
            } else {
                ledger.history(&of, request.after_seq, size).await
            };
            let page = page.map_err(|error| refusal(&error))?;
            if page.events.is_empty() && request.after_seq == 0 {
                return Err(no_such(&of.extension));
            }
            Ok(HistoryPage { events: page.events.into_iter().map(Into::into).collect(), next_after_seq: page.next })
        })
        .await
    }

    /// The state of an extension that exists.
    pub(super) async fn known(&self, of: &Owned) -> Result<Extension, Refusal> {
        let state = self.ledger().read(of).await.map_err(|error| refusal(&error))?;
        if state.is_new() { Err(no_such(&of.extension)) } else { Ok(state) }
    }

    /// Every finding of a failed build, out of its event.
    pub(super) async fn findings(&self, of: &Owned, seq: u64) -> Result<Vec<Finding>, Refusal> {
        let page = self.ledger().history(of, seq.saturating_sub(1), 1).await.map_err(|error| refusal(&error))?;
        Ok(match page.events.into_iter().next().map(|event| event.change) {
            Some(Change::VersionFailed { findings, .. }) => findings,
            Some(_) | None => Vec::new(),
        })
    }
}

/// The extension that a caller may read.
pub(super) fn readable(call: &Call, tenant: &str, extension: &str) -> Result<Owned, Refusal> {
    let target = call.target(tenant, extension)?;
    check_read(&target.tenant, &target.caller).map_err(lifecycle)?;
    Ok(Owned::new(target.tenant, target.extension))
}

pub(super) fn lifecycle(refused: extensions_registry_core::Refusal) -> Refusal {
    Refusal::new(refused.code, refused.text)
}

fn no_such(extension: &ExtensionId) -> Refusal {
    not_found(format!("`{extension}` has no version in the registry: `ext push` makes one (folders that `ext dev` serves have none)"))
}

fn bad_token() -> Refusal {
    bad("page_token", &"send the `next_page_token` of the page before as it is, or none")
}

fn page_size(asked: u32, max: u32) -> Result<usize, Refusal> {
    match asked {
        0 => Ok(PAGE_DEFAULT as usize),
        size if size <= max => Ok(size as usize),
        size => Err(bad("page_size", &format_args!("{size} are more than the {max} that a page holds; ask for less and go on with the token"))),
    }
}

/// What a list takes.
struct Filter {
    kind: Option<Kind>,
    tier: Option<RiskTier>,
    env: Option<Environment>,
    tag: Option<String>,
}

impl Filter {
    fn of(request: &v1::ListRegisteredRequest) -> Result<Self, Refusal> {
        Ok(Self {
            kind: parse::kind(request.kind)?,
            tier: parse::tier(request.risk_tier)?,
            env: (!request.env.is_empty()).then(|| parse::environment("env", &request.env)).transpose()?,
            tag: (!request.tag.is_empty()).then(|| request.tag.clone()),
        })
    }

    fn takes(&self, state: &Extension) -> bool {
        let about = state.versions.last_key_value().map(|(_, record)| &record.draft.about);
        let fits = |test: &dyn Fn(&extensions_registry_core::About) -> bool| about.is_some_and(test);
        self.kind.is_none_or(|kind| fits(&|about| about.kind == kind))
            && self.tier.is_none_or(|tier| fits(&|about| about.risk_tier == tier))
            && self.env.is_none_or(|env| state.serving(env).is_some())
            && self.tag.as_ref().is_none_or(|tag| fits(&|about| about.tags.contains(tag)))
    }
}
