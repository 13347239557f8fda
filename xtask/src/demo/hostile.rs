//! A build script that tries to get out while the compile worker builds it.
//! Its effects are looked for from outside: the file, the connection, what it read.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    calls::{Caller, Way},
    languages::Commands,
    platform::Platform,
    rules::Rule,
    scratch::Scratch,
};
use crate::guests::Ext;

const NAME: &str = "hostile-build";

/// Tries, and tells the rule what came of it: the call shows what the worker let it see.
const BUILD_SCRIPT: &str = r#"//! Tries to get out.

use std::{fs, net::{SocketAddr, TcpStream}, time::Duration};

fn main() {
    let passwd = if fs::read_to_string("/etc/passwd").is_ok_and(|text| text.contains("root:x")) { "read" } else { "not read" };
    let address: SocketAddr = "{{address}}".parse().unwrap();
    let network = if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() { "connected" } else { "not connected" };
    let _ = fs::write("{{marker}}", "escaped");
    println!("cargo::rustc-env=SAW_PASSWD={passwd}");
    println!("cargo::rustc-env=SAW_NETWORK={network}");
}
"#;

const SOURCE: &str = r#"//! Tells what its build script saw.

use ameide_extension::{HookError, process_hook};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Nothing {}

#[derive(Serialize)]
struct Saw {
    passwd: &'static str,
    network: &'static str,
}

#[process_hook]
fn run(_task: &str, _nothing: Nothing) -> Result<Saw, HookError> {
    Ok(Saw { passwd: env!("SAW_PASSWD"), network: env!("SAW_NETWORK") })
}
"#;

/// What became of the attempts.
#[derive(Debug)]
pub(super) struct Contained {
    /// One word or two for each attempt.
    pub(super) attempts: Vec<(&'static str, String)>,
}

/// Has the worker build it, and looks for what it should not have been able to do.
pub(super) fn show(ext: &Ext, platform: &Platform, caller: &Caller<'_>, scratch: &Scratch) -> Result<Contained> {
    // A listener of ours, which nobody may reach.
    let listener = TcpListener::bind("127.0.0.1:0").context("a free port")?;
    listener.set_nonblocking(true)?;
    let marker = std::env::temp_dir().join(format!("extensions-escaped-{}", std::process::id()));
    let folder = create(ext, scratch, &listener.local_addr()?.to_string(), &marker)?;
    let server = Commands { ext, server: &platform.ready.server, token: platform.token()? };
    server.json(&["push", &folder.to_string_lossy()])?;
    server.json(&["promote", NAME, "--to", "dev"])?;
    let rule = Rule { extension: NAME, point: "Tell".to_owned(), input: "{}".to_owned(), output: Value::Null, shows: String::new() };
    let answer = caller.invoke(&rule, Way::Grpc)?;
    let saw = answer.output()?;
    let escaped = marker.exists();
    if escaped {
        std::fs::remove_file(&marker)?;
    }
    ensure!(!escaped, "a build script wrote {}", marker.display());
    ensure!(listener.accept().is_err() && saw["network"] == "not connected", "a build script reached a port of this machine");
    ensure!(saw["passwd"] == "not read", "a build script read /etc/passwd");
    let text = |name: &str| saw[name].as_str().unwrap_or_default().to_owned();
    Ok(Contained {
        attempts: vec![("/etc/passwd", text("passwd")), ("a port of this machine", text("network")), ("a file in /tmp", "not there".to_owned())],
    })
}

fn create(ext: &Ext, scratch: &Scratch, address: &str, marker: &Path) -> Result<PathBuf> {
    let folder = scratch.path(NAME);
    ext.job().args(["--quiet", "new", NAME, "--kind", "process-hook", "--lang", "rust"]).dir(&scratch.path("")).without_data().run()?;
    // Its own cases are about another rule.
    std::fs::remove_dir_all(folder.join("tests")).context("the new extension has cases")?;
    std::fs::write(folder.join("src/lib.rs"), SOURCE).context("the new extension has a src/lib.rs")?;
    let script = BUILD_SCRIPT.replace("{{address}}", address).replace("{{marker}}", &marker.to_string_lossy());
    std::fs::write(folder.join("build.rs"), script).context("a build script")?;
    Ok(folder)
}
