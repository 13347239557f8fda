//! Switches of this host alone: set on its admin listener, in force at once,
//! kept over restarts. They only restrict: what control forbids stays forbidden.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use extensions_catalog::{Off, Switches};
use extensions_types::{ErrorCode, ExtensionDefinition, Refusal, SchemaV1, Switch, SwitchTarget};
use serde::{Deserialize, Serialize};

/// A host is switched by hand: more lines than anybody keeps in mind.
const SWITCHES_MAX: usize = 100;
/// Bytes of a reason, as in control.
const WHY_BYTES_MAX: usize = 1_024;
const FILE: &str = "switches.json";

/// Why the switches of before cannot be had. A host does not start without
/// them: what was switched off must not come back by a restart.
#[derive(Debug, thiserror::Error)]
pub enum LocalSwitchesError {
    /// The file cannot be read.
    #[error("cannot read the host's own switches in {file}")]
    Read {
        /// Which.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{file} does not hold the host's own switches; repair it, or remove it to start without any")]
    Content {
        /// Which.
        file: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// The switches of one host.
#[derive(Debug)]
pub struct LocalSwitches {
    file: Option<PathBuf>,
    held: Mutex<Vec<Switch>>,
    index: ArcSwap<Switches>,
    /// As a rule there are none, and a call looks no further.
    any: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: SchemaV1,
    switches: Vec<Switch>,
}

impl LocalSwitches {
    /// The switches kept in `data_dir`.
    ///
    /// # Errors
    /// When those of before are there and cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, LocalSwitchesError> {
        let path = data_dir.join(FILE);
        let file = path.display().to_string();
        let held = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Document>(&bytes).map_err(|source| LocalSwitchesError::Content { file, source })?.switches,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(LocalSwitchesError::Read { file, source }),
        };
        Ok(Self::new(Some(path), held))
    }

    /// Switches that nobody keeps: for tests and programs without a folder.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(None, Vec::new())
    }

    fn new(file: Option<PathBuf>, held: Vec<Switch>) -> Self {
        let (index, any) = (ArcSwap::from_pointee(Switches::of(&held)), AtomicBool::new(!held.is_empty()));
        Self { file, held: Mutex::new(held), index, any }
    }

    /// What is off here now, in the order in which it was set.
    #[must_use]
    pub fn list(&self) -> Vec<Switch> {
        let now = now_ms();
        self.held().iter().filter(|switch| switch.holds(now)).cloned().collect()
    }

    /// Holds a target off from now on, in place of an earlier switch of it.
    /// Writes to disk: not for threads that answer others.
    ///
    /// # Errors
    /// BAD_REQUEST without a reason or with an end that is over, PRECONDITION
    /// beyond the bound, UNAVAILABLE when it cannot be kept.
    pub fn set(&self, switch: Switch) -> Result<(), Refusal> {
        check(&switch)?;
        self.change(|held| {
            held.retain(|other| other.target != switch.target);
            if held.len() >= SWITCHES_MAX {
                let text = format!("{SWITCHES_MAX} switches are set on this host, as many as are kept; lift some, or use the environment's");
                return Err(Refusal::new(ErrorCode::Precondition, text));
            }
            held.push(switch);
            Ok(())
        })
    }

    /// Takes a switch of this host away; false where there was none. What the
    /// environment's control holds off stays off.
    ///
    /// # Errors
    /// UNAVAILABLE when that cannot be kept.
    pub fn lift(&self, target: &SwitchTarget) -> Result<bool, Refusal> {
        let mut found = false;
        self.change(|held| {
            let before = held.len();
            held.retain(|other| other.target != *target);
            found = held.len() < before;
            Ok(())
        })?;
        Ok(found)
    }

    /// Changes what is held: on disk first, so that an answer outlives a restart.
    fn change(&self, change: impl FnOnce(&mut Vec<Switch>) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let mut held = self.held();
        let now = now_ms();
        let mut next: Vec<_> = held.iter().filter(|switch| switch.holds(now)).cloned().collect();
        change(&mut next)?;
        if let Some(file) = &self.file {
            save(file, &next).map_err(|error| {
                tracing::error!(file = %file.display(), %error, "the host's own switches cannot be written");
                Refusal::new(ErrorCode::Unavailable, "this host cannot keep the switch on its disk, so it was not set; see its log")
            })?;
        }
        self.index.store(Switches::of(&next).into());
        self.any.store(!next.is_empty(), Relaxed);
        *held = next;
        Ok(())
    }

    /// The widest switch of this host that keeps `definition` from answering.
    #[must_use]
    pub fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        if self.any.load(Relaxed) { self.index.load().forced_off(definition) } else { None }
    }

    /// The widest switch of this host that ends what runs of `definition`.
    #[must_use]
    pub fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        if self.any.load(Relaxed) { self.index.load().aborts(definition) } else { None }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Switch>> {
        // A change is assigned whole, at its end.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(switch: &Switch) -> Result<(), Refusal> {
    let bad = |text: String| Err(Refusal::new(ErrorCode::BadRequest, text));
    let why = &switch.set.why;
    if why.trim().is_empty() {
        return bad("forcing something off needs a reason for whoever finds it off; say why".to_owned());
    }
    if why.len() > WHY_BYTES_MAX || why.chars().any(char::is_control) {
        return bad(format!("the reason is one line of at most {WHY_BYTES_MAX} bytes of plain text"));
    }
    if !switch.holds(now_ms()) {
        return bad("the switch's end is over by this host's clock; name one to come".to_owned());
    }
    Ok(())
}

fn save(file: &Path, switches: &[Switch]) -> io::Result<()> {
    let text = serde_json::to_vec(&Document { schema: SchemaV1, switches: switches.to_vec() })?;
    let staged = file.with_extension("json.new");
    let mut out = std::fs::File::create(&staged)?;
    out.write_all(&text)?;
    out.sync_all()?;
    std::fs::rename(&staged, file)?;
    file.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use extensions_types::{ControlSource, Kind, Provenance};

    use super::*;

    fn switch(why: &str) -> Switch {
        Switch::new(SwitchTarget::Kind { kind: Kind::DomainHook }, Provenance::new(ControlSource::Operator, why, 0, 1))
    }

    #[test]
    fn a_switch_outlives_a_restart_until_it_is_lifted() {
        let dir = tempfile::tempdir().unwrap();
        let switches = LocalSwitches::open(dir.path()).unwrap();
        assert!(!switches.any.load(Relaxed));
        switches.set(switch("drill")).unwrap();
        switches.set(Switch { abort: true, ..switch("again") }).unwrap();
        let again = LocalSwitches::open(dir.path()).unwrap();
        let held = again.list();
        assert_eq!((held.len(), held[0].set.why.as_str(), held[0].abort), (1, "again", true));
        assert!(again.lift(&held[0].target).unwrap() && !again.lift(&held[0].target).unwrap());
        assert!(LocalSwitches::open(dir.path()).unwrap().list().is_empty());
    }

    #[test]
    fn what_cannot_be_kept_or_makes_no_sense_is_refused_by_name() {
        let code = |switch| LocalSwitches::in_memory().set(switch).unwrap_err().code;
        assert_eq!(code(switch("  ")), ErrorCode::BadRequest);
        assert_eq!(code(switch(&"w".repeat(1_025))), ErrorCode::BadRequest);
        assert_eq!(code(Switch { until_ms: Some(1), ..switch("drill") }), ErrorCode::BadRequest);
        let dir = tempfile::tempdir().unwrap();
        let switches = LocalSwitches::open(dir.path()).unwrap();
        drop(dir);
        assert_eq!(switches.set(switch("drill")).unwrap_err().code, ErrorCode::Unavailable);
        assert!(switches.list().is_empty(), "what is not kept is not in force either");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "{\"schema\":1,\"switches\":[{}]}").unwrap();
        let error = LocalSwitches::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("repair it, or remove it"), "{error}");
    }
}
