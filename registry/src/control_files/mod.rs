//! Files that hold an environment's control: followed, and imported as events of
//! the system actor `control-file`. What cannot be read changes nothing and is
//! named in log, readiness and metrics.

mod document;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use extensions_registry_api::Service;
use extensions_registry_core::control::Wanted;
use extensions_service::Followed;
use extensions_types::{Environment, with_causes};
use prometheus_client::{encoding::EncodeLabelSet, metrics::family::Family, metrics::gauge::Gauge, registry::Registry as Shown};
use serde::Deserialize;
use tokio::task::JoinHandle;

use document::{WrongFile, ms_since_epoch, parse};

/// How often a file's last content is compared with what was imported. The file
/// itself is looked at by whoever follows it, as often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One file for each environment whose control somebody else's repository owns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlFileSettings {
    /// The file of dev.
    pub dev: Option<PathBuf>,
    /// The file of staging.
    pub staging: Option<PathBuf>,
    /// The file of prod.
    pub prod: Option<PathBuf>,
}

impl ControlFileSettings {
    fn files(&self) -> impl Iterator<Item = (Environment, &PathBuf)> {
        let files = [(Environment::Dev, &self.dev), (Environment::Staging, &self.staging), (Environment::Prod, &self.prod)];
        files.into_iter().filter_map(|(env, file)| Some((env, file.as_ref()?)))
    }
}

/// What stands in the way of files, by environment. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ControlFileProblems(Arc<Mutex<BTreeMap<Environment, String>>>);

impl ControlFileProblems {
    /// One line for each file that is not imported; empty where all are.
    pub(crate) fn lines(&self) -> String {
        self.lock().iter().map(|(env, problem)| format!("the control file of {env} is not imported: {}\n", problem.replace('\n', " "))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Environment, String>> {
        // Each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEnvironment {
    env: &'static str,
}

/// Follows files until it is dropped.
#[derive(Debug)]
pub(crate) struct ControlFiles {
    tasks: Vec<JoinHandle<()>>,
    problems: ControlFileProblems,
}

impl Drop for ControlFiles {
    fn drop(&mut self) {
        // An import under way is taken up by the next registry: each event stands for itself.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl ControlFiles {
    /// Begins to follow the files of `settings`, on the current runtime.
    pub(crate) fn follow(settings: &ControlFileSettings, service: &Service, shown: &mut Shown) -> Self {
        let problems = ControlFileProblems::default();
        let gauges = Family::<OfEnvironment, Gauge>::default();
        shown.register("registry_control_file_problem", "Whether an environment's control file is not imported", gauges.clone());
        let tasks = settings.files().map(|(env, file)| {
            let gauge = gauges.get_or_create_owned(&OfEnvironment { env: env.as_str() });
            let following = Following { env, file: file.clone(), service: service.clone(), problems: problems.clone(), gauge, imported: None };
            tokio::spawn(following.run())
        });
        Self { tasks: tasks.collect(), problems }
    }

    pub(crate) fn problems(&self) -> ControlFileProblems {
        self.problems.clone()
    }
}

/// A file's content, or why it is none.
type Content = Result<Wanted, WrongFile>;

struct Following {
    env: Environment,
    file: PathBuf,
    service: Service,
    problems: ControlFileProblems,
    gauge: Gauge,
    /// The content that control holds. Another registry with an older copy of
    /// the file does not fight for it: only what changes is imported.
    imported: Option<Arc<Content>>,
}

impl Following {
    async fn run(mut self) {
        let mut followed = None;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let outcome = self.look(&mut followed).await;
            self.say(outcome);
        }
    }

    async fn look(&mut self, followed: &mut Option<Followed<Content>>) -> Result<(), String> {
        let file = match followed {
            Some(file) => file,
            None => followed.insert(open(&self.file).await?),
        };
        if let Some(problem) = file.problem() {
            return Err(problem);
        }
        let content = file.current();
        let wanted = content.as_ref().as_ref().map_err(ToString::to_string)?;
        if self.imported.as_ref().is_some_and(|imported| Arc::ptr_eq(imported, &content)) {
            return Ok(());
        }
        let now_ms = ms_since_epoch(SystemTime::now());
        let changes = self.service.import_control(self.env, wanted, now_ms).await.map_err(|error| with_causes(&error))?;
        tracing::info!(env = %self.env, file = %self.file.display(), changes, "the control file is imported");
        self.imported = Some(content);
        Ok(())
    }

    fn say(&self, outcome: Result<(), String>) {
        self.gauge.set(outcome.is_err().into());
        let mut problems = self.problems.lock();
        match outcome {
            Ok(()) => drop(problems.remove(&self.env)),
            Err(problem) => {
                if problems.get(&self.env) != Some(&problem) {
                    tracing::error!(env = %self.env, file = %self.file.display(), problem, "the control file is not imported; control stays as it is");
                }
                problems.insert(self.env, problem);
            }
        }
    }
}

/// A content that is wrong is a content as well: the file is followed all the same.
async fn open(file: &Path) -> Result<Followed<Content>, String> {
    let file = file.to_owned();
    let opened = tokio::task::spawn_blocking(move || Followed::file(&file, |bytes| Ok::<_, Infallible>(parse(bytes))));
    opened.await.map_err(|error| error.to_string())?.map_err(|error| with_causes(&error))
}
