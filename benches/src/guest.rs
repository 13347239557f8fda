//! The components that are measured, and one request for each.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use extensions_aot::digest;
use extensions_catalog::ServedVersion;
use extensions_types::{Abi, Build, Kind, Manifest, Schemas, TenantId, Version};

/// An order of two lines within its ceiling.
pub(crate) const ORDER: &str = r#"{"customer":{"id":"c-17","tier":"gold"},"currency":"EUR","discountPercent":5,"lines":[{"sku":"A-100","quantity":3,"unitPrice":1250,"discountPercent":4},{"sku":"B-7","quantity":1,"unitPrice":89900,"discountPercent":2}]}"#;

/// What to serve.
#[derive(Debug, Clone)]
pub(crate) struct Guests {
    pub(crate) discount: Bytes,
    pub(crate) spinner: Bytes,
}

impl Guests {
    pub(crate) fn read(discount: &Path, spinner: &Path) -> anyhow::Result<Self> {
        let read = |path: &Path| std::fs::read(path).map(Bytes::from).with_context(|| format!("cannot read {}", path.display()));
        Ok(Self { discount: read(discount)?, spinner: read(spinner)? })
    }

    pub(crate) fn discount(&self, tenant: &TenantId) -> anyhow::Result<ServedVersion> {
        serve("order-discount", Kind::DomainHook, "", &self.discount, tenant)
    }

    pub(crate) fn spinner(&self, tenant: &TenantId) -> anyhow::Result<ServedVersion> {
        // As long as a guest may have: the neighbours feel it all the while.
        serve("spinner", Kind::ProcessHook, "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n", &self.spinner, tenant)
    }
}

fn serve(id: &str, kind: Kind, limits: &str, component: &Bytes, tenant: &TenantId) -> anyhow::Result<ServedVersion> {
    let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"{kind}\"\nlang = \"rust\"\n{limits}"))?;
    let build = Build {
        tenant: tenant.clone(),
        abi: Abi::Component,
        version: Version::FIRST,
        digest: digest(component).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "bench".to_owned(),
    };
    Ok(ServedVersion::new(manifest.define(build), component.clone()))
}
