//! The production engine for one developer's use: describe, run and test
//! versions that nothing serves yet.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_aot::{Cache, CacheError, Compiler};
use extensions_catalog::ServedVersion;
use extensions_engine::{Call, DenyAll, Engine, Extension, Failure, HostCalls, Outcome, Settings, StartError, Unobserved};
use extensions_fair::Nobody;
use extensions_modules::{Modules, NotLoaded};
use extensions_types::{ExecutionContext, Schemas, ToolDescription};

use crate::context::developer;

/// Compiling a large component takes seconds; a build waits for it.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// An engine with its module cache.
#[derive(Debug, Clone)]
pub struct Workbench {
    engine: Arc<Engine>,
    modules: Arc<Modules>,
}

/// Why there is no workbench.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The engine does not run on this machine.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The code cache cannot be used.
    #[error("the code cache cannot be used")]
    Cache(#[from] CacheError),
}

/// Why a tool's own description is refused.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// describe() failed.
    #[error("describe() failed: {0}")]
    Failed(#[from] Failure),
    /// Nobody says what a tool of the plain ABI is.
    #[error(
        "an agent_tool of the plain ABI has no describe(): write [tool] with name and description, and [schemas] with input and output, in extension.toml"
    )]
    NotWritten,
    /// It says itself what extension.toml says too.
    #[error("this agent_tool describes itself: remove [tool] and [schemas] from extension.toml")]
    Twice,
    /// Its name cannot be called by a model.
    #[error("describe() gives the name `{0}`; it must be [a-z][a-z0-9_]*, at most 64 bytes")]
    Name(String),
    /// Its description is empty or endless.
    #[error("describe() gives a description of {0} bytes; it must be 1 to 4096")]
    Description(usize),
    /// A schema is not JSON.
    #[error("describe() gives an {which} schema that is not JSON: {reason}")]
    Schema {
        /// `input` or `output`.
        which: &'static str,
        /// Where and why.
        reason: serde_json::Error,
    },
}

impl Workbench {
    /// Starts an engine of its own, with its code cache under `home` and
    /// `compile_child` (see [`extensions_aot::child`]) to compile with.
    ///
    /// # Errors
    /// When this machine or the cache stands in the way.
    pub fn start(home: &Path, compile_child: &Path) -> Result<Self, WorkbenchError> {
        let settings = Settings { io_threads: 1, slow_calls_max: 4, ..Settings::default() };
        let engine = Arc::new(Engine::start(settings)?);
        let cache = Cache::open(&home.join("aot"), *engine.compatibility())?;
        let compiler = Compiler::new(compile_child.to_owned(), settings.profile);
        let modules = Arc::new(Modules::new(Arc::clone(&engine), cache, compiler, tokio::runtime::Handle::current()));
        Ok(Self::beside(engine, modules))
    }

    /// Uses the engine of a running host.
    #[must_use]
    pub fn beside(engine: Arc<Engine>, modules: Arc<Modules>) -> Self {
        Self { engine, modules }
    }

    /// Compiles and loads a version.
    ///
    /// # Errors
    /// When it cannot be compiled, mapped or linked.
    pub async fn load(&self, version: &Arc<ServedVersion>) -> Result<Arc<Extension>, NotLoaded> {
        let deadline = Instant::now() + LOAD_TIMEOUT;
        loop {
            match self.modules.get(version, None).await {
                Err(NotLoaded::Loading) if Instant::now() < deadline => {}
                result => return result,
            }
        }
    }

    /// Runs one call.
    pub async fn run(&self, extension: &Arc<Extension>, context: ExecutionContext, input: Bytes, host_calls: Option<Arc<dyn HostCalls>>) -> Outcome {
        let host_calls = host_calls.unwrap_or_else(|| Arc::new(DenyAll));
        self.engine.invoke(extension, unpaid(Arc::new(context), input, host_calls)).await
    }

    /// Asks a tool to describe itself.
    ///
    /// # Errors
    /// When it fails or what it says is unusable.
    pub async fn describe(&self, extension: &Arc<Extension>) -> Result<(ToolDescription, Schemas), DescribeError> {
        let context = Arc::new(developer(&extension.definition().tenant_id));
        let call = unpaid(context, Bytes::new(), Arc::new(DenyAll));
        let (tool, [input, output]) = self.engine.describe(extension, call).await?;
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !tool.name.starts_with(|first: char| first.is_ascii_lowercase()) || tool.name.len() > 64 || !tool.name.bytes().all(word) {
            return Err(DescribeError::Name(tool.name.chars().take(80).collect()));
        }
        if !(1..=4_096).contains(&tool.description.len()) {
            return Err(DescribeError::Description(tool.description.len()));
        }
        let parse = |which, text: &[u8]| serde_json::from_slice(text).map_err(|reason| DescribeError::Schema { which, reason });
        Ok((tool, Schemas { input: Some(parse("input", &input)?), output: Some(parse("output", &output)?) }))
    }
}

/// A call of a build's own: no tenant pays for it, and nobody accounts for it.
fn unpaid(context: Arc<ExecutionContext>, input: Bytes, host_calls: Arc<dyn HostCalls>) -> Call {
    Call { context, input, accepted: Instant::now(), deadline: None, host_calls, payer: Arc::new(Nobody), observer: Arc::new(Unobserved) }
}
