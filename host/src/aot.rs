//! Where machine code comes from that this host did not compile: the section `[aot]`.

use std::path::PathBuf;

use extensions_aot::keys::PublicKeys;
use extensions_artifact::Store;
use extensions_modules::SharedCode;
use extensions_service::{Followed, SettingsError};
use extensions_types::with_causes;
use serde::Deserialize;

/// Whose machine code a host loads beside its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AotSettings {
    /// Ed25519 public keys, PEM, one after the other; none: this host compiles everything itself.
    pub public_keys_file: Option<PathBuf>,
}

impl AotSettings {
    /// The keys as their file has them now, followed from here on.
    fn keys(&self) -> Result<Option<Followed<PublicKeys>>, SettingsError> {
        let Some(file) = &self.public_keys_file else { return Ok(None) };
        let keys = Followed::file(file, |bytes| PublicKeys::parse(&String::from_utf8_lossy(bytes)));
        keys.map(Some).map_err(|error| SettingsError::Value(format!("aot.public_keys_file: {}", with_causes(&error))))
    }

    /// Whether the keys can be used.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.keys().map(drop)
    }

    /// The code that others signed, in the environment's `store`.
    pub(crate) fn shared(&self, store: Store) -> Result<Option<SharedCode>, SettingsError> {
        Ok(self.keys()?.map(|keys| SharedCode::new(store, move || keys.current())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_used_are_named() {
        assert!(AotSettings::default().check().is_ok());
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("keys.pem");
        let settings = AotSettings { public_keys_file: Some(file.clone()) };
        assert!(settings.check().unwrap_err().to_string().contains("aot.public_keys_file"));
        std::fs::write(&file, "nonsense").unwrap();
        assert!(settings.check().unwrap_err().to_string().contains("keys.pem"));
    }
}
