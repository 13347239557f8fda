//! What the hot path costs: printed, and bounded far above the measured
//! figures, so that only a lost cache fails it.

use std::hint::black_box;

use extensions_types::Environment;

use aws_lc_rs::rsa::KeySize;

use super::{
    signers::{Signer, b64},
    *,
};
use crate::{Algorithm, Asked, Channel, keys::KeySet};

/// Of the thread's own CPU time: others on the machine cost nothing here.
fn nanos(what: &str, rounds: u32, mut run: impl FnMut()) -> u128 {
    let started = cpu_time();
    (0..rounds).for_each(|_| run());
    let each = (cpu_time() - started).as_nanos() / u128::from(rounds);
    println!("{what}: {each} ns");
    each
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[test]
fn a_known_token_is_cheap() {
    let world = World::new();
    let token = world.plain_token(|claims| claims);
    let who = world.verifier.verify(&token, now()).unwrap();
    let asked = Asked { correlation_id: "c-1", hook_point: "BeforeCreateOrder", ..Asked::default() };
    println!("token: {} bytes", token.len());
    let cold = nanos("verify, unseen", 200, || {
        world.verifier.memory().clear();
        black_box(world.verifier.verify(&token, now()).unwrap());
    });
    let known = nanos("verify, remembered", 100_000, || drop(black_box(world.verifier.verify(&token, now()).unwrap())));
    let channel = Channel::new(Instant::now());
    nanos("verify, remembered by its connection", 100_000, || {
        drop(black_box(world.verifier.verify_on(&channel, &token, now()).unwrap()));
    });
    nanos("context, correlation given", 100_000, || drop(black_box(who.context(&asked, Environment::Dev, Instant::now()).unwrap())));
    nanos("context, correlation made up", 100_000, || drop(black_box(who.context(&Asked::default(), Environment::Dev, Instant::now()).unwrap())));
    assert!(known * 3 < cold, "a remembered token must not be verified again: {known} ns against {cold} ns");
}

/// The figures of [`Algorithm`](crate::Algorithm)'s page.
#[test]
fn what_each_algorithm_costs() {
    let message = "x".repeat(600);
    let mut signers: Vec<_> = Algorithm::ALL.iter().copied().map(Signer::new).collect();
    // Making longer ones takes a minute.
    signers.extend([KeySize::Rsa3072, KeySize::Rsa4096].map(Signer::rsa));
    for signer in signers {
        let jwks = serde_json::json!({ "keys": [signer.jwk()] }).to_string();
        let keys = KeySet::parse(&jwks, Algorithm::ALL).unwrap();
        let (key, signature) = (keys.get(signer.kid()).unwrap(), b64(signer.signature(message.as_bytes())));
        let what = format!("verify {} with {} bits of signature", signer.kid(), signature.len() * 6);
        nanos(&what, 300, || assert!(black_box(key.signed(&message, &signature))));
    }
}
