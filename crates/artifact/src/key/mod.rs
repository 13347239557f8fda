//! The layout: every key of a store, built from typed ids in this one place.
//!
//! Fixed names at the top begin with `_`, which no id does, so a tenant never
//! stands beside them by another name; below an extension there are fixed names
//! and version numbers only. [`Key::parse`] is the inverse of [`Key::path`]:
//! what it does not return was not put there by us.

mod bounds;
mod parse;
mod prefix;

use std::fmt;

use extensions_types::{Environment, ExtensionId, Sha256, TenantId, Version};

pub use self::prefix::Prefix;

/// An extension and whose it is: the first two parts of most keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owned {
    /// The tenant.
    pub tenant: TenantId,
    /// The extension within it.
    pub extension: ExtensionId,
}

impl Owned {
    /// `extension` of `tenant`.
    #[must_use]
    pub const fn new(tenant: TenantId, extension: ExtensionId) -> Self {
        Self { tenant, extension }
    }

    /// Its event number `seq`, from 1.
    #[must_use]
    pub fn event(&self, seq: u64) -> Key {
        Key::Event { of: self.clone(), seq }
    }

    /// Its snapshot.
    #[must_use]
    pub fn head(&self) -> Key {
        Key::Head { of: self.clone() }
    }

    /// The component of `version`.
    #[must_use]
    pub fn component(&self, version: Version) -> Key {
        Key::Component { of: self.clone(), version }
    }

    /// The definition and evidence of `version`.
    #[must_use]
    pub fn definition(&self, version: Version) -> Key {
        Key::Definition { of: self.clone(), version }
    }

    /// The source of `version`.
    #[must_use]
    pub fn source(&self, version: Version) -> Key {
        Key::Source { of: self.clone(), version }
    }

    /// What `env` serves for it.
    #[must_use]
    pub fn entry(&self, env: Environment) -> Key {
        Key::Entry { env, of: self.clone() }
    }

    /// The marker that `env`'s entry may be behind event `seq`.
    #[must_use]
    pub fn pending(&self, env: Environment, seq: u64) -> Key {
        Key::Pending { env, of: self.clone(), seq }
    }

    /// The marker that a compile of `version` was asked for.
    #[must_use]
    pub fn compile(&self, version: Version) -> Key {
        Key::Compile { of: self.clone(), version }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.extension)
    }
}

/// The name of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `<tenant>/<extension>/events/<seq>.json`: one step of the history, never changed.
    Event {
        /// Whose history.
        of: Owned,
        /// Its place in it, from 1.
        seq: u64,
    },
    /// `<tenant>/<extension>/head.json`: the snapshot, derived.
    Head {
        /// Whose snapshot.
        of: Owned,
    },
    /// `<tenant>/<extension>/<version>.wasm`: the component, never changed.
    Component {
        /// Whose component.
        of: Owned,
        /// Its version.
        version: Version,
    },
    /// `<tenant>/<extension>/<version>.json`: definition and evidence, never changed.
    Definition {
        /// Whose definition.
        of: Owned,
        /// Its version.
        version: Version,
    },
    /// `<tenant>/<extension>/source/<version>.tar.zst`: what was pushed, never changed.
    Source {
        /// Whose source.
        of: Owned,
        /// Its version.
        version: Version,
    },
    /// `_env/<env>/control/events/<seq>.json`: one step of an environment's control.
    ControlEvent {
        /// The environment.
        env: Environment,
        /// Its place in the history, from 1.
        seq: u64,
    },
    /// `_env/<env>/control/state.json`: switches and policies, derived.
    ControlState {
        /// The environment.
        env: Environment,
    },
    /// `_env/<env>/entries/<tenant>/<extension>.json`: what hosts serve, derived.
    Entry {
        /// The environment.
        env: Environment,
        /// What is served.
        of: Owned,
    },
    /// `_pending/<env>/<tenant>/<extension>/<seq>`: an entry may be behind its
    /// history. One marker a command: nobody's removal takes away another's.
    Pending {
        /// The entry's environment.
        env: Environment,
        /// The entry's extension.
        of: Owned,
        /// The event that the command is going to write.
        seq: u64,
    },
    /// `_compile/<tenant>/<extension>/<version>`: a compile was asked for and
    /// has not ended; who has it, and until when.
    Compile {
        /// Whose draft.
        of: Owned,
        /// The draft.
        version: Version,
    },
    /// `_erased/<tenant>.json`: a tenant that is gone for good.
    Erased {
        /// Who is gone.
        tenant: TenantId,
    },
    /// `_aot/<compat>/<sha256>.cwasm`: machine code of a component.
    Precompiled {
        /// What it was compiled for: hash of engine version, settings and processor features.
        compat: Sha256,
        /// The component that it was compiled from.
        component: Sha256,
    },
    /// `_aot/<compat>/signer.json`: what the signer of an engine's code has done, and when it last said so.
    Signer {
        /// The engine.
        compat: Sha256,
    },
    /// `_upkeep/clock`: written to read the store's own time.
    Clock,
    /// `_upkeep/gc/<run>.json`: the plan of a garbage collection under way.
    GcRun {
        /// Its number.
        run: u64,
    },
    /// `_backup/runs/<run>/manifest.json`: what a backup holds.
    BackupRun {
        /// Its number.
        run: u64,
    },
    /// `_backup/runs/<run>/tenants/<tenant>.json`: what a backup holds of a tenant.
    BackupTenant {
        /// The backup's number.
        run: u64,
        /// The tenant.
        tenant: TenantId,
    },
    /// `_backup/generations/<generation>.json`: claimed by one restore.
    BackupGeneration {
        /// The generation.
        generation: u64,
    },
    /// `_backup/lost/<generation>/<tenant>/<extension>/<seq>.json`: an event that a
    /// restore set aside, since what precedes it is gone.
    BackupLost {
        /// The restore's generation.
        generation: u64,
        /// Whose event.
        of: Owned,
        /// Its place in the history.
        seq: u64,
    },
}

impl Key {
    /// Where the object lies: the only place that spells a path.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Event { of, seq } => format!("{of}/events/{seq:020}.json"),
            Self::Head { of } => format!("{of}/head.json"),
            Self::Component { of, version } => format!("{of}/{version}.wasm"),
            Self::Definition { of, version } => format!("{of}/{version}.json"),
            Self::Source { of, version } => format!("{of}/source/{version}.tar.zst"),
            Self::ControlEvent { env, seq } => format!("_env/{env}/control/events/{seq:020}.json"),
            Self::ControlState { env } => format!("_env/{env}/control/state.json"),
            Self::Entry { env, of } => format!("_env/{env}/entries/{of}.json"),
            Self::Pending { env, of, seq } => format!("_pending/{env}/{of}/{seq:020}"),
            Self::Compile { of, version } => format!("_compile/{of}/{version}"),
            Self::Erased { tenant } => format!("_erased/{tenant}.json"),
            Self::Precompiled { compat, component } => format!("_aot/{compat}/{component}.cwasm"),
            Self::Signer { compat } => format!("_aot/{compat}/signer.json"),
            Self::Clock => "_upkeep/clock".to_owned(),
            Self::GcRun { run } => format!("_upkeep/gc/{run:020}.json"),
            Self::BackupRun { run } => format!("_backup/runs/{run:020}/manifest.json"),
            Self::BackupTenant { run, tenant } => format!("_backup/runs/{run:020}/tenants/{tenant}.json"),
            Self::BackupGeneration { generation } => format!("_backup/generations/{generation:020}.json"),
            Self::BackupLost { generation, of, seq } => format!("_backup/lost/{generation:020}/{of}/{seq:020}.json"),
        }
    }

    /// The key that lies at `path`; none where no key of ours does.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        parse::key(path)
    }

    /// The tenant that the object belongs to; none for what the platform owns.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Event { of, .. }
            | Self::Head { of }
            | Self::Component { of, .. }
            | Self::Definition { of, .. }
            | Self::Source { of, .. }
            | Self::Entry { of, .. }
            | Self::Pending { of, .. }
            | Self::Compile { of, .. }
            | Self::BackupLost { of, .. } => Some(&of.tenant),
            Self::Erased { tenant } | Self::BackupTenant { tenant, .. } => Some(tenant),
            Self::ControlEvent { .. }
            | Self::ControlState { .. }
            | Self::Precompiled { .. }
            | Self::Signer { .. }
            | Self::Clock
            | Self::GcRun { .. }
            | Self::BackupRun { .. }
            | Self::BackupGeneration { .. } => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.path())
    }
}

#[cfg(test)]
mod tests;
