//! Starts a compile child and takes its answer, within bounds.

use std::{path::PathBuf, process::Stdio, time::Duration};

use extensions_engine_config::Profile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

use crate::{child, sandbox};

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

    /// Compiles one component to machine code; dropping the future kills the child.
    ///
    /// # Errors
    /// When the component is refused, a limit is hit or the child breaks.
    pub async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let mut child = self.start()?;
        // The end counts too: a child that closes its pipes may go on without using its CPU time.
        let answer = timeout(Duration::from_secs(sandbox::CPU_SECONDS), async {
            let answer = exchange(&mut child, component).await?;
            Ok::<_, CompileError>((answer, child.wait().await?))
        });
        let Ok(answer) = answer.await else {
            child.kill().await?;
            return Err(CompileError::Exhausted);
        };
        let ((code, reason), status) = answer?;
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
