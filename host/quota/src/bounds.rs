//! One scope's limits, with the terms of its buckets worked out beforehand.

use extensions_types::QuotaLimits;

use crate::{Fraction, terms::Terms};

/// Limits as calls meet them.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) limits: QuotaLimits,
    /// Whether the fleet shares one of them.
    pub(crate) is_shared: bool,
    /// The part that the terms are for: another one is seldom heard.
    part: Fraction,
    rate: Option<Terms>,
    cpu: Option<Terms>,
}

impl Bounds {
    pub(crate) fn of(limits: QuotaLimits, part: Fraction) -> Self {
        let rate = limits.rate_per_s.map(|rate| Terms::calls(rate, limits.burst, part));
        let cpu = limits.cpu_ms_per_s.map(|cpu| Terms::cpu(cpu, part));
        Self { is_shared: rate.is_some() || cpu.is_some(), limits, part, rate, cpu }
    }

    /// The limit of calls a second, and what it means for a host with this part of it.
    pub(crate) fn rate(&self, part: Fraction) -> Option<(u32, Terms)> {
        let limit = self.limits.rate_per_s?;
        let known = self.rate.filter(|_| part == self.part);
        Some((limit, known.unwrap_or_else(|| Terms::calls(limit, self.limits.burst, part))))
    }

    /// The same for CPU time.
    pub(crate) fn cpu(&self, part: Fraction) -> Option<(u32, Terms)> {
        let limit = self.limits.cpu_ms_per_s?;
        let known = self.cpu.filter(|_| part == self.part);
        Some((limit, known.unwrap_or_else(|| Terms::cpu(limit, part))))
    }
}
