//! A service that calls for others. What lies beyond its grant is refused in the hostile suite.

use crate::stage::Stage;

#[tokio::test]
async fn within_it_the_call_runs() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        let hit = stage.delegated().fire(transport).await;
        assert_eq!((hit.output.as_ref(), hit.error_code.as_str()), (&b"{\"by\":1}"[..], ""), "{name}: {}", hit.message);
    }
}
