//! Attempts to escape, each with a harmless twin.
use extensions_sandbox::*;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
fn main() -> ExitCode {
    if let Some(code) = child_main() {
        return code;
    }
    let t = Instant::now();
    let caps = Sandbox::probe(THIS_BINARY).unwrap();
    println!("{:?} {caps}", t.elapsed());
    let dir = tempfile::tempdir().unwrap();
    for d in ["f", "l", "r"] {
        std::fs::create_dir(dir.path().join(d)).unwrap();
    }
    let sb = Sandbox::new(THIS_BINARY, caps).unwrap();
    let script = std::env::args().nth(1).unwrap_or("true".into());
    let job = Job {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin".into())],
        folder: dir.path().join("f"),
        returns: vec!["Cargo.lock".into()],
        reads: vec![],
        layers: vec![dir.path().join("l")],
        results: dir.path().join("r"),
        limits: Limits { wall: Duration::from_secs(10), ..Limits::default() },
    };
    for _ in 0..3 {
        let t = Instant::now();
        let e = sb.run(&job, &mut |l| println!("| {l}"));
        println!("{:?} {e:?}", t.elapsed());
    }
    ExitCode::SUCCESS
}
