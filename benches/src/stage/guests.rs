//! The components that are measured, and one request for those that check orders.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use extensions_aot::digest;
use extensions_catalog::ServedVersion;
use extensions_types::{Abi, Build, Kind, Manifest, Schemas, TenantId, Version};

/// An order of two lines within its ceiling.
pub(crate) const ORDER: &str = r#"{"customer":{"id":"c-17","tier":"gold"},"currency":"EUR","discountPercent":5,"lines":[{"sku":"A-100","quantity":3,"unitPrice":1250,"discountPercent":4},{"sku":"B-7","quantity":1,"unitPrice":89900,"discountPercent":2}]}"#;

/// A component under a contract.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) id: &'static str,
    kind: Kind,
    abi: Abi,
    /// More keys of extension.toml.
    manifest: &'static str,
    component: Bytes,
}

impl Guest {
    pub(crate) fn new(id: &'static str, kind: Kind, component: impl Into<Bytes>) -> Self {
        Self { id, kind, abi: Abi::Component, manifest: "", component: component.into() }
    }

    /// Of the plain ABI.
    pub(crate) fn plain(self) -> Self {
        Self { abi: Abi::Plain, ..self }
    }

    pub(crate) fn limits(self, manifest: &'static str) -> Self {
        Self { manifest, ..self }
    }

    pub(crate) fn component(&self) -> &[u8] {
        &self.component
    }

    /// As `tenant`'s first version.
    pub(crate) fn of(&self, tenant: &TenantId) -> anyhow::Result<ServedVersion> {
        let manifest = Manifest::parse(&format!("id = \"{}\"\nkind = \"{}\"\nlang = \"rust\"\n{}", self.id, self.kind, self.manifest))?;
        let build = Build {
            tenant: tenant.clone(),
            abi: self.abi,
            version: Version::FIRST,
            digest: digest(&self.component).to_string(),
            schemas: Schemas::default(),
            tool: None,
            created_by: "bench".to_owned(),
        };
        Ok(ServedVersion::new(manifest.define(build), self.component.clone()))
    }
}

/// Guests that were built from source, by their files.
#[derive(Debug, Clone, Args)]
pub(crate) struct Built {
    /// The discount guest, built: order-discount.wasm.
    #[arg(long = "component")]
    discount: PathBuf,
    /// The discount guest in the linker's own memory layout, built.
    #[arg(long)]
    roomy: Option<PathBuf>,
    /// The same rule by TinyGo, built.
    #[arg(long)]
    tinygo: Option<PathBuf>,
    /// The same rule in AssemblyScript, built.
    #[arg(long)]
    assemblyscript: Option<PathBuf>,
}

impl Built {
    /// The discount guest alone.
    pub(crate) fn discount_at(discount: PathBuf) -> Self {
        Self { discount, roomy: None, tinygo: None, assemblyscript: None }
    }

    /// The discount rule, in our SDK's compact layout.
    pub(crate) fn discount(&self) -> anyhow::Result<Guest> {
        Ok(Guest::new("order-discount", Kind::DomainHook, read(&self.discount)?))
    }

    /// The same rule in the linker's own layout: a stack of 1 MiB before everything else.
    pub(crate) fn roomy(&self) -> anyhow::Result<Guest> {
        let path = self.roomy.as_ref().context("name the discount guest of the default layout with --roomy")?;
        Ok(Guest::new("order-discount-roomy", Kind::DomainHook, read(path)?))
    }

    /// The same rule, as TinyGo builds it with our SDK.
    pub(crate) fn tinygo(&self) -> anyhow::Result<Guest> {
        let path = self.tinygo.as_ref().context("name the discount guest of TinyGo with --tinygo")?;
        Ok(Guest::new("order-discount-go", Kind::DomainHook, read(path)?))
    }

    /// The same rule in AssemblyScript: a module of the plain ABI.
    pub(crate) fn assemblyscript(&self) -> anyhow::Result<Guest> {
        let path = self.assemblyscript.as_ref().context("name the discount guest in AssemblyScript with --assemblyscript")?;
        Ok(Guest::new("order-discount-assemblyscript", Kind::DomainHook, read(path)?).plain())
    }

    /// The discount rule's file.
    pub(crate) fn discount_path(&self) -> &Path {
        &self.discount
    }
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    std::fs::read(path).map(Bytes::from).with_context(|| format!("cannot read {}", path.display()))
}
