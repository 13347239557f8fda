//! Clients that nobody here generated: Python's grpcio, which learns the
//! service by reflection, and curl.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    child::Job,
    demo::{Platform, Scratch},
    guests::Ext,
    metadata::Metadata,
    workspace::Workspace,
};

const PACKAGES: [&str; 2] = ["grpcio==1.85.1", "grpcio-reflection==1.85.1"];
const CLIENT: &str = "tests/foreign/client.py";
const EXAMPLE: &str = "guest-examples/vat";
const SALE: &str = r#"{"sellerCountry":"DE","customer":{"country":"DE"},"lines":[{"net":10000}]}"#;

/// Serves an example and calls it with both.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = python(workspace)?;
    let (ext, scratch) = (Ext::find(workspace)?, Scratch::new()?);
    let platform = Platform::start(&ext, &[workspace.path(EXAMPLE)], &scratch)?;
    let called = call(workspace, &python, &platform);
    platform.stop()?;
    scratch.remove()?;
    called
}

fn call(workspace: &Workspace, python: &PathBuf, platform: &Platform) -> Result<()> {
    let token = platform.token()?;
    let server = &platform.ready.server;
    let address = server.strip_prefix("http://").context("the server's address is an http URL")?;
    Job::new(python).args([CLIENT, address, &token]).dir(workspace.root()).run().context("Python's grpcio")?;
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = format!("{server}/v1/extensions/vat:invoke");
        let headers = ["-H", &format!("authorization: Bearer {token}"), "-H", "content-type: application/json"].map(str::to_owned);
        let job = Job::new("curl").args(["--silent", "--show-error", "--fail-with-body", version]).args(headers).args(["--data", SALE, &url]);
        let answer: Value = serde_json::from_str(&job.output().context("curl; install it if it is missing")?)?;
        ensure!(answer["vat"] == 1_900, "curl {version} got {answer}");
    }
    Ok(())
}

/// A Python with grpcio, made once in the target folder.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let home = Metadata::load(workspace)?.target_directory.join("tools/python");
    let python = home.join("bin/python");
    let has_grpc = || Job::new(&python).args(["-c", "import grpc, grpc_reflection"]).output().is_ok();
    if !python.is_file() || !has_grpc() {
        let advice = "install Python 3 with venv and pip (Debian: python3-venv)";
        Job::new("python3").args(["-m", "venv"]).args([&home]).run().context(advice)?;
        Job::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES).run().context(advice)?;
    }
    Ok(python)
}
