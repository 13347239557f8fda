//! Builds what every extension of a language depends on before its first job: outside of any
//! job, from source that the worker carries. Jobs read it and cannot change it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_pipeline::{Tools, place};
use extensions_toolchain::{Direct, Request, Toolchain, sdk};
use extensions_types::{Language, with_causes};

/// An extension of each language whose builds share compiled dependencies.
/// AssemblyScript's compiler reads its library as source each time.
const TEMPLATES: &[(Language, &[(&str, &str)])] = &[(Language::Rust, RUST), (Language::TinyGo, TINYGO)];

const RUST: &[(&str, &str)] = &[("Cargo.toml", include_str!("../warm/rust/Cargo.toml.txt")), ("src/lib.rs", include_str!("../warm/rust/lib.rs.txt"))];
const TINYGO: &[(&str, &str)] = &[
    ("extension.toml", include_str!("../warm/tinygo/extension.toml")),
    ("go.mod", include_str!("../warm/tinygo/go.mod.txt")),
    ("main.go", include_str!("../warm/tinygo/main.go.txt")),
];

/// Other templates are another number.
const FORM: u32 = 3;

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
    match Toolchain::find(&tools.home, language) {
        Ok(toolchain) => Some(Warmed { language, toolchain: toolchain.version().to_owned(), took: ensure(tools, &toolchain) }),
        Err(missing) => {
            tracing::warn!(%missing, "a language is not built here");
            None
        }
    }
}

/// Builds what the language's extensions share, unless that was done before
/// with the same tools. What it took; none when nothing was to be done.
pub(crate) fn ensure(tools: &Tools, toolchain: &Toolchain) -> Option<Duration> {
    /// Two of them would do the same work.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let language = toolchain.language();
    let (_, files) = TEMPLATES.iter().find(|(of, _)| *of == language)?;
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let done = tools.home.path().join("worker/warm").join(format!("{}.done", language.as_str()));
    let inputs = format!("{FORM} {} {}", toolchain.version(), tools.sdks.of(language).digest);
    if std::fs::read_to_string(&done).is_ok_and(|before| before == inputs) {
        return None;
    }
    let start = Instant::now();
    let built = build(tools, toolchain, files).and_then(|()| std::fs::write(&done, inputs).map_err(|error| error.to_string()));
    if let Err(why) = built {
        tracing::error!(why, language = language.as_str(), "dependencies could not be built ahead; each job builds them for itself");
        return None;
    }
    Some(start.elapsed())
}

fn build(tools: &Tools, toolchain: &Toolchain, files: &[(&str, &str)]) -> Result<(), String> {
    let parent = tools.home.path().join("worker/warm");
    std::fs::create_dir_all(&parent).map_err(|error| error.to_string())?;
    // Another process may do the same.
    let scratch = tempfile::tempdir_in(&parent).map_err(|error| error.to_string())?;
    let folder = scratch.path().join(toolchain.language().as_str());
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Bytes::copy_from_slice(text.as_bytes()))).collect();
    place(&folder, files.iter().map(|(path, bytes)| (*path, bytes))).map_err(|error| with_causes(&error))?;
    let sdk = sdk::unpack(&tools.home, tools.sdks.of(toolchain.language())).map_err(|error| with_causes(&error))?;
    let target_dir = scratch.path().join("results");
    // Directly, not in the sandbox: what it builds beside its results is to stay.
    let home = tools.home.for_jobs();
    let request = Request { home: &home, sdk: &sdk, folder: &folder, target_dir: &target_dir, runner: &Direct };
    toolchain.build(request, &mut |_| {}).map(drop).map_err(|error| with_causes(&error))
}
