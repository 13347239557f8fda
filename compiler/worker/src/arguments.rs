//! The command line of `extensions-compiler`.

use std::path::PathBuf;

use clap::Parser;
use extensions_service::SettingsError;
use extensions_worker::WorkerSettings;

/// Compiles what authors push: takes jobs from a registry, builds them in
/// isolation, returns checked components.
///
/// It needs no store and no credential but its own; every build runs without
/// network, with private scratch, on dependencies that it cannot change.
#[derive(Debug, Parser)]
#[command(
    name = "extensions-compiler",
    version,
    max_term_width = 100,
    after_help = "Every key of the file can be set as EXT_<SECTION>_<KEY>: EXT_WORKER_SLOTS=2, EXT_LIMITS_MEMORY_MB=2048.\n\
                  docs/configuration.md lists them.\n\n\
                  A file to begin with:\n  \
                  [registry]\n  url = \"http://registry:7410\"\n  token_file = \"/etc/extensions/worker.token\"\n  \
                  [worker]\n  home = \"/var/lib/extensions-compiler\"\n  \
                  [admin]\n  address = \"127.0.0.1:7421\"\n\n\
                  The token needs scope `compile` and the audience `extensions-registry`. Toolchains are found in the home\n\
                  and on PATH; `EXT_HOME=<home> ext toolchain install LANG` puts them there. The log's first line says what\n\
                  isolates builds on this kernel; one that cannot isolate them is refused.\n\n\
                  Exit codes: 0 stopped as asked · 1 this machine stands in the way · 2 settings must change"
)]
pub(crate) struct Arguments {
    /// The settings file, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the settings and this machine, and end
    #[arg(long)]
    pub(crate) check: bool,
}

impl Arguments {
    /// The settings: file and environment.
    pub(crate) fn settings(&self) -> Result<WorkerSettings, SettingsError> {
        match &self.config {
            Some(file) => WorkerSettings::read(file, std::env::vars()),
            None => Err(SettingsError::Value("name the settings file: --config FILE; --help shows one to begin with".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["extensions-compiler", "--unsafe-no-isolation"]).is_err(), "there is no way around isolation");
    }
}
