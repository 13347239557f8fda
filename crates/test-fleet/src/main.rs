//! `extensions-fleet`: a whole fleet on this machine, until it is stopped.
//! `cargo xtask fleet` builds everything and becomes this program.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand};
use extensions_test_fleet::{
    Fleet, FleetError, Plan,
    announce::{self, Announced},
    walk::{self, Ext, Walked},
};
use extensions_types::{TenantId, with_causes};
use tokio::signal::unix::{SignalKind, signal};

/// Its own name, as the system shows it.
const PROGRAM: &str = "extensions-fleet";
/// Longer than everything takes to end by itself.
const STOP_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs Redis, MinIO, registry, signer, compile worker and three hosts on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Until Ctrl-C or `stop`
    Run(Places),
    /// Take a rule from push to prod and back under load, and end
    Walk {
        #[command(flatten)]
        places: Places,
        /// Print timings and failures as JSON
        #[arg(long)]
        json: bool,
    },
    /// End the one that runs
    Stop {
        /// Where it is announced
        #[arg(long, value_name = "DIR")]
        ext_home: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Places {
    /// Where `ext` finds the fleet, and toolchains of guests are: its EXT_HOME
    #[arg(long, value_name = "DIR")]
    ext_home: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Run(places) => run(&places),
        Task::Walk { places, json } => take_a_walk(&places, json),
        Task::Stop { ext_home } => stop(&ext_home),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(places: &Places) -> Result<(), FleetError> {
    announce::refuse_a_second(&places.ext_home)?;
    let (home, programs) = (folder()?, programs()?);
    let plan = Plan::whole(programs.clone(), home.path().to_path_buf(), places.ext_home.clone());
    let mut fleet = match start(&plan)? {
        Some(fleet) => fleet,
        None => return Ok(()),
    };
    let announced = Announced::new(&fleet, &places.ext_home, &tenant())?;
    println!("{}", usage(&fleet, &programs, &places.ext_home, home.path()));
    let ended = until_asked(|| fleet.ended())?;
    eprintln!("stopping");
    drop(announced);
    fleet.stop();
    match ended {
        Some(problem) => Err(FleetError::Unexpected(format!("the fleet was stopped, since {problem}"))),
        None => Ok(()),
    }
}

fn take_a_walk(places: &Places, json: bool) -> Result<(), FleetError> {
    let (home, programs) = (folder()?, programs()?);
    let plan = Plan::whole(programs.clone(), home.path().join("fleet"), places.ext_home.clone());
    let Some(fleet) = start(&plan)? else { return Ok(()) };
    // A home of its own: a fleet or an `ext dev` that runs meanwhile stays the one that is found.
    let ext_home = home.path().join("ext");
    let _announced = Announced::new(&fleet, &ext_home, &tenant())?;
    let walked = walk::walk(&fleet, &Ext::new(&programs, &ext_home), home.path(), &mut |line| eprintln!("{line}"));
    fleet.stop();
    let walked = walked?;
    if json {
        println!("{}", serde_json::to_string(&walked).map_err(|error| FleetError::Unexpected(error.to_string()))?);
    } else {
        println!("{}", summary(&walked));
    }
    Ok(())
}

fn stop(ext_home: &Path) -> Result<(), FleetError> {
    let Some(process) = announce::ask_to_stop(ext_home, PROGRAM)? else {
        eprintln!("no fleet runs here");
        return Ok(());
    };
    let started = Instant::now();
    while announce::program_of(process).is_some() {
        if started.elapsed() > STOP_MAX {
            return Err(FleetError::Unexpected(format!("the fleet (process {process}) has not ended after {} s", STOP_MAX.as_secs())));
        }
        thread::sleep(Duration::from_millis(50));
    }
    eprintln!("stopped");
    Ok(())
}

/// Starts it on a thread of its own, so that a signal ends a start too: none then. What has started ends with this process.
fn start(plan: &Plan) -> Result<Option<Fleet>, FleetError> {
    let (plan, (done, starts)) = (plan.clone(), std::sync::mpsc::channel());
    thread::spawn(move || {
        // Nobody takes it after a signal; the process is ending then.
        let _ = done.send(Fleet::start(&plan, &mut |line| eprintln!("{line}")));
    });
    let mut started = None;
    let asked = until_asked(|| {
        started = starts.try_recv().ok();
        started.as_ref().map(|_| String::new())
    })?;
    match (started, asked) {
        (Some(fleet), _) => fleet.map(Some),
        (None, _) => {
            eprintln!("stopped while it was starting");
            Ok(None)
        }
    }
}

/// Comes back with the first SIGINT or SIGTERM, or with what `look` gives.
fn until_asked(mut look: impl FnMut() -> Option<String>) -> Result<Option<String>, FleetError> {
    let wrong = FleetError::system("wait for", "signals");
    let wait = async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut ticks = tokio::time::interval(LOOK_EVERY / 10);
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(None),
                _ = terminate.recv() => return Ok(None),
                _ = ticks.tick() => if let Some(seen) = look() {
                    return Ok(Some(seen));
                },
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.and_then(|runtime| runtime.block_on(wait)).map_err(wrong)
}

fn tenant() -> TenantId {
    TenantId::parse(walk::TENANT).expect("a constant of the grammar")
}

/// The folder of this program has the others.
fn programs() -> Result<PathBuf, FleetError> {
    let own = std::env::current_exe().map_err(FleetError::system("find", PROGRAM))?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_path_buf())
}

fn folder() -> Result<tempfile::TempDir, FleetError> {
    tempfile::Builder::new().prefix("extensions-fleet-").tempdir().map_err(FleetError::system("make a folder in", std::env::temp_dir()))
}

/// What runs, and how to use it: commands to copy.
fn usage(fleet: &Fleet, programs: &Path, ext_home: &Path, home: &Path) -> String {
    let mut text = format!("\nregistry  {}\n", fleet.registry_url);
    for host in &fleet.hosts {
        text += &format!("{:<9} {}\n", host.program.name(), host.url);
    }
    let rule = walk::RULE;
    text + &format!(
        "logs      {}\n\n\
         In another terminal:\n\n\
         \x20   export EXT_HOME={} PATH={}:$PATH\n\
         \x20   cd \"$(mktemp -d)\" && ext new {rule} --kind domain-hook --lang rust\n\
         \x20   ext push {rule}\n\
         \x20   ext promote {rule}@1 --to dev --wait\n\
         \x20   ext promote {rule}@1 --to staging\n\
         \x20   ext promote {rule}@1 --to prod --wait\n\
         \x20   ext admin hosts --env prod\n\n\
         Under load, in a third one with the same `export`:\n\n\
         \x20   ext load --env prod --extension {rule} --point BeforeCreateOrder --input '{{\"quantity\": 7}}' --rate 200 --duration 10m --tolerate DISABLED\n\n\
         Change QUANTITY_MAX in {rule}/src/lib.rs (and the case about it in {rule}/tests), then the same way up, and back:\n\n\
         \x20   ext push {rule}\n\
         \x20   ext promote {rule}@2 --to dev --wait && ext promote {rule}@2 --to staging && ext promote {rule}@2 --to prod --wait\n\
         \x20   ext rollback {rule} --to 1 --env prod --wait\n\
         \x20   ext admin switch off --tenant {tenant} --extension {rule} --env prod --why \"wrong totals\"\n\
         \x20   ext admin switch on --tenant {tenant} --extension {rule} --env prod --why \"right again\"\n\n\
         Ctrl-C here, or `cargo xtask fleet stop`, ends all of it.\n",
        home.join("logs").display(),
        ext_home.display(),
        programs.display(),
        tenant = walk::TENANT,
    )
}

fn summary(walked: &Walked) -> String {
    let load = &walked.load;
    let refused: Vec<_> = load.failures.iter().map(|failed| format!(", {} {}", failed.calls, failed.code)).collect();
    format!(
        "\nload: {} calls in {:.0} s at {} a second, {} failed{}; p50 {:.2} ms, p99 {:.2} ms, slowest {:.0} ms\n\
         promotion asked for → both hosts of prod answered by it: {} ms\n\
         rollback answered → last answer by what it replaced: {} ms\n\
         switch asked for → refused by both hosts: {} ms",
        load.calls,
        load.seconds,
        load.rate,
        load.failed,
        refused.concat(),
        load.latency.p50_micros as f64 / 1e3,
        load.latency.p99_micros as f64 / 1e3,
        load.latency.max_micros as f64 / 1e3,
        walked.served_everywhere_ms,
        walked.stale_ms,
        walked.refused_everywhere_ms,
    )
}
