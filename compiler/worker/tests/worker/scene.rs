//! One worker with a warm home for all tests, and one with little time.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use extensions_compile_jobs::{Claims, Queue};
use extensions_pipeline::{Tools, Workbench};
use extensions_sandbox::Limits;
use extensions_toolchain::{Direct, Home};
use extensions_types::CallLabel;
use extensions_worker::{Isolation, Metrics, Parts, Worker, warm};
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::board::Board;

/// Compile child and sandbox helper: the program under test itself.
const HELPER: &str = env!("CARGO_BIN_EXE_extensions-compiler");

/// Small, so that attempts end soon; a build of a small rule needs a fifth.
const LIMITS: Limits = Limits {
    wall: Duration::from_secs(120),
    cpu: Duration::from_secs(60),
    memory_bytes: 1 << 30,
    processes: 64,
    file_bytes: 256 << 20,
    output_bytes: 4 << 20,
};

pub(crate) struct Scene {
    runtime: Runtime,
    pub(crate) board: Arc<Board>,
    /// Gives a job five seconds.
    pub(crate) hasty: Arc<Board>,
    pub(crate) home: Home,
    isolation: Isolation,
    workbench: Workbench,
    _workers: [Worker; 2],
    /// Outside of everything that a job may reach.
    pub(crate) outside: TempDir,
}

impl Scene {
    /// The one of this process; its home is where `ext toolchain install` left the
    /// toolchains, so that dependencies are built once.
    pub(crate) fn get() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(Self::start)
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Tools as on an author's own machine.
    pub(crate) fn direct(&self) -> Tools {
        Tools { home: self.home.clone(), sdks: &extensions_guest_sdks::SDKS, runner: Arc::new(Direct) }
    }

    /// One more worker on the same home, with files of its own in `dir` outside.
    pub(crate) fn worker(&self, dir: &str, queue: Arc<dyn Queue>, claims: Arc<dyn Claims>) -> io::Result<Worker> {
        let parts = parts(&self.home, self.outside.path().join(dir), &self.isolation, &self.workbench, LIMITS);
        Worker::start(Parts { queue, claims, ..parts })
    }

    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let home = Home::from_env().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let (board, hasty) = (Arc::<Board>::default(), Arc::<Board>::default());
        let tools = Tools { home: home.clone(), sdks: &extensions_guest_sdks::SDKS, runner: Arc::new(Direct) };
        let workers = runtime.block_on(async {
            let warmed = warm(&tools);
            assert!(warmed.iter().any(|one| one.language.as_str() == "rust"), "install a toolchain: `ext toolchain install rust`");
            let isolation = Isolation::of_this_kernel(HELPER).unwrap();
            let workbench = Workbench::start(home.path(), HELPER.as_ref()).unwrap();
            let start = |board: &Arc<Board>, name: &str, limits| {
                let parts = parts(&home, outside.path().join(name), &isolation, &workbench, limits);
                Worker::start(Parts { queue: Arc::clone(board) as _, claims: Arc::clone(board) as _, ..parts }).unwrap()
            };
            let workers = [start(&board, "worker", LIMITS), start(&hasty, "hasty", Limits { wall: Duration::from_secs(5), ..LIMITS })];
            (workers, isolation, workbench)
        });
        let (workers, isolation, workbench) = workers;
        Self { runtime, board, hasty, home, isolation, workbench, _workers: workers, outside }
    }
}

fn parts(home: &Home, dir: PathBuf, isolation: &Isolation, workbench: &Workbench, limits: Limits) -> Parts {
    let nobody = Arc::<Board>::default();
    Parts {
        name: CallLabel::parse("test").unwrap(),
        queue: Arc::clone(&nobody) as _,
        claims: nobody,
        home: home.clone(),
        dir,
        sdks: &extensions_guest_sdks::SDKS,
        workbench: workbench.clone(),
        isolation: isolation.clone(),
        limits,
        tests_within: Duration::from_secs(60),
        slots: 1,
        results_bytes_max: 16 << 20,
        metrics: Metrics::new(&mut Registry::default()),
    }
}
