//! What a host is called in its fleet: the section `[host]`.

use extensions_coordination::HostId;
use extensions_service::SettingsError;
use serde::Deserialize;

/// An address is shown to people, in a column.
const ADDRESS_BYTES_MAX: usize = 256;
/// Where Linux says what this machine is called.
const MACHINE_NAME: &str = "/proc/sys/kernel/hostname";

/// How a host names itself to its fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NameSettings {
    /// Its name; none for the machine's. Eight digits of each start follow it.
    pub name: Option<String>,
    /// Where operators reach it, for `ext admin hosts`; nothing connects to it.
    pub address: Option<String>,
}

impl NameSettings {
    /// Checks what is shown to others.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if let Some(name) = &self.name {
            HostId::parse(name).map_err(|error| SettingsError::Value(format!("host.name: {error}")))?;
        }
        let fits = |address: &String| !address.is_empty() && address.len() <= ADDRESS_BYTES_MAX && !address.chars().any(char::is_control);
        match &self.address {
            Some(address) if !fits(address) => {
                Err(SettingsError::Value(format!("host.address must be 1 to {ADDRESS_BYTES_MAX} bytes without control characters")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The id of this start.
    #[must_use]
    pub fn id(&self) -> HostId {
        let machine = || std::fs::read_to_string(MACHINE_NAME).unwrap_or_default();
        let name = self.name.clone().unwrap_or_else(machine);
        HostId::of_this_start(name.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_the_machines_own_always_works() {
        assert_eq!(NameSettings::default().check().map_err(|error| error.to_string()), Ok(()));
        assert!(NameSettings::default().id().as_str().len() > "-01234567".len());
        for wrong in ["", "a b", "a:b"] {
            let settings = NameSettings { name: Some(wrong.to_owned()), address: None };
            assert!(settings.check().unwrap_err().to_string().contains("host.name"), "{wrong}");
        }
        let settings = NameSettings { name: None, address: Some("a\nb".to_owned()) };
        assert!(settings.check().unwrap_err().to_string().contains("host.address"));
        let settings = NameSettings { name: Some("host-a".to_owned()), address: Some("http://10.0.0.7:7400".to_owned()) };
        assert!(settings.check().is_ok() && settings.id().as_str().starts_with("host-a-"));
    }
}
