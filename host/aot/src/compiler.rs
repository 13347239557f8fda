//! Starts a compile child and takes its answer, within bounds.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use extensions_engine_config::Profile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::{error::Elapsed, timeout},
};

use crate::{
    child,
    rusage::{self, Ended},
    sandbox,
};

/// Code of the largest admitted component is a tenth of this.
const CODE_BYTES_MAX: u64 = 256 << 20;
/// Of a child's reasons, this much is kept.
const REASON_BYTES_MAX: u64 = 4 << 10;

/// Why a component has no code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is not acceptable; the text names no host detail.
    #[error("the component cannot be compiled: {0}")]
    Refused(String),
    /// The child hit a limit or was killed.
    #[error("compiling took more than the {} s or the memory that a component may use", sandbox::CPU_SECONDS)]
    Exhausted,
    /// The child could not be started or set itself up.
    #[error("the compile child failed: {0}")]
    Child(String),
    /// Talking to the child failed.
    #[error("the pipe to the compile child broke")]
    Pipe(#[from] std::io::Error),
}

/// What a child came to.
#[derive(Debug)]
pub struct Compiled {
    /// Machine code, or why there is none: the component is refused, a limit was hit, or the child broke.
    pub code: Result<Vec<u8>, CompileError>,
    /// CPU time that the child took, whatever it came to.
    pub cpu: Duration,
}

/// Compiles components, each in a fresh child of `program`.
#[derive(Debug, Clone)]
pub struct Compiler {
    program: PathBuf,
    profile: Profile,
}

impl Compiler {
    /// A compiler whose children are `program`, a binary that calls
    /// [`child::run_if_asked`]: as a rule the running one.
    #[must_use]
    pub fn new(program: PathBuf, profile: Profile) -> Self {
        Self { program, profile }
    }

    /// Compiles one component to machine code; dropping the future kills the
    /// child, and what that one used is told to nobody.
    pub async fn compile(&self, component: &[u8]) -> Compiled {
        let mut child = match self.start() {
            Ok(child) => child,
            Err(error) => return Compiled { code: Err(error), cpu: Duration::ZERO },
        };
        let began = Instant::now();
        let limit = Duration::from_secs(sandbox::CPU_SECONDS);
        let answered = timeout(limit, exchange(&mut child, component)).await;
        // A child that closes its pipes may go on without using its CPU time: its end counts too.
        let left = if matches!(answered, Ok(Ok(_))) { limit.saturating_sub(began.elapsed()) } else { Duration::ZERO };
        let ended = rusage::ended(&mut child, began, left).await;
        let cpu = ended.as_ref().map_or(began.elapsed(), |ended| ended.cpu);
        Compiled { code: judge(answered, ended), cpu }
    }

    fn start(&self) -> Result<Child, CompileError> {
        Command::new(&self.program)
            .args(child::arguments(self.profile))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| CompileError::Child(format!("cannot start {}: {error}", self.program.display())))
    }
}

/// What a child's answer and its end come to.
fn judge(answered: Result<std::io::Result<(Vec<u8>, String)>, Elapsed>, ended: std::io::Result<Ended>) -> Result<Vec<u8>, CompileError> {
    let Ok(answered) = answered else { return Err(CompileError::Exhausted) };
    let ((code, reason), Ended { status, .. }) = (answered?, ended?);
    match status.code() {
        Some(0) if code.len() as u64 <= CODE_BYTES_MAX => Ok(code),
        Some(status) if status == i32::from(child::EXIT_REFUSED) => Err(CompileError::Refused(reason)),
        Some(status) if status == i32::from(child::EXIT_SETUP) => Err(CompileError::Child(reason)),
        // Aborts and signals: out of memory, out of CPU time, a crash in the compiler.
        Some(_) | None => {
            tracing::warn!(%status, reason, "the compile child died");
            Err(CompileError::Exhausted)
        }
    }
}

/// Writes the component and reads code and reason at once, so that neither side waits on a full pipe.
async fn exchange(child: &mut Child, component: &[u8]) -> std::io::Result<(Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(std::io::Error::other("the child has no pipes"));
    };
    let write = async move {
        match stdin.write_all(component).await {
            // A child that refuses early closes its end; its status says why.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    };
    let (mut code, mut reason) = (Vec::new(), Vec::new());
    let (mut code_pipe, mut reason_pipe) = (stdout.take(CODE_BYTES_MAX + 1), stderr.take(REASON_BYTES_MAX));
    tokio::try_join!(write, code_pipe.read_to_end(&mut code), reason_pipe.read_to_end(&mut reason))?;
    Ok((code, String::from_utf8_lossy(&reason).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;

    /// A child that does as `script` says.
    async fn compiled(home: &Path, script: &str) -> Compiled {
        let program = home.join("child");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        Compiler::new(program, Profile::default()).compile(b"component").await
    }

    const WORK: &str = "at=0; while [ $at -lt 20000 ]; do at=$((at + 1)); done;";

    #[tokio::test]
    async fn the_cpu_of_a_child_is_told_whatever_it_came_to() {
        let home = tempfile::tempdir().unwrap();
        let idle = compiled(home.path(), "cat; exit 0").await;
        assert_eq!(idle.code.unwrap(), b"component");
        for (ending, is_expected) in [
            ("exit 65", (|error| matches!(error, CompileError::Refused(_))) as fn(CompileError) -> bool),
            ("exit 70", |error| matches!(error, CompileError::Child(_))),
            ("kill -9 $$", |error| matches!(error, CompileError::Exhausted)),
        ] {
            let busy = compiled(home.path(), &format!("{WORK} {ending}")).await;
            assert!(is_expected(busy.code.unwrap_err()), "{ending}");
            assert!(busy.cpu > idle.cpu, "{ending}: {:?} is no more than {:?}", busy.cpu, idle.cpu);
        }
    }

    #[tokio::test]
    async fn what_never_started_used_nothing() {
        let missing = Compiler::new("/nowhere/at/all".into(), Profile::default()).compile(b"").await;
        assert!(matches!(missing.code, Err(CompileError::Child(_))));
        assert_eq!(missing.cpu, Duration::ZERO);
    }
}
