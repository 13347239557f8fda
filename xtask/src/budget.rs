//! The step `budget`: a call's CPU over its floor's, in one run, within what it may be.

use anyhow::Result;

use crate::{child::Job, guests::Ext, workspace::Workspace};

const EXAMPLE: &str = "guest-examples/order-discount";
/// In the example's folder, once it is built.
const COMPONENT: &str = "target/ext/order-discount.wasm";

/// Fails where the scenario of that name does; it says why.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let (ext, folder) = (Ext::find(workspace)?, workspace.path(EXAMPLE));
    ext.job().args(["--quiet", "build"]).args([&folder]).dir(workspace.root()).without_data().run()?;
    let bench = Job::new(ext.sibling("extensions-bench")).args(["--quick", "--only", "budget", "--component"]);
    bench.args([folder.join(COMPONENT)]).dir(workspace.root()).run()
}
