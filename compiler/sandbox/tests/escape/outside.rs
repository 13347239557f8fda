//! The machine around a job, and what is looked for there afterwards.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    net::{TcpListener, UdpSocket},
    os::{
        fd::AsRawFd as _,
        linux::net::SocketAddrExt as _,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixListener},
        },
    },
    path::PathBuf,
    time::Duration,
};

use extensions_sandbox::{Job, Limits, Sandbox};
use tempfile::TempDir;

use crate::{
    acts,
    run::{Ran, run},
};

/// What this machine keeps from every job; in this process's environment and in another job's folder.
pub(crate) const SECRET: &str = "a-secret-of-the-host";
/// What lies in the prebuilt dependencies.
const PREBUILT: &str = "prebuilt";

/// Looks from outside; an error says what was found.
pub(crate) type Look = fn(&Outside, &Sandbox, &Ran) -> Result<(), String>;

/// Everything that a job could reach for.
pub(crate) struct Outside {
    dir: TempDir,
    /// In the job's arguments, so that its processes are found.
    pub(crate) token: String,
    tcp: TcpListener,
    udp: UdpSocket,
    named: UnixListener,
    nameless: UnixListener,
    /// Without close-on-exec.
    left_open: File,
}

impl Outside {
    pub(crate) fn new() -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let path = |name: &str| dir.path().join(name);
        for folder in ["folder", "layer", "results", "reads", "other"] {
            fs::create_dir(path(folder))?;
        }
        fs::write(path("folder/source"), "source")?;
        fs::write(path("layer/dependency"), PREBUILT)?;
        fs::write(path("reads/sdk"), "sdk")?;
        fs::write(path("other/secret"), SECRET)?;
        let token = dir.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let nameless = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&token)?)?;
        let named = UnixListener::bind(path("reads/socket"))?;
        fs::set_permissions(path("reads/socket"), PermissionsExt::from_mode(0o777))?;
        let left_open = File::open(path("other/secret"))?;
        rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty())?;
        let outside = Self { token, tcp: TcpListener::bind("127.0.0.1:0")?, udp: UdpSocket::bind("127.0.0.1:0")?, named, nameless, left_open, dir };
        outside.tcp.set_nonblocking(true)?;
        outside.udp.set_nonblocking(true)?;
        outside.named.set_nonblocking(true)?;
        outside.nameless.set_nonblocking(true)?;
        Ok(outside)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn job(&self, act: &str) -> Job {
        let program = std::env::current_exe().unwrap();
        let mut environment = vec![("OWN".to_owned(), "own".to_owned())];
        for (name, folder) in [("FOLDER", "folder"), ("LAYER", "layer"), ("RESULTS", "results"), ("READS", "reads"), ("OTHER", "other")] {
            environment.push((name.into(), self.path(folder).to_string_lossy().into_owned()));
        }
        environment.push(("TCP".into(), self.tcp.local_addr().unwrap().port().to_string()));
        environment.push(("UDP".into(), self.udp.local_addr().unwrap().port().to_string()));
        environment.push(("LEFT_OPEN".into(), self.left_open.as_raw_fd().to_string()));
        environment.push(("HOST_PID".into(), std::process::id().to_string()));
        Job {
            arguments: [acts::ARGUMENT, act, &self.token].map(Into::into).to_vec(),
            environment: environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder: self.path("folder"),
            returns: vec!["Cargo.lock".into()],
            reads: vec![program.clone(), self.path("reads")],
            layers: vec![self.path("layer")],
            results: self.path("results"),
            limits: Limits {
                wall: Duration::from_secs(10),
                cpu: Duration::from_secs(5),
                memory_bytes: 64 << 20,
                processes: 16,
                file_bytes: 16 << 20,
                output_bytes: 1 << 20,
            },
            program,
        }
    }

    /// What holds after every attempt.
    pub(crate) fn unchanged(&self, _: &Sandbox, _: &Ran) -> Result<(), String> {
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        let whole = (read("folder/source"), read("layer/dependency"), read("reads/sdk"), read("other/secret"));
        if whole != ("source".into(), PREBUILT.into(), "sdk".into(), SECRET.into()) {
            return Err(format!("files changed: {whole:?}"));
        }
        let mut names: Vec<_> = ["folder", "layer", "reads", "other"].into_iter().flat_map(|name| names(&self.path(name))).collect();
        names.retain(|name| name != "Cargo.lock");
        if names != ["source", "dependency", "sdk", "socket", "secret"] && names != ["source", "dependency", "socket", "sdk", "secret"] {
            return Err(format!("files appeared or disappeared: {names:?}"));
        }
        Ok(())
    }

    pub(crate) fn no_accounts(&self, _: &Sandbox, ran: &Ran) -> Result<(), String> {
        match ran.lines.iter().find(|line| line.contains("root") || !line.contains("guest")) {
            Some(line) => Err(format!("it saw {line:?}")),
            None if ran.lines.is_empty() => Err("it saw nothing".into()),
            None => Ok(()),
        }
    }

    /// No listener of this machine has heard of the job.
    pub(crate) fn nobody_called(&self, _: &Sandbox, _: &Ran) -> Result<(), String> {
        let silent = |name: &str, error: Option<ErrorKind>| match error {
            Some(ErrorKind::WouldBlock) => Ok(()),
            other => Err(format!("{name}: {other:?}")),
        };
        silent("tcp", self.tcp.accept().err().map(|error| error.kind()))?;
        silent("udp", self.udp.recv(&mut [0; 8]).err().map(|error| error.kind()))?;
        silent("unix", self.named.accept().err().map(|error| error.kind()))?;
        silent("abstract", self.nameless.accept().err().map(|error| error.kind()))
    }

    /// No process of the job is in this machine's table.
    pub(crate) fn nobody_left(&self, _: &Sandbox, _: &Ran) -> Result<(), String> {
        let left = processes(&self.token);
        if left.is_empty() { Ok(()) } else { Err(format!("processes {left:?} are left")) }
    }

    pub(crate) fn next_job_sees_it_clean(&self, sandbox: &Sandbox, ran: &Ran) -> Result<(), String> {
        self.unchanged(sandbox, ran)?;
        let next = run(sandbox, &self.job("read-layer"));
        if next.lines == [PREBUILT] { Ok(()) } else { Err(format!("the next job saw {:?}", next.lines)) }
    }

    /// One plain file of all that it left, and its lock file in the sources.
    pub(crate) fn plain_results(&self, _: &Sandbox, ran: &Ran) -> Result<(), String> {
        let results = self.path("results");
        let names = names(&results);
        let file = fs::symlink_metadata(results.join("program")).map_err(|error| format!("{error}: {names:?}"))?;
        let mode = file.permissions().mode() & 0o7777;
        let behind = ran.ended.as_ref().map(|ended| ended.left_behind).unwrap_or_default();
        let lock = fs::symlink_metadata(self.path("folder/Cargo.lock")).is_ok();
        if names != ["program"] || !file.is_file() || mode != 0o755 || behind != 5 || lock {
            return Err(format!("{names:?}, mode {mode:o}, {behind} left behind, lock file link copied: {lock}"));
        }
        Ok(())
    }

    pub(crate) fn no_core(&self, sandbox: &Sandbox, ran: &Ran) -> Result<(), String> {
        self.unchanged(sandbox, ran)?;
        let names = names(&self.path("results"));
        if names.is_empty() { Ok(()) } else { Err(format!("{names:?} in the results")) }
    }
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect());
    entries.unwrap_or_default()
}

/// Processes of this machine that have `token` among their arguments.
pub(crate) fn processes(token: &str) -> Vec<i32> {
    let is_jobs = |id: &i32| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(token));
    names(std::path::Path::new("/proc")).iter().filter_map(|name| name.parse().ok()).filter(is_jobs).collect()
}
