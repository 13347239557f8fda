//! What operators say of a host's figures.

use extensions_types::{ExtensionId, TenantId};
use serde::Deserialize;

/// More series than this for tenants or extensions make scrapes slow and stores large.
const SERIES_MAX: usize = 1_000;
/// A window longer than this would be as good as none.
const CHATTY_WINDOW_S_MAX: u32 = 3_600;

/// The `[metrics]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// Extensions with series of their own: the busiest; the rest are `other`.
    pub extensions_max: usize,
    /// The same for tenants.
    pub tenants_max: usize,
    /// Extensions that have series whether they are busy or not: `tenant/extension`.
    pub extensions: Vec<String>,
    /// The same for tenants.
    pub tenants: Vec<String>,
    /// From this many calls of one extension under one correlation id within a
    /// window on, the caller is chatty; 0 for never.
    pub chatty_calls: u32,
    /// The window, in seconds.
    pub chatty_window_s: u32,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { extensions_max: 50, tenants_max: 50, extensions: Vec::new(), tenants: Vec::new(), chatty_calls: 100, chatty_window_s: 10 }
    }
}

/// Why a host cannot count as the section says.
#[derive(Debug, thiserror::Error)]
pub enum MetricsSettingsError {
    /// What was set makes no sense.
    #[error("metrics.{0}")]
    Setting(String),
    /// The machine gives none.
    #[error("cannot start the thread that enters accounts")]
    NoThread(#[source] std::io::Error),
}

impl MetricsSettings {
    /// Checks values that the file's form allows and a host does not.
    ///
    /// # Errors
    /// Names the first that cannot work.
    pub fn check(&self) -> Result<(), MetricsSettingsError> {
        let wrong = |text: String| Err(MetricsSettingsError::Setting(text));
        for (name, busiest, named) in [("extensions", self.extensions_max, self.extensions.len()), ("tenants", self.tenants_max, self.tenants.len())]
        {
            if busiest + named > SERIES_MAX {
                return wrong(format!("{name}_max is {busiest}, with {named} named ones; together they may be {SERIES_MAX} at most"));
            }
        }
        if !(1..=CHATTY_WINDOW_S_MAX).contains(&self.chatty_window_s) {
            return wrong(format!("chatty_window_s is {}; it must be between 1 and {CHATTY_WINDOW_S_MAX}", self.chatty_window_s));
        }
        self.named_extensions()?;
        self.named_tenants().map(drop)
    }

    pub(super) fn named_extensions(&self) -> Result<Vec<(TenantId, ExtensionId)>, MetricsSettingsError> {
        let parse = |text: &String| {
            let (tenant, extension) = text.split_once('/')?;
            Some((TenantId::parse(tenant).ok()?, ExtensionId::parse(extension).ok()?))
        };
        let wrong = |text: &String| MetricsSettingsError::Setting(format!("extensions holds `{text}`; write tenant/extension"));
        self.extensions.iter().map(|text| parse(text).ok_or_else(|| wrong(text))).collect()
    }

    pub(super) fn named_tenants(&self) -> Result<Vec<TenantId>, MetricsSettingsError> {
        let parse = |text: &String| TenantId::parse(text).map_err(|error| MetricsSettingsError::Setting(format!("tenants holds `{text}`: {error}")));
        self.tenants.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        let check = |change: fn(&mut MetricsSettings)| {
            let mut settings = MetricsSettings::default();
            change(&mut settings);
            settings.check().map_err(|error| error.to_string())
        };
        assert!(check(|_| {}).is_ok());
        for (change, word) in [
            ((|s| s.extensions_max = 2_000) as fn(&mut MetricsSettings), "metrics.extensions_max"),
            (|s| s.tenants = vec!["Acme".to_owned()], "metrics.tenants"),
            (|s| s.extensions = vec!["acme".to_owned()], "tenant/extension"),
            (|s| s.chatty_window_s = 0, "metrics.chatty_window_s"),
        ] {
            let error = check(change).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
