//! From flags to a host's settings: defaults, `--config`, environment, flags.

use extensions_types::with_causes;
use std::path::Path;

use extensions_host::HostSettings;
use extensions_identity::{DevKey, IssuerSettings};
use toml::{Table, Value};

use crate::{args::Dev, dev_state::ISSUER, failure::Failure};

/// The name of the socket in the data directory.
const SOCKET: &str = "ext.sock";

pub(crate) fn of(dev: &Dev, data: &Path, key: &DevKey) -> Result<HostSettings, Failure> {
    let wrong = |error: extensions_host::SettingsError| Failure::Usage(with_causes(&error));
    let mut layers = vec![defaults(data)];
    if let Some(file) = &dev.config {
        layers.push(HostSettings::read_file(file).map_err(wrong)?);
    }
    let mut settings = HostSettings::layered(layers, std::env::vars()).map_err(wrong)?;
    if settings.listen.tls.is_some() || settings.listen.admin_tls.is_some() {
        return Err(Failure::Usage(
            "[listen.tls]: `ext dev` serves this machine, in the open; a fleet's host takes it (docs/operations.md)".to_owned(),
        ));
    }
    if let Some(address) = dev.listen {
        settings.listen.address = address;
    }
    if let Some(address) = dev.admin_listen {
        settings.listen.admin_address = Some(address);
        settings.listen.merge_admin = false;
    }
    if let Some(mode) = &dev.memory_reset {
        settings.engine.memory_reset.clone_from(mode);
    }
    // The key of this machine is accepted beside whatever issuers the file names.
    settings.identity.allow_development = true;
    settings.identity.issuers.push(IssuerSettings::development(ISSUER, key.jwks()));
    Ok(settings)
}

/// What the embedded platform does when nothing is said.
fn defaults(data: &Path) -> Table {
    let text = |path: &Path| Value::String(path.to_string_lossy().into_owned());
    let mut listen = Table::new();
    listen.insert("unix".to_owned(), text(&data.join(SOCKET)));
    listen.insert("merge_admin".to_owned(), Value::Boolean(true));
    // Nobody balances load over a developer's machine.
    listen.insert("drain_notice_ms".to_owned(), Value::Integer(0));
    let mut log = Table::new();
    log.insert("format".to_owned(), Value::String("text".to_owned()));
    let mut table = Table::new();
    table.insert("env".to_owned(), Value::String("dev".to_owned()));
    table.insert("data_dir".to_owned(), text(data));
    table.insert("listen".to_owned(), Value::Table(listen));
    table.insert("log".to_owned(), Value::Table(log));
    table.insert("identity".to_owned(), Value::Table(Table::new()));
    table
}
