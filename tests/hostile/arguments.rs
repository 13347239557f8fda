//! What the suite is asked for.

use extensions_engine_config::Profile;

use crate::attack::Attack;

/// Which attacks, in which profiles, and how much is told.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) profiles: Vec<&'static str>,
    /// Parts of names; all attacks without any.
    names: Vec<String>,
    /// Names the attacks and does nothing.
    pub(crate) list: bool,
    /// Prints every row, and not only those that differ.
    pub(crate) rows: bool,
}

impl Arguments {
    /// Reads the arguments after the program's name; else what is wrong with them.
    pub(crate) fn parse(given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { profiles: Vec::new(), names: Vec::new(), list: false, rows: false };
        let mut given = given;
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--list" => arguments.list = true,
                "--rows" => arguments.rows = true,
                "--profile" => {
                    let name = given.next().unwrap_or_default();
                    let profile = Profile::named(&name).ok_or_else(|| format!("--profile is `{name}`; it must be guards or hardened"))?;
                    arguments.profiles.push(profile.name());
                }
                flag if flag.starts_with('-') => return Err(format!("there is no `{flag}`; there are --list, --rows and --profile NAME")),
                _ => arguments.names.push(argument),
            }
        }
        if arguments.profiles.is_empty() {
            arguments.profiles = Profile::ALL.map(Profile::name).into();
        }
        Ok(arguments)
    }

    /// Whether an attack was asked for.
    pub(crate) fn wants(&self, attack: &Attack) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| attack.name.contains(part.as_str()))
    }
}
