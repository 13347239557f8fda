//! Runs hostile build programs: no network, no credentials, bounded in everything.
//!
//! # Whom it is for
//!
//! A guest's build runs its author's code with the compiler's rights: build scripts, proc macros,
//! and whatever a crafted source makes of a compiler. The author is taken for an attacker who wants
//! the worker's credentials, another tenant's sources or results, the network, or the machine; or
//! only to cost us as much as possible. The worker, its kernel and the toolchains are trusted.
//!
//! # What keeps what
//!
//! | Mechanism | Keeps the job from |
//! |---|---|
//! | user namespace, another user outside than the worker's root | every privilege of the host |
//! | mount namespace with a root of its own | every file that it does not name, accounts, keys, other jobs |
//! | overlayfs, upper side in the job's own tmpfs | changing what later jobs read |
//! | PID namespace with its own `/proc` | seeing, signalling or outliving: its first process takes all with it |
//! | net namespace, nothing configured | every network, abstract sockets |
//! | IPC and UTS namespaces | shared memory and names of the host |
//! | no capabilities, `no_new_privs`, nosuid everywhere | gaining any |
//! | system call filter (a list of what is allowed) | most of the kernel, nested namespaces, sockets but pairs, memory that nobody could sum up |
//! | landlock, where the kernel has it | the same as the mounts and the filter: a second fence |
//! | rlimits | cores, huge files, runaway single processes: a net below the supervisor |
//! | the supervisor | using more than its limits, summed over all of its processes |
//! | close-on-exec for everything, an environment of its own | descriptors and variables of the worker |
//! | results copied by descriptor, regular files only | leaving links, devices and setuid files behind |
//! | lifelines: death signals, a socket | surviving its worker, however that ends |
//!
//! # How
//!
//! [`Sandbox::run`] starts this binary once more as a helper ([`child_main`]), which has one thread
//! and so may fork and change namespaces; it stays as the supervisor outside of the job's PID
//! namespace. cgroups are not used: writable ones are rarely given to a pod, and the sums are
//! taken from the namespace's `/proc` instead. What is sampled can be exceeded for one interval
//! (20 ms); what must never be (bytes written) the kernel bounds too.
//!
//! It does not keep a job from using a hole in the kernel, nor from measuring its neighbours by
//! their effect on caches and clocks; `docs/sandbox.md` says what to put around a worker.

mod capabilities;
mod child;
mod collect;
mod ending;
mod error;
mod job;
mod output;
mod sandbox;
mod wire;

pub use capabilities::{Capabilities, Given, Refusal};
pub use child::child_main;
pub use ending::Ending;
pub use error::{Bound, SandboxError};
pub use job::{Ended, Job, Limits, Usage};
pub use sandbox::{Sandbox, THIS_BINARY};
