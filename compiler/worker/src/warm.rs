//! Builds what every extension depends on before the first job: outside of any
//! job, from source that the worker carries. Jobs read it and cannot change it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_pipeline::{Tools, place};
use extensions_toolchain::{Direct, Request, Toolchain, sdk};
use extensions_types::{Language, with_causes};

/// An extension of each language whose builds share compiled dependencies.
/// AssemblyScript's compiler reads its library as source each time.
const TEMPLATES: &[(Language, &[(&str, &str)])] =
    &[(Language::Rust, &[("Cargo.toml", include_str!("../warm/rust/Cargo.toml.txt")), ("src/lib.rs", include_str!("../warm/rust/lib.rs.txt"))])];

/// A language that this worker builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warmed {
    /// Which.
    pub language: Language,
    /// Its toolchain's version.
    pub toolchain: String,
    /// How long its dependencies took; none where there are none to build.
    pub took: Option<Duration>,
}

/// Finds each language's toolchain and builds what its extensions share. A
/// language that lacks its toolchain is left out; jobs in it say so.
#[must_use]
pub fn warm(tools: &Tools) -> Vec<Warmed> {
    Language::ALL.iter().filter_map(|language| one(tools, *language)).collect()
}

fn one(tools: &Tools, language: Language) -> Option<Warmed> {
    let toolchain = match Toolchain::find(&tools.home, language) {
        Ok(toolchain) => toolchain,
        Err(missing) => {
            tracing::warn!(%missing, "a language is not built here");
            return None;
        }
    };
    let template = TEMPLATES.iter().find(|(of, _)| *of == language).map(|(_, files)| *files);
    let took = template.and_then(|files| {
        let start = Instant::now();
        match build(tools, &toolchain, files) {
            Ok(()) => Some(start.elapsed()),
            Err(why) => {
                tracing::error!(why, language = language.as_str(), "dependencies could not be built ahead; each job builds them for itself");
                None
            }
        }
    });
    Some(Warmed { language, toolchain: toolchain.version().to_owned(), took })
}

fn build(tools: &Tools, toolchain: &Toolchain, files: &[(&str, &str)]) -> Result<(), String> {
    let folder = tools.home.path().join("worker/warm").join(toolchain.language().as_str());
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Bytes::copy_from_slice(text.as_bytes()))).collect();
    place(&folder, files.iter().map(|(path, bytes)| (*path, bytes))).map_err(|error| with_causes(&error))?;
    let sdk = sdk::unpack(&tools.home, tools.sdks.of(toolchain.language())).map_err(|error| with_causes(&error))?;
    let result = in_home(tools, toolchain, &sdk, &folder);
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::debug!(%error, "the template's folder stays");
    }
    result
}

/// Directly, not in the sandbox: what it builds is to stay.
fn in_home(tools: &Tools, toolchain: &Toolchain, sdk: &sdk::SdkDir, folder: &Path) -> Result<(), String> {
    let target_dir = tools.home.target_dir(folder);
    let request = Request { home: &tools.home, sdk, folder, target_dir: &target_dir, runner: &Direct };
    toolchain.build(request, &mut |_| {}).map(drop).map_err(|error| with_causes(&error))
}
