//! What a host answers.

use std::time::Duration;

use bytes::Bytes;
use extensions_proto::v1;
use extensions_types::{ExtensionId, Kind, RiskTier, Version};

use crate::InvokeError;

/// The answer of an extension that succeeded, or of its fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// JSON of the kind's wire form.
    pub output: Bytes,
    /// The version that ran.
    pub served_version: Version,
    /// What it cost, where the answer says.
    pub stats: Option<Stats>,
    /// Set when the failure contract answered in the extension's place.
    pub fallback: Option<Fallback>,
    /// The id under which the platform's logs tell more.
    pub correlation: Option<String>,
}

/// What one invocation cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// CPU time of instantiation, guest and host functions.
    pub cpu: Duration,
    /// From acceptance to answer.
    pub wall: Duration,
    /// Part of it spent waiting to run.
    pub queue: Duration,
    /// The largest sum of the guest's memories and tables.
    pub memory_peak_bytes: u64,
    /// Host calls made, denied ones included.
    pub host_calls: u32,
}

impl From<v1::InvocationStats> for Stats {
    fn from(stats: v1::InvocationStats) -> Self {
        Self {
            cpu: Duration::from_micros(stats.cpu_micros),
            wall: Duration::from_micros(stats.wall_micros),
            queue: Duration::from_micros(stats.queue_micros),
            memory_peak_bytes: stats.memory_peak_bytes,
            host_calls: stats.host_calls,
        }
    }
}

impl Stats {
    /// Reads `cpu_micros=41, wall_micros=90, …`; unknown names are of a newer host.
    pub(crate) fn of_header(text: &str) -> Self {
        let mut stats = Self::default();
        for (name, number) in text.split(',').filter_map(|part| part.trim().split_once('=')) {
            let Ok(number) = number.parse::<u64>() else { continue };
            match name {
                "cpu_micros" => stats.cpu = Duration::from_micros(number),
                "wall_micros" => stats.wall = Duration::from_micros(number),
                "queue_micros" => stats.queue = Duration::from_micros(number),
                "memory_peak_bytes" => stats.memory_peak_bytes = number,
                "host_calls" => stats.host_calls = u32::try_from(number).unwrap_or(u32::MAX),
                _ => {}
            }
        }
        stats
    }
}

/// Says that an answer is not the extension's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fallback {
    /// `skip`, `default` or `last_good`.
    pub action: String,
    /// The failure cause of docs/errors.md.
    pub cause: String,
    /// What had gone wrong; HTTP does not say.
    pub message: String,
}

impl From<v1::Fallback> for Fallback {
    fn from(fallback: v1::Fallback) -> Self {
        Self { action: fallback.action, cause: fallback.cause, message: fallback.message }
    }
}

/// An extension that a host serves to the caller's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The extension's id within the tenant.
    pub id: ExtensionId,
    /// What it is called for.
    pub kind: Kind,
    /// The version that `latest` means.
    pub served_version: Version,
    /// Its effective risk tier.
    pub risk_tier: RiskTier,
    /// One sentence by its author.
    pub description: String,
    /// By its author.
    pub tags: Vec<String>,
    /// For an agent_tool, how a model sees it.
    pub tool: Option<Tool>,
}

/// An agent tool as a model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The name that a model calls.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Bytes,
    /// JSON Schema of the result.
    pub output_schema: Bytes,
}

impl TryFrom<v1::ExtensionSummary> for Listed {
    type Error = InvokeError;

    fn try_from(summary: v1::ExtensionSummary) -> Result<Self, InvokeError> {
        let odd =
            |field: &str| InvokeError::protocol(format!("{field} of a listed extension is not understood; is this client older than the server?"));
        Ok(Self {
            id: ExtensionId::parse(&summary.extension_id).map_err(|_| odd("extension_id"))?,
            kind: extensions_proto::kind(summary.kind).ok().flatten().ok_or_else(|| odd("kind"))?,
            served_version: version(&summary.served_version)?,
            risk_tier: extensions_proto::risk_tier(summary.risk_tier).ok().flatten().ok_or_else(|| odd("risk_tier"))?,
            description: summary.description,
            tags: summary.tags,
            tool: summary.tool.map(|tool| Tool {
                name: tool.name,
                description: tool.description,
                input_schema: tool.input_schema,
                output_schema: tool.output_schema,
            }),
        })
    }
}

pub(crate) fn version(text: &str) -> Result<Version, InvokeError> {
    text.parse().map_err(|_| InvokeError::protocol("the answer names no served version; is this an extensions runtime?"))
}
