//! Functions that are no extension. The compiler says so at the author's own line.

/// A hook takes a name and an input.
/// ```compile_fail
/// use ameide_extension::{HookError, Verdict, domain_hook};
/// #[domain_hook]
/// fn evaluate(point: &str) -> Result<Verdict, HookError> { Ok(Verdict::new()) }
/// ```
///
/// The input's type must be readable from JSON.
/// ```compile_fail
/// use ameide_extension::{HookError, process_hook};
/// struct Variables;
/// #[process_hook]
/// fn run(task: &str, variables: Variables) -> Result<u32, HookError> { Ok(1) }
/// ```
///
/// A tool needs a name of its grammar.
/// ```compile_fail
/// use ameide_extension::{HookError, agent_tool};
/// #[agent_tool(name = "My Tool", description = "x", input = "tests/schemas/any.json", output = "tests/schemas/any.json")]
/// fn call(arguments: u32) -> Result<u32, HookError> { Ok(arguments) }
/// ```
///
/// A tool needs both schemas.
/// ```compile_fail
/// use ameide_extension::{HookError, agent_tool};
/// #[agent_tool(name = "tool", description = "x", input = "tests/schemas/any.json")]
/// fn call(arguments: u32) -> Result<u32, HookError> { Ok(arguments) }
/// ```
///
/// A function cannot wait: there is nothing to wait for.
/// ```compile_fail
/// use ameide_extension::{HookError, process_hook};
/// #[process_hook]
/// async fn run(task: &str, variables: u32) -> Result<u32, HookError> { Ok(variables) }
/// ```
struct Refused;
