//! The fleet itself: what runs, in which order it starts and ends.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use extensions_test_servers::{Bucket, Minio, Redis};
use extensions_types::Environment;

use crate::{
    FleetError, People, Plan, Program,
    program::url,
    settings::{self, Common, Stores},
};

/// In the folder of toolchains.
const WORKSHOP_LOCK: &str = "fleet-worker.lock";
/// Hosts have names of their own in logs, files and `ext admin hosts`.
const NAMES: [(Environment, [&str; 3]); 3] = [
    (Environment::Dev, ["dev-1", "dev-2", "dev-3"]),
    (Environment::Staging, ["staging-1", "staging-2", "staging-3"]),
    (Environment::Prod, ["prod-1", "prod-2", "prod-3"]),
];

/// A host of the fleet.
#[derive(Debug)]
pub struct HostProgram {
    /// What it serves.
    pub env: Environment,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Its metrics and status: `http://127.0.0.1:PORT`.
    pub admin_url: String,
    /// The process.
    pub program: Program,
}

/// A running fleet; everything ends when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// In the plan's order.
    pub hosts: Vec<HostProgram>,
    /// Builds pushed source.
    pub worker: Option<Program>,
    /// Compiles and signs machine code for all hosts.
    pub signer: Option<Program>,
    /// The registry's process.
    pub registry: Program,
    /// `http://127.0.0.1:PORT` of the registry.
    pub registry_url: String,
    /// Its Redis, where the plan has one.
    pub redis: Option<Redis>,
    /// The server of its buckets.
    pub minio: Minio,
    /// What hosts of prod read.
    pub prod_bucket: Bucket,
    /// Signs tokens.
    pub people: People,
    /// Held as long as its worker may use the folder of toolchains.
    _workshop: Option<File>,
}

/// A fleet's files.
#[derive(Debug)]
struct Home<'p> {
    programs: &'p Path,
    folder: &'p Path,
}

impl Fleet {
    /// Starts everything and waits until it listens. `say` hears what is waited for.
    ///
    /// # Errors
    /// When a program is missing or does not come up, with the end of its log.
    pub fn start(plan: &Plan, say: &mut dyn FnMut(&str)) -> Result<Self, FleetError> {
        let home = Home::make(plan)?;
        let workshop = plan.toolchains.as_deref().map(workshop).transpose()?;
        say("starting MinIO and Redis");
        let (minio, redis) = (Minio::start()?, plan.redis.then(Redis::start).transpose()?);
        let (own, prod_bucket) = (minio.bucket()?, minio.bucket()?);
        let people = People::new()?;
        let redis_key = home.write("redis.key", &random_text()?)?;
        let common = Common { jwks: people.jwks(), redis: redis.as_ref().map(|redis| (redis.url(), redis_key.as_path())) };
        let stores = Stores { own: &own, prod: &prod_bucket };

        say("starting registry and hosts");
        let mut registry = home.start("registry", "extensions-registry", &[], &settings::registry(&common, &stores))?;
        let signing = plan.signer.then(|| home.signing_key()).transpose()?;
        let mut signer = match &signing {
            Some((key, _)) => Some(home.start("signer", "extensions-registry", &["signer"], &settings::signer(&common, &stores, key))?),
            None => None,
        };
        let mut started = Vec::new();
        for (at, &env) in plan.hosts.iter().enumerate() {
            let name = name(env, plan.hosts[..at].iter().filter(|&&other| other == env).count())?;
            let data = plan.home.join(name);
            let signers = signing.as_ref().map(|(_, keys)| keys.as_path());
            let host = settings::Host { name, env, data: &data, catalog: &plan.catalog, signers };
            started.push((env, home.start(name, "extensions-runtime", &[], &host.to_toml(&common, &stores))?));
        }
        let registry_url = url(&registry.said("listening")?, "address");
        let mut hosts = Vec::new();
        for (env, mut program) in started {
            let line = program.said("listening")?;
            hosts.push(HostProgram { env, url: url(&line, "address"), admin_url: url(&line, "admin"), program });
        }
        if let Some(signer) = &mut signer {
            signer.said("signing")?;
        }
        let worker = match &plan.toolchains {
            Some(toolchains) => Some(home.worker(&common, &registry_url, &people, toolchains, say)?),
            None => None,
        };
        Ok(Self { hosts, worker, signer, registry, registry_url, redis, minio, prod_bucket, people, _workshop: workshop })
    }

    /// The hosts of an environment.
    pub fn of(&self, env: Environment) -> impl Iterator<Item = &HostProgram> {
        self.hosts.iter().filter(move |host| host.env == env)
    }

    /// What has ended by itself, and how.
    pub fn ended(&mut self) -> Option<String> {
        let hosts = self.hosts.iter_mut().map(|host| &mut host.program);
        let others = [Some(&mut self.registry), self.worker.as_mut(), self.signer.as_mut()].into_iter().flatten();
        hosts.chain(others).find_map(|program| program.ended().map(|ended| format!("{} {ended}", program.name())))
    }

    /// Ends everything: hosts and worker first, what they depend on last.
    pub fn stop(mut self) {
        let hosts = self.hosts.iter_mut().map(|host| &mut host.program);
        let mut first: Vec<_> = hosts.chain(self.worker.as_mut()).chain(self.signer.as_mut()).collect();
        first.iter().for_each(|program| program.ask_to_stop());
        first.iter_mut().for_each(|program| program.wait_or_kill());
        self.registry.ask_to_stop();
        self.registry.wait_or_kill();
    }
}

impl<'p> Home<'p> {
    fn make(plan: &'p Plan) -> Result<Self, FleetError> {
        for folder in [plan.home.clone(), plan.home.join("logs")] {
            fs::create_dir_all(&folder).map_err(FleetError::system("make", &folder))?;
        }
        Ok(Self { programs: &plan.programs, folder: &plan.home })
    }

    /// A file of its owner alone.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, FleetError> {
        let path = self.folder.join(name);
        let write = || {
            use std::io::Write as _;
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?.write_all(text.as_bytes())
        };
        write().map_err(FleetError::system("write", &path))?;
        Ok(path)
    }

    /// Starts a program with its settings in `NAME.toml`.
    fn start(&self, name: &'static str, program: &str, task: &[&str], settings: &str) -> Result<Program, FleetError> {
        let file = self.write(&format!("{name}.toml"), settings)?;
        let file = file.to_string_lossy().into_owned();
        let arguments = [task, &["--config", &file]].concat();
        Program::start(name, &self.programs.join(program), &arguments, &self.folder.join("logs"))
    }

    /// The signer's private key, and the file with its public one, which the program makes.
    fn signing_key(&self) -> Result<(PathBuf, PathBuf), FleetError> {
        let (program, private) = (self.programs.join("extensions-registry"), self.folder.join("signer.key"));
        let made = Command::new(&program).args(["signer", "--new-key"]).arg(&private).stdin(Stdio::null()).output();
        let made = made.map_err(FleetError::system("start", &program))?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(FleetError::Command { command: "extensions-registry signer --new-key".to_owned(), ended: made.status.to_string(), said });
        }
        Ok((private, self.folder.join("signer.key.pub")))
    }

    fn worker(
        &self,
        common: &Common<'_>,
        registry: &str,
        people: &People,
        toolchains: &Path,
        say: &mut dyn FnMut(&str),
    ) -> Result<Program, FleetError> {
        say("starting the compile worker; the first time it builds what extensions share, which takes minutes");
        let token = self.write("worker.token", &people.worker())?;
        let mut worker = self.start("worker", "extensions-compiler", &[], &settings::worker(common, registry, &token, toolchains))?;
        worker.said("taking jobs")?;
        Ok(worker)
    }
}

fn name(env: Environment, at: usize) -> Result<&'static str, FleetError> {
    let named = NAMES.iter().find(|(known, _)| *known == env).and_then(|(_, names)| names.get(at));
    named.copied().ok_or_else(|| FleetError::Unexpected(format!("a fleet on one machine has at most 3 hosts of {env}")))
}

/// A folder of toolchains is one worker's at a time: builds and what they share lie there too.
fn workshop(toolchains: &Path) -> Result<File, FleetError> {
    let path = toolchains.join(WORKSHOP_LOCK);
    let file = File::create(&path).map_err(FleetError::system("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("another fleet has its compile worker in {}: end that one first, with `cargo xtask fleet stop`", toolchains.display());
            Err(FleetError::Unexpected(text))
        }
        Err(TryLockError::Error(error)) => Err(FleetError::system("lock", &path)(error)),
    }
}

/// A shared secret: 64 hex digits.
fn random_text() -> Result<String, FleetError> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; 32];
    let read = File::open(SOURCE).and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes));
    read.map_err(FleetError::system("read", SOURCE))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_toolchains_is_one_workers() {
        let folder = tempfile::tempdir().unwrap();
        let held = workshop(folder.path()).unwrap();
        assert!(workshop(folder.path()).unwrap_err().to_string().contains("fleet stop"));
        drop(held);
        workshop(folder.path()).unwrap();
    }

    #[test]
    fn hosts_of_one_environment_have_names_of_their_own() {
        assert_eq!((name(Environment::Prod, 0).unwrap(), name(Environment::Prod, 1).unwrap()), ("prod-1", "prod-2"));
        assert!(name(Environment::Dev, 3).is_err());
    }
}
