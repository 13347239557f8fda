//! Which version runs, and which cannot be named.

use tonic::Code::{InvalidArgument, NotFound};

use crate::stage::{Row, Stage, row};

const NOT_SERVED: &[Row] = &[
    row("an unknown version", |_, shot| shot.version = "99".into(), NotFound, 404, "NOT_PROMOTED"),
    row("version 0", |_, shot| shot.version = "0".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a leading zero", |_, shot| shot.version = "01".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a sign", |_, shot| shot.version = "+1".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a word", |_, shot| shot.version = "newest".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a capital", |_, shot| shot.version = "Latest".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("more than a number holds", |_, shot| shot.version = "99999999999999999999999".into(), InvalidArgument, 400, "BAD_REQUEST"),
];

#[tokio::test]
async fn others_are_refused() {
    Stage::new().await.answers(NOT_SERVED).await;
}

#[tokio::test]
async fn the_current_one_and_the_one_before_are_served() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        for (asked, served) in [("", "2"), ("latest", "2"), ("2", "2"), ("1", "1")] {
            let mut shot = stage.good();
            shot.version = asked.into();
            let hit = shot.fire(transport).await;
            assert_eq!((hit.served_version.as_str(), hit.error_code.as_str()), (served, ""), "{asked:?} over {name}: {}", hit.message);
        }
    }
}
