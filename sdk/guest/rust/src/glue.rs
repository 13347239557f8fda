//! What the attributes expand to: JSON in, the author's function, JSON out.
//!
//! Not for authors: names here may change with every release.

use serde::{Deserialize, Serialize};

use crate::{HookError, Verdict, bindings::domain_hook};

/// Runs a hook or tool whose answer is JSON.
pub fn answer<'json, I, O>(input: &'json [u8], function: impl FnOnce(I) -> Result<O, HookError>) -> Result<Vec<u8>, HookError>
where
    I: Deserialize<'json>,
    O: Serialize,
{
    report_panics();
    let output = function(read(input)?)?;
    serde_json::to_vec(&output).map_err(|error| HookError::Failed(format!("the answer is no JSON: {error}")))
}

/// Runs a hook whose answer is a verdict.
pub fn judge<'json, I>(input: &'json [u8], function: impl FnOnce(I) -> Result<Verdict, HookError>) -> Result<domain_hook::Verdict, HookError>
where
    I: Deserialize<'json>,
{
    report_panics();
    function(read(input)?)?.into_wit()
}

fn read<'json, I: Deserialize<'json>>(input: &'json [u8]) -> Result<I, HookError> {
    serde_json::from_slice(input).map_err(|error| HookError::InvalidInput(error.to_string()))
}

/// A panic traps; its message goes to the tenant's log.
fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| leave(&panic.to_string())));
}

/// Not through `log`: an extension that only ever panics would pay for it in every call.
#[cfg(target_arch = "wasm32")]
fn leave(message: &str) {
    for text in message.as_bytes().chunks(8) {
        let mut eight = [0; 8];
        eight[..text.len()].copy_from_slice(text);
        crate::bindings::imports::ameide::extensions::trap_message::append(u64::from_le_bytes(eight));
    }
}

/// The host allocates arguments through this.
///
/// # Safety
/// As the canonical ABI says: `old` is empty or a block of `old_len` bytes from here.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    use std::alloc::{Layout, alloc, realloc};
    if new_len == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: the ABI gives a power of two as alignment and lengths below 2^31.
    let block = unsafe {
        if old_len == 0 {
            alloc(Layout::from_size_align_unchecked(new_len, align))
        } else {
            realloc(old, Layout::from_size_align_unchecked(old_len, align), new_len)
        }
    };
    if block.is_null() {
        std::arch::wasm32::unreachable();
    }
    block
}

/// A process hook: `run(task, variables)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __process_hook {
    ($function:ident, $input:ty) => {
        const _: () = {
            struct Hook;
            impl $crate::bindings::process_hook::Guest for Hook {
                fn run(task: ::std::string::String, variables: ::std::vec::Vec<u8>) -> ::std::result::Result<::std::vec::Vec<u8>, $crate::HookError> {
                    $crate::__private::answer::<$input, _>(&variables, |input| $function(&task, input))
                }
            }
            // Outside of wasm32 nothing else names the function.
            let _ = $function;
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::process_hook::export!(Hook with_types_in $crate::bindings::process_hook);
        };
    };
}

/// A domain hook: `evaluate(point, entity)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __domain_hook {
    ($function:ident, $input:ty) => {
        const _: () = {
            struct Hook;
            impl $crate::bindings::domain_hook::Guest for Hook {
                fn evaluate(
                    point: ::std::string::String,
                    entity: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<$crate::bindings::domain_hook::Verdict, $crate::HookError> {
                    $crate::__private::judge::<$input>(&entity, |input| $function(&point, input))
                }
            }
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::domain_hook::export!(Hook with_types_in $crate::bindings::domain_hook);
        };
    };
}

/// An agent tool: `describe()` and `call(arguments)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __agent_tool {
    ($function:ident, $input:ty, $name:literal, $description:literal, $input_schema:literal, $output_schema:literal) => {
        const _: () = {
            struct Tool;
            impl $crate::bindings::agent_tool::Guest for Tool {
                fn describe() -> $crate::bindings::agent_tool::ToolDescription {
                    $crate::bindings::agent_tool::ToolDescription {
                        name: ::std::convert::Into::into($name),
                        description: ::std::convert::Into::into($description),
                        input_schema: ::std::include_bytes!(::std::concat!(::std::env!("CARGO_MANIFEST_DIR"), "/", $input_schema)).to_vec(),
                        output_schema: ::std::include_bytes!(::std::concat!(::std::env!("CARGO_MANIFEST_DIR"), "/", $output_schema)).to_vec(),
                    }
                }
                fn call(arguments: ::std::vec::Vec<u8>) -> ::std::result::Result<::std::vec::Vec<u8>, $crate::HookError> {
                    $crate::__private::answer::<$input, _>(&arguments, |input| $function(input))
                }
            }
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::agent_tool::export!(Tool with_types_in $crate::bindings::agent_tool);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
    }

    #[test]
    fn input_is_read_without_a_copy_and_the_answer_is_json() {
        let answer = answer(br#"{"name":"a"}"#, |input: Borrowed<'_>| Ok([input.name]));
        assert_eq!(answer, Ok(br#"["a"]"#.to_vec()));
    }

    #[test]
    fn input_that_does_not_fit_names_the_place() {
        let refused = answer(b"{\n \"nam\": 1}", |input: Borrowed<'_>| Ok(input.name.len()));
        assert_eq!(refused, Err(HookError::invalid_input("missing field `name` at line 2 column 10")));
    }

    #[test]
    fn a_rejection_passes_as_it_is() {
        let rejected = judge(b"1", |_: u8| Err(HookError::rejected("no"))).unwrap_err();
        assert_eq!(rejected, HookError::rejected("no"));
    }
}
