//! What the demo asks of the guest examples, and what they must answer.

use serde_json::Value;

/// One call with its point.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) extension: &'static str,
    pub(super) point: &'static str,
    pub(super) input: &'static str,
    /// What a reader sees in the answer.
    pub(super) shows: &'static str,
    pub(super) holds: fn(&Value) -> bool,
}

/// One per example.
pub(super) const ALL: [&Rule; 3] = [
    &Rule {
        extension: "order-discount",
        point: "BeforeCreateOrder",
        input: r#"{"customer": {"tier": "silver"}, "discountPercent": 30, "lines": [{"sku": "A-1", "quantity": 2, "unitPrice": 5000}]}"#,
        shows: "a discount above the tier's ceiling refuses the order",
        holds: |output| output["ok"] == false && output["messages"].as_array().is_some_and(|messages| !messages.is_empty()),
    },
    &Rule {
        extension: "lead-routing",
        point: "RouteLead",
        input: r#"{"leadEmail": "kim@firm.example", "leadCountry": "AT", "leadEmployees": 1200, "leadBudget": 150000, "leadSource": "referral"}"#,
        shows: "a large lead goes to the regional enterprise queue",
        holds: |output| output["leadQueue"] == "enterprise-dach",
    },
    &Rule { extension: "vat", point: "vat", input: r#"{}"#, shows: "tax by country and rate", holds: Value::is_object },
];
