//! The discount rule over HTTP beside systems that run foreign code: workerd
//! with the rule in JavaScript, and `wasmtime serve` with a component of it.

use anyhow::ensure;
use serde_json::Value;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Servers, alternate},
    load::{Endpoint, Load},
    stage::{ORDER, Platform, multi_thread},
};

const IN_FLIGHT: usize = 16;
/// Workerd, `wasmtime serve` reusing instances, and a fresh instance for each call: how much faster ours should be.
const OVER: [f64; 3] = [5.0, 1.3, 4.0];

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let Some(peers) = bench.peers.start()? else {
        section.doubt("not measured: the peers are not installed; `cargo xtask bench --peers` does it once");
        return Ok(());
    };
    let platform = Platform::of_hundred(bench.mode, vec![bench.built.discount()?])?;
    let client = multi_thread()?;
    let load = |endpoint: Endpoint| Load {
        endpoint,
        extension: "order-discount",
        input: ORDER.into(),
        connections: IN_FLIGHT,
        in_flight: IN_FLIGHT,
        tokens: platform.tokens.clone(),
    };
    let ours = load(platform.address()?.into());
    let expected: Value = serde_json::from_slice(&client.block_on(ours.ask_http())?)?;
    let mut contenders = vec![Contender::served("ours over HTTP, fresh", Servers::Hosts, |length| client.block_on(ours.clone().http(length)))];
    for peer in &peers {
        let load = load(peer.endpoint.clone());
        let answer: Value = serde_json::from_slice(&client.block_on(load.ask_http())?)?;
        ensure!(is_same(&answer, &expected), "{} answers {answer}, where we answer {expected}", peer.name);
        let client = &client;
        contenders.push(Contender::served(peer.name, peer.threads(), move |length| client.block_on(load.clone().http(length))));
    }
    let series = alternate(contenders, bench.plan)?;
    section.add(&format!("HTTP {IN_FLIGHT}"), &series);
    for (peer, least) in series[1..].iter().zip(OVER) {
        section.goal(format!("rate over {}", peer.name), series[0].ratio(peer, |sample| sample.rate), "×", Bound::AtLeast(least));
        section.figure(format!("server CPU of {} over ours", peer.name), peer.ratio(&series[0], Sample::cpu), "×");
    }
    Ok(())
}

/// Whether two documents say the same; `15` is `15.0`.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b))),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_compared_by_what_they_say() {
        assert!(is_same(&json!({"a": [1, 2.0], "b": null}), &json!({"b": null, "a": [1.0, 2]})));
        assert!(!is_same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!is_same(&json!([1, 2]), &json!([2, 1])));
    }
}
