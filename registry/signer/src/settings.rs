//! `[signer]`: the key, the engines, how often and how much at once.

use std::{net::SocketAddr, path::PathBuf};

use extensions_engine_config::Profile;
use serde::Deserialize;

/// Lists of the entries more often would cost more than the compiles.
const POLL_MS_MIN: u64 = 100;
const POLL_MS_MAX: u64 = 600_000;
/// More children than any machine has cores.
const COMPILES_MAX: usize = 256;

/// Settings of a signer; the stores are the registry's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerSettings {
    /// The private key: Ed25519, PKCS#8 in PEM, readable by its user alone.
    pub key_file: PathBuf,
    /// The engine profiles to compile for: those that hosts run.
    #[serde(default = "profiles")]
    pub profiles: Vec<String>,
    /// Between two lists of the entries, in milliseconds.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Compile children at once; 0 for half the cores.
    #[serde(default)]
    pub compiles: usize,
    /// Where metrics and probes listen.
    #[serde(default)]
    pub admin_address: Option<SocketAddr>,
}

fn profiles() -> Vec<String> {
    vec![Profile::default().name().to_owned()]
}

fn poll_ms() -> u64 {
    5_000
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A profile that does not exist.
    #[error("signer.profiles names `{0}`; it must be guards or hardened")]
    Profile(String),
    /// None.
    #[error("signer.profiles is empty; name what hosts run: guards or hardened")]
    NoProfile,
    /// A number out of range.
    #[error("signer.{key} is {value}; it must be {must}")]
    Range {
        /// Which.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What it must be.
        must: &'static str,
    },
}

impl SignerSettings {
    /// Settings with all defaults but the key.
    #[must_use]
    pub fn new(key_file: PathBuf) -> Self {
        Self { key_file, profiles: profiles(), poll_ms: poll_ms(), compiles: 0, admin_address: None }
    }

    /// Checks what types do not say, and names the profiles, each once.
    ///
    /// # Errors
    /// Names the key, its value and what it must be.
    pub fn check(&self) -> Result<Vec<Profile>, SettingsError> {
        if !(POLL_MS_MIN..=POLL_MS_MAX).contains(&self.poll_ms) {
            return Err(SettingsError::Range { key: "poll_ms", value: self.poll_ms, must: "between 100 and 600000" });
        }
        if self.compiles > COMPILES_MAX {
            return Err(SettingsError::Range { key: "compiles", value: self.compiles as u64, must: "at most 256" });
        }
        let mut profiles = Vec::new();
        for name in &self.profiles {
            let profile = Profile::named(name).ok_or_else(|| SettingsError::Profile(name.clone()))?;
            if !profiles.contains(&profile) {
                profiles.push(profile);
            }
        }
        if profiles.is_empty() { Err(SettingsError::NoProfile) } else { Ok(profiles) }
    }

    /// Compile children at once, counted where it was left open: the other half
    /// of the cores is for whatever else the machine does.
    #[must_use]
    pub fn compiles(&self) -> usize {
        match self.compiles {
            0 => (std::thread::available_parallelism().map_or(1, std::num::NonZero::get) / 2).max(1),
            compiles => compiles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        let good = SignerSettings::new("k".into());
        assert_eq!(good.check(), Ok(vec![Profile::default()]));
        let twice = SignerSettings { profiles: vec!["hardened".into(), "guards".into(), "hardened".into()], ..good.clone() };
        assert_eq!(twice.check().unwrap().len(), 2);
        for (bad, word) in [
            (SignerSettings { profiles: vec!["fast".into()], ..good.clone() }, "fast"),
            (SignerSettings { profiles: vec![], ..good.clone() }, "profiles"),
            (SignerSettings { poll_ms: 1, ..good.clone() }, "poll_ms"),
            (SignerSettings { compiles: 1_000, ..good.clone() }, "compiles"),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(word));
        }
    }
}
