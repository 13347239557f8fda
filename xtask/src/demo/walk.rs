//! A rule's way from a draft to production and back, through `ext` as people
//! type it: two people and an agent. The rule is of tier medium, so that
//! somebody other than its author must approve it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{platform::Platform, scratch::Scratch};
use crate::guests::Ext;

const NAME: &str = "quantity-limit";
/// What the rule of `ext new` judges: more pieces than the first version allows, fewer than the second.
const INPUT: &str = r#"{"quantity": 150}"#;
const FIRST_LIMIT: &str = "u32 = 100";
const SECOND_LIMIT: &str = "u32 = 200";

/// Exit codes of `ext`.
const DONE: i32 = 0;
const REFUSED: i32 = 4;

/// One step and how long it took, with the start and end of the `ext` process.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) who: &'static str,
    pub(super) what: String,
    pub(super) took: Duration,
}

/// Everybody who takes part, by what their tokens say.
#[derive(Debug)]
struct Cast {
    /// Writes the rule and releases it.
    ada: Actor,
    /// Reviews it.
    grace: Actor,
    /// An agent that writes a second version; its token has every role.
    agent: Actor,
}

#[derive(Debug)]
struct Actor {
    name: &'static str,
    token: String,
}

/// The walk while it goes on.
struct Walk<'a> {
    ext: &'a Ext,
    server: String,
    steps: Vec<Step>,
}

/// Makes the rule's folder: what `ext new` gives, of tier medium.
pub(super) fn create(ext: &Ext, scratch: &Scratch) -> Result<PathBuf> {
    let folder = scratch.path(NAME);
    ext.job().args(["--quiet", "new", NAME, "--kind", "domain-hook", "--lang", "rust"]).dir(&scratch.path("")).without_data().run()?;
    replace(&folder.join("extension.toml"), "risk_tier = \"low\"", "risk_tier = \"medium\"")?;
    // Its case is about the first limit, which the second version moves.
    std::fs::remove_dir_all(folder.join("tests")).context("the new extension has cases")?;
    Ok(folder)
}

/// Walks and says what was done; fails where an answer or a refusal is not the one that must come.
pub(super) fn show(ext: &Ext, platform: &Platform, scratch: &Scratch, folder: &Path) -> Result<Vec<Step>> {
    let cast = Cast::assemble(ext, &scratch.path("data"))?;
    let mut walk = Walk { ext, server: platform.ready.server.clone(), steps: Vec::new() };
    walk.first_version(&cast, folder)?;
    walk.second_version(&cast, folder)?;
    walk.back(&cast)?;
    Ok(walk.steps)
}

impl Cast {
    fn assemble(ext: &Ext, data: &Path) -> Result<Self> {
        let actor = |name, kind: &str, roles: &[&str]| {
            let job = ext.job().args(["dev", "token", "--sub", name, "--actor", kind, "--data"]).args([data]);
            let token = job.args(roles.iter().flat_map(|role| ["--role", role])).output()?;
            anyhow::Ok(Actor { name, token: token.trim().to_owned() })
        };
        Ok(Self {
            ada: actor("ada", "USER", &["author", "releaser", "viewer"])?,
            grace: actor("grace", "USER", &["reviewer", "viewer"])?,
            agent: actor("copilot", "AGENT", &["author", "reviewer", "releaser", "viewer"])?,
        })
    }
}

impl Walk<'_> {
    /// Draft, dev, staging, prod, each with whatever its tier asks for.
    fn first_version(&mut self, Cast { ada, grace, agent }: &Cast, folder: &Path) -> Result<()> {
        let path = folder.to_string_lossy().into_owned();
        self.does(ada, &["push", &path, "--why", "orders above 100 pieces need a person"], DONE)?;
        self.does(ada, &["promote", NAME, "--to", "dev"], DONE)?;
        self.answers(ada, "dev", 1, false)?;
        // Nobody has looked at it yet.
        self.does(ada, &["promote", NAME, "--to", "staging"], REFUSED)?;
        self.does(ada, &["submit", NAME, "--to", "staging"], DONE)?;
        self.does(agent, &["approve", NAME, "--to", "staging"], REFUSED)?;
        self.does(grace, &["approve", NAME, "--to", "staging", "--why", "as discussed"], DONE)?;
        self.does(ada, &["promote", NAME, "--to", "staging"], DONE)?;
        self.answers(ada, "staging", 1, false)?;
        self.reach_prod(ada, grace)?;
        self.answers(ada, "prod", 1, false)
    }

    /// The agent may write and try a version; people let it out.
    fn second_version(&mut self, Cast { ada, grace, agent }: &Cast, folder: &Path) -> Result<()> {
        replace(&folder.join("src/lib.rs"), FIRST_LIMIT, SECOND_LIMIT)?;
        let path = folder.to_string_lossy().into_owned();
        self.does(agent, &["push", &path, "--why", "the warehouse has grown"], DONE)?;
        self.does(agent, &["promote", NAME, "--to", "dev"], DONE)?;
        self.answers(ada, "dev", 2, true)?;
        self.answers(ada, "prod", 1, false)?;
        self.does(agent, &["submit", NAME, "--to", "staging"], DONE)?;
        self.does(grace, &["approve", NAME, "--to", "staging"], DONE)?;
        self.does(agent, &["promote", NAME, "--to", "staging"], REFUSED)?;
        self.does(ada, &["promote", NAME, "--to", "staging"], DONE)?;
        self.reach_prod(ada, grace)?;
        self.answers(ada, "prod", 2, true)
    }

    fn reach_prod(&mut self, ada: &Actor, grace: &Actor) -> Result<()> {
        self.does(ada, &["submit", NAME, "--to", "prod"], DONE)?;
        self.does(grace, &["approve", NAME, "--to", "prod"], DONE)?;
        self.does(ada, &["promote", NAME, "--to", "prod"], DONE)
    }

    /// One command takes prod back; the other environments stay.
    fn back(&mut self, Cast { ada, .. }: &Cast) -> Result<()> {
        self.does(ada, &["rollback", NAME, "--to", "1", "--env", "prod", "--why", "too generous"], DONE)?;
        self.answers(ada, "prod", 1, false)?;
        self.answers(ada, "staging", 2, true)?;
        self.does(ada, &["history", NAME, "--limit", "3"], DONE)
    }

    /// A command that must end with `exit`.
    fn does(&mut self, actor: &Actor, words: &[&str], exit: i32) -> Result<()> {
        let started = Instant::now();
        let (command, answer) = self.job(actor, words).answer()?;
        let took = started.elapsed();
        let said = || format!("{}{}", String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
        ensure!(answer.status.code() == Some(exit), "`{command}` by {} ended with {}, not {exit}: {}", actor.name, answer.status, said());
        let refused = if exit == REFUSED { ": refused" } else { "" };
        // The folder's path tells a reader nothing.
        let shown: Vec<_> = words.iter().map(|word| if word.contains('/') { NAME } else { word }).take_while(|word| *word != "--why").collect();
        self.steps.push(Step { who: actor.name, what: format!("ext {}{refused}", shown.join(" ")), took });
        Ok(())
    }

    /// A call in `env` is answered by `version`, which lets the order pass or not.
    fn answers(&mut self, actor: &Actor, env: &str, version: u64, passes: bool) -> Result<()> {
        let started = Instant::now();
        let words = ["invoke", NAME, "--env", env, "--point", "BeforeCreateOrder", "--input", INPUT];
        let answer = self.job(actor, &words).output()?;
        let took = started.elapsed();
        let answer: Value = serde_json::from_str(&answer).context("`ext --json invoke` answers JSON")?;
        ensure!(answer["served_version"] == version, "{env} serves version {}, not {version}", answer["served_version"]);
        ensure!(answer["output"]["ok"] == passes, "version {version} answered {} in {env}", answer["output"]);
        let verdict = if passes { "accepts" } else { "rejects" };
        self.steps.push(Step { who: "", what: format!("{env} serves version {version}, which {verdict} the order"), took });
        Ok(())
    }

    fn job(&self, actor: &Actor, words: &[&str]) -> crate::child::Job {
        self.ext.job().args(["--json", "--server", &self.server]).args(words).env("EXT_TOKEN", &actor.token)
    }
}

fn replace(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    ensure!(text.contains(from), "{} does not hold `{from}`", file.display());
    std::fs::write(file, text.replace(from, to)).with_context(|| file.display().to_string())
}
