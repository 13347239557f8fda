//! The settings file of each program.

use std::{fmt::Write as _, path::Path};

use extensions_test_servers::Bucket;
use extensions_types::Environment;

use crate::people::ISSUER;

/// On the loopback, on any free port; a drain waits for nobody who watches health.
const LISTEN: &str = "address = \"127.0.0.1:0\"\ndrain_notice_ms = 0\ndrain_timeout_ms = 5000\n";

/// What several programs are told alike.
#[derive(Debug)]
pub(crate) struct Common<'c> {
    /// Public keys of whoever signs tokens.
    pub(crate) jwks: String,
    /// `redis://…` and the file of the key that its messages carry.
    pub(crate) redis: Option<(String, &'c Path)>,
}

impl Common<'_> {
    fn issuer(&self) -> String {
        format!("[[identity.issuers]]\nissuer = \"{ISSUER}\"\njwks = '{}'\ntenants = \"all\"\nmay_compile = true\nmay_operate = true\n", self.jwks)
    }

    fn redis(&self) -> String {
        self.redis.as_ref().map_or_else(String::new, |(url, key)| format!("[redis]\nurl = {url:?}\nkey_file = {key:?}\n"))
    }
}

/// What a registry and its signer read and write.
#[derive(Debug)]
pub(crate) struct Stores<'c> {
    /// Histories, and what hosts of dev and staging read.
    pub(crate) own: &'c Bucket,
    /// What hosts of prod read.
    pub(crate) prod: &'c Bucket,
}

impl Stores<'_> {
    fn to_toml(&self) -> String {
        format!("[store]\n{}[stores.prod]\n{}", self.own.to_toml(), self.prod.to_toml())
    }

    pub(crate) fn of(&self, env: Environment) -> &Bucket {
        match env {
            Environment::Dev | Environment::Staging => self.own,
            Environment::Prod => self.prod,
        }
    }
}

pub(crate) fn registry(common: &Common<'_>, stores: &Stores<'_>) -> String {
    format!("{}[listen]\n{LISTEN}{}{}", stores.to_toml(), common.redis(), common.issuer())
}

/// The signer reads a registry's file with a section of its own.
pub(crate) fn signer(common: &Common<'_>, stores: &Stores<'_>, key_file: &Path) -> String {
    format!("{}[signer]\nkey_file = {key_file:?}\n", registry(common, stores))
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host<'c> {
    pub(crate) name: &'static str,
    pub(crate) env: Environment,
    pub(crate) data: &'c Path,
    /// Lines of `[catalog]`.
    pub(crate) catalog: &'c str,
    /// Public keys of the signer.
    pub(crate) signers: Option<&'c Path>,
}

impl Host<'_> {
    pub(crate) fn to_toml(&self, common: &Common<'_>, stores: &Stores<'_>) -> String {
        let Self { name, env, data, catalog, signers } = self;
        let mut text = format!("env = \"{env}\"\ndata_dir = {data:?}\n[host]\nname = {name:?}\n");
        // Three hosts share this machine's cores.
        let _ = write!(
            text,
            "[store]\n{}[catalog]\n{catalog}[listen]\nio_threads = 1\nadmin_address = \"127.0.0.1:0\"\n{LISTEN}",
            stores.of(*env).to_toml()
        );
        if let Some(keys) = signers {
            let _ = write!(text, "[aot]\npublic_keys_file = {keys:?}\n");
        }
        text + &common.redis() + &common.issuer()
    }
}

pub(crate) fn worker(common: &Common<'_>, registry: &str, token_file: &Path, home: &Path) -> String {
    format!("[registry]\nurl = {registry:?}\ntoken_file = {token_file:?}\n[worker]\nhome = {home:?}\n{}", common.redis())
}
