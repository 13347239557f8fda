//! `ext admin precompile`: how much of what an environment serves has signed
//! code for each engine, and waiting until it all has.

use std::time::Duration;

use extensions_client::registry::{PrecompiledEngine, RegistryClient};
use extensions_types::Environment;
use tokio::time::{Instant, sleep};

use super::words::{self, Table};
use crate::{
    args::Precompile,
    failure::Failure,
    say::{Say, seconds},
};

/// A signer at work says so every 15 s.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Older than this, nobody is at work: it would have spoken several times.
const SILENT_MS: u64 = 60_000;
/// So much of a hash is told apart by people.
const SHOWN_DIGITS: usize = 16;

pub(super) async fn run(registry: &RegistryClient, asked: &Precompile, env: Environment, say: &Say) -> Result<(), Failure> {
    if asked.wait {
        return wait(registry, asked, env, say).await;
    }
    let engines = registry.precompiled(env).await?;
    say.data(&engines, render(&engines, env));
    warn(&engines, say);
    Ok(())
}

/// Until the signer of the engine has looked after this began, and has nothing left to do.
async fn wait(registry: &RegistryClient, asked: &Precompile, env: Environment, say: &Say) -> Result<(), Failure> {
    let begun = Instant::now();
    // By the signer's own clock: what it said before may be of before the change that is waited for.
    let mut before: Option<u64> = None;
    loop {
        let engines = registry.precompiled(env).await?;
        let engine = one(&engines, asked.engine.as_deref())?;
        if let Some(engine) = engine {
            let looked = before.is_some_and(|before| engine.at_ms > before);
            before.get_or_insert(engine.at_ms);
            if looked && engine.complete {
                say.data(&engine, text(engine, env));
                warn(&engines, say);
                say.good(format_args!("after {}", seconds(begun.elapsed())));
                return Ok(());
            }
        }
        if begun.elapsed() >= asked.timeout {
            let state = engine.map_or_else(|| "no signer has spoken for it".to_owned(), |engine| text(engine, env));
            say.data(&engine, &state);
            return Err(Failure::NotServed(format!("not everything is compiled after {}: {state}{}", seconds(begun.elapsed()), advice(engine))));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The engine that is meant: by the first digits of its hash, else the only one.
fn one<'e>(engines: &'e [PrecompiledEngine], named: Option<&str>) -> Result<Option<&'e PrecompiledEngine>, Failure> {
    let fits = |engine: &&PrecompiledEngine| named.is_none_or(|begin| engine.engine.starts_with(begin));
    let found: Vec<_> = engines.iter().filter(fits).collect();
    match found.as_slice() {
        [] => Ok(None),
        [engine] => Ok(Some(engine)),
        several => {
            let names: Vec<_> = several.iter().map(|engine| format!("{} ({})", short(engine), engine.profile)).collect();
            Err(Failure::Usage(format!("there is code for several engines; name one with --engine: {}", names.join(", "))))
        }
    }
}

fn render(engines: &[PrecompiledEngine], env: Environment) -> String {
    if engines.is_empty() {
        return format!("no signer has compiled anything for {env}: each host compiles by itself");
    }
    let mut table = Table::new(&["ENGINE", "PROFILE", "READY", "SERVED", "REFUSED", "KEY", "BUILD", "SAID"]);
    for engine in engines {
        let said = format!("{} ago", seconds(Duration::from_millis(engine.age_ms)));
        let counts = [engine.ready, engine.served, engine.refused].map(|count| count.to_string());
        let [ready, served, refused] = counts;
        table.row([
            short(engine),
            words::plain(&engine.profile),
            ready,
            served,
            refused,
            words::plain(&engine.key),
            words::plain(&engine.build),
            said,
        ]);
    }
    table.render()
}

fn warn(engines: &[PrecompiledEngine], say: &Say) {
    for engine in engines {
        for one in &engine.refused_components {
            let why = words::plain(&one.why);
            say.warning(format_args!("{}@{} of {} cannot be compiled: {why}", words::plain(&one.extension), one.version, words::plain(&one.tenant)));
        }
        if engine.age_ms > SILENT_MS {
            say.note(format_args!("nobody signs for {} now: {}", short(engine), "start `extensions-registry signer` of that build if hosts run it"));
        }
    }
}

fn text(engine: &PrecompiledEngine, env: Environment) -> String {
    let PrecompiledEngine { ready, served, refused, .. } = engine;
    let refused = if *refused == 0 { String::new() } else { format!(", {refused} cannot be compiled") };
    format!("{ready} of {served} components of {env} have code for {} ({}){refused}", short(engine), words::plain(&engine.profile))
}

fn advice(engine: Option<&PrecompiledEngine>) -> &'static str {
    match engine {
        Some(engine) if engine.age_ms <= SILENT_MS => "; its signer is at work, wait longer",
        Some(_) | None => "; is `extensions-registry signer` running?",
    }
}

fn short(engine: &PrecompiledEngine) -> String {
    words::plain(engine.engine.get(..SHOWN_DIGITS).unwrap_or(&engine.engine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(hash: &str, ready: u64) -> PrecompiledEngine {
        PrecompiledEngine {
            engine: hash.repeat(64),
            profile: "guards".into(),
            ready,
            served: 3,
            complete: ready == 3,
            ..PrecompiledEngine::default()
        }
    }

    #[test]
    fn the_only_engine_needs_no_name() {
        let (a, b) = (engine("a", 1), engine("b", 3));
        assert_eq!(one(&[], None).unwrap(), None);
        assert_eq!(one(std::slice::from_ref(&a), None).unwrap(), Some(&a));
        let both = [a, b];
        assert!(one(&both, None).is_err(), "nobody guesses");
        assert_eq!(one(&both, Some("bbbb")).unwrap(), Some(&both[1]));
        assert_eq!(one(&both, Some("c")).unwrap(), None);
    }

    #[test]
    fn it_says_what_is_missing_and_who_is_silent() {
        assert_eq!(render(&[], Environment::Prod), "no signer has compiled anything for prod: each host compiles by itself");
        let table = render(&[engine("a", 1)], Environment::Prod);
        assert!(table.contains("aaaaaaaaaaaaaaaa") && !table.contains(&"a".repeat(17)), "{table}");
        assert_eq!(text(&engine("a", 1), Environment::Prod), "1 of 3 components of prod have code for aaaaaaaaaaaaaaaa (guards)");
        assert!(advice(None).contains("running") && advice(Some(&engine("a", 1))).contains("at work"));
    }
}
