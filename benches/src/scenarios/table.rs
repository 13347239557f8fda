//! The table of scenarios. A new one is a row in [`ALL`], and one in README.md.

use super::{
    Bench, admission, batch, budget, catalog, cold, compile, cores, fairness, hardened, hostile, in_process, languages, listing, neighbours, overrun,
    peers, plain, ready, reload, servers, soak, spinners, store, zipf,
};
use crate::harness::{Plan, Section};

/// Something that is measured by itself.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) modes: Modes,
    pub(crate) when: When,
    pub(crate) quick: Plan,
    pub(crate) full: Plan,
    pub(crate) run: fn(&Bench, &mut Section) -> anyhow::Result<()>,
}

/// Which runs measure it unasked; whoever names it gets it in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// A quick run has no time for it, and says so.
    FullOnly,
}

/// In which ways of resetting memory a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modes {
    /// Once in each.
    Each,
    /// Sets them side by side itself.
    Beside,
    /// The default alone: guests are not what is measured, or `hardened` compares the modes.
    Keep,
}

/// Every scenario, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "in-process",
        about: "a call without any transport, beside a bare wasmtime loop",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: in_process::measure,
    },
    Scenario {
        name: "budget",
        about: "a call's CPU from admission to account over the floor's, against its budget: what CI checks",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(300, 4),
        full: Plan::new(900, 4),
        run: budget::measure,
    },
    Scenario {
        name: "languages",
        about: "the same rule in Rust, by TinyGo and in AssemblyScript, beside each other and mixed",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: languages::measure,
    },
    Scenario {
        name: "plain",
        about: "modules of the plain ABI beside components of the same logic",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: plain::measure,
    },
    Scenario {
        name: "hardened",
        about: "a call's price in each profile, reset mode and layout of guest memory",
        modes: Modes::Beside,
        when: When::Always,
        quick: Plan::new(3, 400),
        full: Plan::new(7, 2_000),
        run: hardened::measure,
    },
    Scenario {
        name: "admission",
        about: "CPU of an admission without authentication at 10,000 tenants, and memory of their state",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(5, 500),
        full: Plan::new(9, 2_000),
        run: admission::measure,
    },
    Scenario {
        name: "overrun",
        about: "CPU that a guest gets past its limit, spinning and in bulk instructions",
        modes: Modes::Each,
        when: When::FullOnly,
        quick: Plan::new(3, 3_000),
        full: Plan::new(5, 8_000),
        run: overrun::measure,
    },
    Scenario {
        name: "servers",
        about: "calls over gRPC and HTTP, TCP and Unix sockets, 1, 16 and 64 in flight, beside bare echoes of the same bytes",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: servers::measure,
    },
    Scenario {
        name: "batch",
        about: "batches of 100 beside single calls of the same inputs, 1 and 64 in flight: rates count inputs",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: batch::measure,
    },
    Scenario {
        name: "peers",
        about: "the same rule over HTTP in workerd and in `wasmtime serve`, beside ours",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 500),
        full: Plan::new(7, 2_000),
        run: peers::measure,
    },
    Scenario {
        name: "cores",
        about: "a whole host on one core and on two, fed with recorded bytes",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(5, 300),
        full: Plan::new(9, 1_000),
        run: cores::measure,
    },
    Scenario {
        name: "spinners",
        about: "short calls and health beside two guests that never return",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: spinners::measure,
    },
    Scenario {
        name: "neighbours",
        about: "a victim at 20 % load alone, beside a flood of spinning guests, and beside a polite tenant of equal CPU",
        modes: Modes::Each,
        when: When::Always,
        quick: Plan::new(3, 2_000),
        full: Plan::new(5, 6_000),
        run: neighbours::measure,
    },
    Scenario {
        name: "fairness",
        about: "shares of CPU among 2, 10 and 100 tenants that always ask for more, with unequal guests and weights",
        modes: Modes::Each,
        when: When::FullOnly,
        quick: Plan::new(1, 4_000),
        full: Plan::new(3, 10_000),
        run: fairness::measure,
    },
    Scenario {
        name: "ready",
        about: "calls of an extension whose own start is dear: instances made ready ahead beside starts in the call",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 500),
        full: Plan::new(7, 2_000),
        run: ready::measure,
    },
    Scenario {
        name: "cold",
        about: "the first call of a version, from code on disk and from signed code on MinIO beside a bare read of it",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: cold::measure,
    },
    Scenario {
        name: "zipf",
        about: "10,000 distinct components (300 in a quick run) called by Zipf's law beside one alone, and what an idle one costs",
        modes: Modes::Keep,
        when: When::Always,
        quick: Plan::new(5, 500),
        full: Plan::new(7, 2_000),
        run: zipf::measure,
    },
    Scenario {
        name: "catalog",
        about: "how soon a host with 10,000 extensions on MinIO is ready, and what an idle one costs",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: catalog::measure,
    },
    Scenario {
        name: "store",
        about: "pages of a catalog of 10,000 entries, and a command's writes, on MinIO and on disk",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: store::measure,
    },
    Scenario {
        name: "listing",
        about: "the registry's list of a tenant with 10,000 extensions",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: listing::measure,
    },
    Scenario {
        name: "reload",
        about: "promotions and switches on a fleet of real processes, with and without Redis, and what calls feel of them",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: reload::measure,
    },
    Scenario {
        name: "compile",
        about: "the compile worker beside the bare tools",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(3, 300),
        full: Plan::new(7, 1_000),
        run: compile::measure,
    },
    Scenario {
        name: "soak",
        about: "minutes of mixed traffic: what a host answers and holds at the end beside the beginning",
        modes: Modes::Keep,
        when: When::FullOnly,
        quick: Plan::new(8, 2_000),
        full: Plan::new(31, 10_000),
        run: soak::measure,
    },
    Scenario {
        name: "hostile",
        about: "memory of a host, in each reset mode, under minutes of every kind of attack",
        modes: Modes::Beside,
        when: When::FullOnly,
        quick: Plan::new(1, 60_000),
        full: Plan::new(1, 600_000),
        run: hostile::measure,
    },
];

/// A part's first argument, and what it does.
type Part = (&'static str, fn() -> anyhow::Result<()>);

/// Parts that this program plays as its own child, by the first argument.
pub(crate) const CHILDREN: &[Part] =
    &[(compile::CORPUS, compile::run_corpus), (admission::STATE, admission::run_state), (hostile::HOST, hostile::run_host), (soak::HOST, soak::run)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_every_scenario_with_what_it_is_about() {
        let page = include_str!("../../README.md");
        for Scenario { name, about, .. } in ALL {
            assert!(page.contains(&format!("| `{name}` | {about} |")), "README.md lacks the row of `{name}`: {about}");
        }
    }

    #[test]
    fn a_name_is_no_part_of_another() {
        for a in ALL {
            assert_eq!(ALL.iter().filter(|b| b.name.contains(a.name)).count(), 1, "{} cannot be run alone", a.name);
        }
    }
}
