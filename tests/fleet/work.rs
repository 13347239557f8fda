//! What people do with a fleet: push, promote, switch, call.

use std::fs;

use extensions_identity::Audience;
use extensions_test_support::Guest;
use extensions_types::Kind;
use serde_json::Value;

use crate::{
    caller::Caller,
    cast::{Fleet, Host},
    programs::{Ran, ext, ext_at_length},
};

impl Fleet {
    /// A component that answers `{"rule": VERSION}`, with its extension.toml beside it.
    pub(crate) fn component(&self, extension: &str, mark: u64) -> String {
        let folder = self.home().join(format!("{extension}-{mark}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("extension.toml"), format!("id = \"{extension}\"\nkind = \"process_hook\"\nlang = \"rust\"\n")).unwrap();
        let file = folder.join("rule.wasm");
        fs::write(&file, Guest::answering(Kind::ProcessHook, format!("{{\"rule\":{mark}}}")).component()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// `ext` at the registry, by somebody with every role but that of reviewer.
    pub(crate) async fn ext(&self, arguments: &[&str]) -> Ran {
        let server = ["--json", "--server", &self.registry.url];
        ext(self.home(), &self.people.author(), &[&server[..], arguments].concat()).await
    }

    /// The same, which must succeed.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.ext(arguments).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.words());
        ran
    }

    /// `ext admin` at the registry, by an operator; it must succeed.
    pub(crate) async fn operated(&self, arguments: &[&str]) -> Ran {
        let server = ["--json", "--server", &self.registry.url, "admin"];
        let ran = ext(self.home(), &self.people.operator(Audience::Registry), &[&server[..], arguments].concat()).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.words());
        ran
    }

    /// Pushes the source in `folder`: a compiler's time.
    pub(crate) async fn push_source(&self, folder: &str) -> Ran {
        self.ext_at_length(&["push", folder, "--why", "source"]).await
    }

    /// [`Fleet::ext`] for what may take as long as its own limits let it.
    pub(crate) async fn ext_at_length(&self, arguments: &[&str]) -> Ran {
        let server = ["--json", "--server", &self.registry.url];
        ext_at_length(self.home(), &self.people.author(), &[&server[..], arguments].concat()).await
    }

    /// Pushes a component as the next version, which must be `version`.
    pub(crate) async fn pushed(&self, extension: &str, version: u64) {
        let ran = self.done(&["push", &self.component(extension, version), "--why", "next"]).await;
        assert_eq!(ran.json()["version"], version, "{}", ran.words());
    }

    /// Pushes the next version and promotes it to dev.
    pub(crate) async fn promoted(&self, extension: &str, version: u64) {
        self.pushed(extension, version).await;
        self.done(&["promote", &format!("{extension}@{version}"), "--to", "dev"]).await;
    }

    /// Which events the history of an extension has, oldest first.
    pub(crate) async fn history(&self, extension: &str) -> Vec<Value> {
        self.done(&["history", extension, "--oldest-first", "--limit", "400"]).await.lines()
    }

    /// The versions that dev was told to serve by default, oldest first.
    pub(crate) async fn served_in_dev(&self, extension: &str) -> Vec<u64> {
        let told = |event: &&Value| event["env"] == "dev" && ["promoted", "rolled_back"].iter().any(|change| event["change"] == *change);
        self.history(extension).await.iter().filter(told).map(|event| event["version"].as_u64().unwrap()).collect()
    }

    /// Calls an extension at a host until it is asked to end.
    pub(crate) fn caller(&self, host: &Host, extension: &str) -> Caller {
        Caller::begin(&host.server.url, self.people.caller(), extension)
    }

    /// What `ext invoke` says.
    pub(crate) async fn invoke(&self, host: &Host, extension: &str, input: &str, point: &str) -> Ran {
        let arguments = ["--json", "--server", &host.server.url, "--env", host.env, "invoke", extension, "--input", input, "--point", point];
        ext(self.home(), &self.people.caller(), &arguments).await
    }

    /// Waits until the version `mark` of an extension answers.
    pub(crate) async fn answers(&self, host: &Host, extension: &str, mark: u64) {
        let caller = self.caller(host, extension);
        caller.answered_by(mark).await;
    }
}
