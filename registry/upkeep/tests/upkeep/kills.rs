//! A process that ends at each of its requests, one after the other.

use extensions_artifact::testing::{Fault, Faults};

use crate::world::World;

/// Runs `command` once for each of its requests, ending it there (before and
/// after the request is done) on a world of its own; then hands that world to
/// `afterwards`. Returns how many requests the command makes.
pub(crate) async fn at_each_request<W, C, A>(make: impl AsyncFn() -> W, world: impl Fn(&W) -> &World, command: C, afterwards: A) -> u64
where
    C: AsyncFn(&W, &World),
    A: AsyncFn(&W, u64),
{
    for number in 1..=REQUESTS_MAX {
        for fault in [Fault::Stop, Fault::StopAfter] {
            let made = make().await;
            let faults = Faults::default();
            let mortal = world(&made).through(&faults);
            faults.at(number, fault);
            let ended = tokio::select! {
                biased;
                () = faults.stopped() => false,
                () = command(&made, &mortal) => true,
            };
            afterwards(&made, number).await;
            if ended {
                return number - 1;
            }
        }
    }
    panic!("more than {REQUESTS_MAX} requests");
}

/// More than any command here makes.
const REQUESTS_MAX: u64 = 2_000;
