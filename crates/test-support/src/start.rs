//! What a host under test is set up with.

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc};

use extensions_catalog::{Catalogs, Overlay};
use extensions_host::{Host, HostSettings};
use extensions_identity::{DevKey, GrantSettings, IdentitySettings, IssuerSettings, Tenants};
use extensions_types::{CallLabel, Kind, TenantId};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::{PATIENCE, Platform, log, ruled::Ruled};

/// The issuer of every token.
pub(crate) const ISSUER: &str = "test";

type Change = Box<dyn FnOnce(&mut HostSettings)>;

/// Settings of a host before it runs.
pub struct Start {
    compile_child: PathBuf,
    io_threads: usize,
    slow_calls_max: usize,
    profile: String,
    grants: Vec<GrantSettings>,
    home: Option<Arc<TempDir>>,
    changes: Vec<Change>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("profile", &self.profile).field("changes", &self.changes.len()).finish_non_exhaustive()
    }
}

impl Start {
    /// A host whose components are compiled by children of `compile_child`.
    #[must_use]
    pub fn new(compile_child: impl Into<PathBuf>) -> Self {
        Self {
            compile_child: compile_child.into(),
            io_threads: 2,
            slow_calls_max: 32,
            profile: "guards".to_owned(),
            grants: Vec::new(),
            home: None,
            changes: Vec::new(),
        }
    }

    /// That many threads for connections and short calls; 2 otherwise.
    #[must_use]
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads;
        self
    }

    /// That many long calls at once; 32 otherwise.
    #[must_use]
    pub fn slow_calls_max(mut self, calls: usize) -> Self {
        self.slow_calls_max = calls;
        self
    }

    /// `guards` or `hardened`; guards otherwise.
    #[must_use]
    pub fn profile(mut self, profile: &str) -> Self {
        profile.clone_into(&mut self.profile);
        self
    }

    /// The service `subject` may call `kinds` for `tenants`.
    #[must_use]
    pub fn grant(mut self, subject: &str, tenants: &[TenantId], kinds: &[Kind]) -> Self {
        self.grants.push(GrantSettings {
            issuer: ISSUER.to_owned(),
            subject: CallLabel::parse(subject).unwrap(),
            tenants: Tenants::Only(tenants.iter().cloned().collect()),
            kinds: kinds.iter().copied().collect::<BTreeSet<_>>(),
            client_names: None,
        });
        self
    }

    /// In the folder of an earlier host, whose code cache it finds there.
    #[must_use]
    pub fn home(mut self, home: Arc<TempDir>) -> Self {
        self.home = Some(home);
        self
    }

    /// With whatever else the settings of a host can say; the last change wins.
    #[must_use]
    pub fn set(mut self, change: impl FnOnce(&mut HostSettings) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Runs it.
    ///
    /// # Panics
    /// When the host does not start.
    #[must_use]
    pub fn start(mut self) -> Platform {
        log::keep();
        let home = self.home.clone().unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let key = DevKey::generate().unwrap();
        let overlay = Arc::new(Overlay::default());
        let background = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = self.settings(&home, &key);
        let ruled = Arc::new(Ruled::new(Arc::clone(&overlay), settings.env));
        let catalogs = Catalogs::of(settings.env, Arc::clone(&ruled) as _);
        let host = Host::start(&settings, catalogs, background.handle().clone(), &self.compile_child).unwrap();
        Platform::new(host, overlay, ruled, key, background, home)
    }

    fn settings(&mut self, home: &TempDir, key: &DevKey) -> HostSettings {
        let text = format!(
            "env = \"dev\"\ndata_dir = {:?}\n[identity]\n[listen]\naddress = \"127.0.0.1:0\"\nadmin_address = \"127.0.0.1:0\"\nunix = {:?}\n",
            home.path(),
            home.path().join("host.sock")
        );
        let mut settings = HostSettings::parse(&text, []).unwrap();
        settings.listen.io_threads = self.io_threads;
        settings.listen.drain_notice_ms = 0;
        settings.listen.drain_timeout_ms = PATIENCE.as_millis().try_into().unwrap();
        settings.engine.profile.clone_from(&self.profile);
        settings.engine.slow_calls_max = self.slow_calls_max;
        let issuers = vec![IssuerSettings::development(ISSUER, key.jwks())];
        settings.identity = IdentitySettings { allow_development: true, grants: self.grants.clone(), ..IdentitySettings::new(issuers) };
        for change in self.changes.drain(..) {
            change(&mut settings);
        }
        settings
    }
}
