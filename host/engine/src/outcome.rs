//! From what a guest did to one code of the table and a public text.

use bytes::Bytes;
use extensions_json::Shape;
use extensions_types::{Abi, ErrorCode};
use wasmtime::Trap;

use crate::{
    bindings::types::{HookError, Verdict},
    budget::Stop,
    call::Failure,
    guest::{CallRecord, Guest},
    verdict,
};

/// Stops a guest from within a tick: travels through wasmtime as its error.
#[derive(Debug, thiserror::Error)]
#[error("stopped: {0:?}")]
pub(crate) struct Stopped(pub(crate) Stop);

/// The failure behind an error that ended the guest.
pub(crate) fn of_error(error: &wasmtime::Error, guest: &Guest) -> Failure {
    let limits = guest.limits();
    if let Some(Stopped(stop)) = error.downcast_ref::<Stopped>() {
        return of_stop(*stop, limits);
    }
    if guest.memory.refused() {
        return Failure::new(ErrorCode::MemoryLimit, format!("the extension asked for more than its {} MiB of memory and failed", limits.memory_mb));
    }
    if is_copy_limit(error) {
        return copy_limit(limits.output_bytes);
    }
    if error.downcast_ref::<Trap>().is_none() {
        // Mostly a guest that breaks the canonical ABI; should it be the host's own fault, this tells.
        tracing::info!(correlation_id = %guest.correlation(), error = format!("{error:#}"), "a guest was ended without a trap");
    }
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        return Failure::new(ErrorCode::Overloaded, "this host has no room for another instance now; try again");
    }
    of_calls(guest.calls).unwrap_or_else(|| Failure::new(ErrorCode::Trap, trap_text(error, guest.definition().abi)))
}

pub(crate) fn of_stop(stop: Stop, limits: &extensions_types::Limits) -> Failure {
    let text = match stop {
        Stop::Cpu => format!("the extension used up its {} ms of CPU time", limits.cpu_millis),
        Stop::Wall => format!("the extension did not end within its {} ms", limits.timeout_ms),
        Stop::Caller => "the caller's time ran out before the extension ended".to_owned(),
        Stop::Operators => "the platform's operators have switched it off and ended what ran".to_owned(),
    };
    Failure::new(stop.code(), text)
}

/// A guest that fails after a host call was denied or failed, failed for it.
fn of_calls(calls: CallRecord) -> Option<Failure> {
    if calls.denied {
        Some(Failure::new(ErrorCode::HostCallDenied, "a host call was denied and the extension failed; its log says which"))
    } else if calls.failed {
        Some(Failure::new(ErrorCode::HostCallFailed, "a host call failed and the extension with it; its log says which"))
    } else {
        None
    }
}

pub(crate) fn output_limit(bytes_max: u32) -> Failure {
    Failure::new(ErrorCode::OutputLimit, format!("the extension's answer is larger than its {bytes_max} bytes"))
}

/// Whatever a guest hands over at once is bounded alike, before the host looks at it.
fn copy_limit(bytes_max: u32) -> Failure {
    let text = format!("the extension handed over more than its {bytes_max} bytes at once: an answer, a log line or a host call's request");
    Failure::new(ErrorCode::OutputLimit, text)
}

/// wasmtime keeps the type of this error to itself; `tests/` holds its text.
fn is_copy_limit(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.to_string().contains("fuel allocated for hostcalls has been exhausted"))
}

fn trap_text(error: &wasmtime::Error, abi: Abi) -> String {
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => "it panicked or reached `unreachable`; its log may say why".to_owned(),
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => match abi {
            Abi::Component => "it broke the component model's rules".to_owned(),
            Abi::Plain => "it handed over a pointer, length, level or text that the plain ABI forbids".to_owned(),
        },
    };
    let frames = error.downcast_ref::<wasmtime::WasmBacktrace>().map(wasmtime::WasmBacktrace::frames).unwrap_or_default();
    match frames.iter().find_map(|frame| frame.func_name()) {
        Some(function) => format!("the extension trapped: {what} (in `{function}`)"),
        None => format!("the extension trapped: {what}"),
    }
}

/// The answer or failure behind a guest's own hook-error.
pub(crate) fn of_hook_error(error: HookError, calls: CallRecord) -> Failure {
    match error {
        HookError::Rejected(text) => Failure::new(ErrorCode::Rejected, text),
        HookError::InvalidInput(text) => Failure::new(ErrorCode::InvalidInput, text),
        HookError::Failed(text) => of_calls(calls).unwrap_or_else(|| Failure::new(ErrorCode::GuestFailed, text)),
    }
}

/// A domain hook's answer on the wire; a rejection becomes `ok = false`.
pub(crate) fn of_verdict(answer: Result<Verdict, HookError>, guest: &Guest) -> Result<Bytes, Failure> {
    let wire = match answer {
        Ok(verdict) => verdict::encode(&verdict)?,
        Err(HookError::Rejected(text)) => verdict::rejection(&text)?,
        Err(error) => return Err(of_hook_error(error, guest.calls)),
    };
    let most = guest.limits().output_bytes;
    if wire.len() > most as usize { Err(output_limit(most)) } else { Ok(wire) }
}

/// The answer of a process hook (`object`) or a tool on the wire.
pub(crate) fn of_json(answer: Result<Vec<u8>, HookError>, object: bool, guest: &Guest) -> Result<Bytes, Failure> {
    let json = answer.map_err(|error| of_hook_error(error, guest.calls))?;
    let most = guest.limits().output_bytes;
    if json.len() > most as usize {
        return Err(output_limit(most));
    }
    match extensions_json::check(&json) {
        Ok(Shape::Other) if object => Err(Failure::new(ErrorCode::InvalidOutput, "a process hook answers with a JSON object of variables")),
        Ok(_) => Ok(json.into()),
        Err(error) => Err(Failure::new(ErrorCode::InvalidOutput, format!("the answer is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_failed_after_a_denied_call_failed_for_it() {
        let none = CallRecord::default();
        let denied = CallRecord { made: 1, denied: true, ..none };
        let failed = CallRecord { made: 1, failed: true, issued: true, ..none };
        let code = |calls| of_hook_error(HookError::Failed("x".to_owned()), calls).code;
        assert_eq!(code(none), ErrorCode::GuestFailed);
        assert_eq!(code(denied), ErrorCode::HostCallDenied);
        assert_eq!(code(failed), ErrorCode::HostCallFailed);
        assert_eq!(of_hook_error(HookError::Rejected("no".to_owned()), denied).code, ErrorCode::Rejected);
    }
}
