//! Which stage of a call a sample belongs to. Pure.
//!
//! The innermost frame that says so decides: by the source files that were
//! merged into it, then by its symbol. Allocation, copying and hashing say
//! nothing and so count for whoever asked for them.

use serde::Serialize;

use super::{
    inlined::Inlined,
    stacks::{Frame, Sample},
};

/// A stage of a call, in the order of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Socket,
    Http,
    Front,
    Grpc,
    Authentication,
    Admission,
    Quota,
    Json,
    Engine,
    Instantiate,
    Guest,
    Reset,
    Account,
    Answer,
    Runtime,
    Other,
}

/// Parts of paths of source files. What stands earlier wins.
const FILES: &[(&str, Stage)] = &[
    ("/host/front/src/auth", Stage::Authentication),
    ("/crates/identity/src/context", Stage::Admission),
    ("/crates/identity/", Stage::Authentication),
    ("/host/quota/", Stage::Quota),
    ("/host/admission/src/accounts/", Stage::Account),
    ("/host/admission/", Stage::Admission),
    ("/host/catalog/", Stage::Admission),
    ("/host/store-catalog/", Stage::Admission),
    ("/host/breakers/", Stage::Admission),
    ("/host/modules/", Stage::Admission),
    ("/host/src/", Stage::Admission),
    ("/crates/json/", Stage::Json),
    ("/host/engine/", Stage::Engine),
    ("/host/fair/", Stage::Engine),
    ("/host/front/src/grpc/", Stage::Grpc),
    ("/proto/src/", Stage::Grpc),
    ("/host/front/", Stage::Front),
];

/// Parts of symbols that say what a frame does.
const SYMBOLS: &[(&str, Stage)] = &[
    ("drop_in_place<wasmtime", Stage::Reset),
    ("drop_in_place<alloc::boxed::Box<wasmtime", Stage::Reset),
    ("::deallocate", Stage::Reset),
    ("decommit", Stage::Reset),
    ("reset_with_", Stage::Reset),
    ("clear_and_remain_ready", Stage::Reset),
    ("nstantiat", Stage::Instantiate),
    ("InstanceAllocator", Stage::Instantiate),
    ("allocate_memory", Stage::Instantiate),
    ("wasmtime::runtime::store::Store<T>::try_new", Stage::Instantiate),
    ("wasmtime::runtime::component::func", Stage::Guest),
    ("invoke_wasm_and_catch_traps", Stage::Guest),
    ("wasmtime::runtime::vm::libcalls", Stage::Guest),
    ("jsonwebtoken::", Stage::Authentication),
    ("aws_lc", Stage::Authentication),
    ("prost::", Stage::Grpc),
    ("tonic::", Stage::Grpc),
    ("h2::hpack::encoder", Stage::Answer),
    ("framed_write", Stage::Answer),
    ("prioritize", Stage::Answer),
    ("h2::proto::streams::send", Stage::Answer),
    ("::send_response", Stage::Answer),
    ("::send_trailers", Stage::Answer),
    ("::send_data", Stage::Answer),
    ("PipeToSendStream", Stage::Answer),
    ("h2::", Stage::Http),
    ("hyper::", Stage::Http),
    ("http::", Stage::Http),
    ("httparse::", Stage::Http),
];

/// Parts of symbols that decide only where nothing better is in the whole stack.
const GENERAL: &[(&str, Stage)] =
    &[("wasmtime", Stage::Engine), ("tokio", Stage::Runtime), ("mio::", Stage::Runtime), ("epoll", Stage::Runtime), ("start_thread", Stage::Runtime)];

/// System calls that move bytes, or wait for some.
const SOCKET_CALLS: &[&str] =
    &["recv", "send", "readv", "writev", "sys_read", "sys_write", "ksys_read", "ksys_write", "epoll_wait", "epoll_pwait", "accept"];

const KERNEL: &str = "[kernel.kallsyms]";
/// Machine code of a component, as a host maps it.
const COMPONENT: &str = ".cwasm";

impl Stage {
    /// Where a sample belongs.
    pub(super) fn of(sample: &Sample, inlined: &Inlined) -> Self {
        let frames = || sample.frames.iter();
        frames().find_map(|frame| certain(frame, inlined)).or_else(|| frames().find_map(|frame| find(GENERAL, &frame.symbol))).unwrap_or(Self::Other)
    }

    /// As people read it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket: system calls, TCP",
            Self::Http => "HTTP: frames and headers in",
            Self::Front => "request: route, deadline, trace, body",
            Self::Grpc => "gRPC: message and status",
            Self::Authentication => "authentication",
            Self::Admission => "admission: context, version, switches",
            Self::Quota => "quota",
            Self::Json => "JSON: input and output checked",
            Self::Engine => "engine: lanes, fiber, budget",
            Self::Instantiate => "instantiate",
            Self::Guest => "guest, with its call's way in and out",
            Self::Reset => "teardown and reset of the slot",
            Self::Account => "account: record, log, metrics",
            Self::Answer => "answer: headers and frames out",
            Self::Runtime => "task scheduling",
            Self::Other => "not attributed",
        }
    }
}

fn certain(frame: &Frame, inlined: &Inlined) -> Option<Stage> {
    if frame.object == KERNEL {
        // Faults and interrupts count for whoever they came upon.
        return SOCKET_CALLS.iter().any(|call| frame.symbol.contains(call)).then_some(Stage::Socket);
    }
    if frame.object.ends_with(COMPONENT) {
        return Some(Stage::Guest);
    }
    inlined.files(frame.address).find_map(|file| find(FILES, file)).or_else(|| find(SYMBOLS, &frame.symbol))
}

fn find(rules: &[(&str, Stage)], text: &str) -> Option<Stage> {
    rules.iter().find(|(part, _)| text.contains(part)).map(|(_, stage)| *stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Innermost first.
    fn stage(frames: &[(&str, &str)]) -> Stage {
        let frames = frames.iter().map(|(symbol, object)| Frame { address: 0, symbol: (*symbol).to_owned(), object: (*object).to_owned() });
        Stage::of(&Sample { thread: String::new(), nanos: 1, frames: frames.collect() }, &Inlined::default())
    }

    #[test]
    fn the_innermost_frame_that_says_something_decides() {
        let poll = ("<hyper::proto::h2::server::H2Stream<F,B,Ex> as Future>::poll", "ext");
        assert_eq!(
            stage(&[("__memmove_avx512", "libc.so.6"), ("h2::proto::streams::streams::StreamRef<B>::send_trailers", "ext"), poll]),
            Stage::Answer
        );
        assert_eq!(stage(&[("malloc", "libc.so.6"), poll, ("tokio::runtime::task::raw::poll", "ext")]), Stage::Http);
        assert_eq!(
            stage(&[
                ("<wasmtime::runtime::vm::instance::Instance as InstanceLayout>::layout", "ext"),
                ("core::ptr::drop_in_place<wasmtime::runtime::store::StoreOpaque>", "ext"),
                poll
            ]),
            Stage::Reset
        );
    }

    #[test]
    fn the_kernel_counts_for_who_called_it_unless_it_moves_bytes() {
        assert_eq!(stage(&[("tcp_sendmsg_locked", KERNEL), ("do_writev", KERNEL), ("h2::codec::framed_write::flush", "ext")]), Stage::Socket);
        assert_eq!(stage(&[("asm_exc_page_fault", KERNEL), ("wasm[0]::function[70]", "/aot/1.cwasm")]), Stage::Guest);
        assert_eq!(stage(&[("clock_gettime", KERNEL), ("wasmtime::runtime::fiber::resume", "ext")]), Stage::Engine);
    }

    #[test]
    fn what_says_nothing_is_not_attributed() {
        assert_eq!(stage(&[("[unknown]", "[unknown]")]), Stage::Other);
        assert_eq!(stage(&[("mio::poll::Poll::poll", "ext")]), Stage::Runtime);
    }

    #[test]
    fn merged_source_decides_before_the_symbol() {
        let text = "0x0\n/w/host/quota/src/quotas.rs:81\n/w/host/admission/src/attempt.rs:9\n";
        let sample = Sample {
            thread: String::new(),
            nanos: 1,
            frames: vec![Frame { address: 0, symbol: "hyper::poll".to_owned(), object: "ext".to_owned() }],
        };
        assert_eq!(Stage::of(&sample, &Inlined::read(text)), Stage::Quota);
    }
}
