//! What the hot path costs: printed, and bounded far above the measured
//! figures, so that only a lost cache fails it.

use std::{hint::black_box, time::Instant};

use extensions_types::Environment;

use super::*;
use crate::Asked;

fn nanos(what: &str, rounds: u32, mut run: impl FnMut()) -> u128 {
    let started = Instant::now();
    (0..rounds).for_each(|_| run());
    let each = started.elapsed().as_nanos() / u128::from(rounds);
    println!("{what}: {each} ns");
    each
}

#[test]
fn a_known_token_is_cheap() {
    let world = World::new();
    let token = world.plain_token(|claims| claims);
    let who = world.verifier.verify(&token, now()).unwrap();
    let asked = Asked { correlation_id: "c-1", hook_point: "BeforeCreateOrder", ..Asked::default() };
    println!("token: {} bytes", token.len());
    let cold = nanos("verify, unseen", 200, || {
        world.verifier.forget();
        black_box(world.verifier.verify(&token, now()).unwrap());
    });
    let known = nanos("verify, remembered", 100_000, || drop(black_box(world.verifier.verify(&token, now()).unwrap())));
    nanos("context, correlation given", 100_000, || drop(black_box(who.context(&asked, Environment::Dev).unwrap())));
    nanos("context, correlation made up", 100_000, || drop(black_box(who.context(&Asked::default(), Environment::Dev).unwrap())));
    assert!(known * 3 < cold, "a remembered token must not be verified again: {known} ns against {cold} ns");
}
