//! Everything that is printed: data to standard output, talk to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{Colour, Global},
    failure::Failure,
};

/// How this run speaks.
#[derive(Debug)]
pub(crate) struct Say {
    json: bool,
    quiet: bool,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CARE: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = AnsiColor::BrightBlack.on_default();
/// In a log, a line a second is too many.
const METER_LINE_EVERY: Duration = Duration::from_secs(10);

impl Say {
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Colour::Auto => {}
            Colour::Always => anstream::ColorChoice::Always.write_global(),
            Colour::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self { json: global.json, quiet: global.quiet }
    }

    /// Data: as JSON for programs, else as `text`.
    pub(crate) fn data(&self, value: &impl Serialize, text: impl std::fmt::Display) {
        if self.json {
            println!("{}", serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
        } else {
            println!("{text}");
        }
    }

    /// Whether programs read.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Data for people only.
    pub(crate) fn text(&self, text: impl std::fmt::Display) {
        if !self.json {
            println!("{text}");
        }
    }

    /// Data for programs only.
    pub(crate) fn event(&self, value: &serde_json::Value) {
        if self.json {
            println!("{value}");
        }
    }

    /// A step that went well.
    pub(crate) fn good(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{GOOD}✓{GOOD:#} {text}");
        }
    }

    /// A step that did not.
    pub(crate) fn bad(&self, text: impl std::fmt::Display) {
        eprintln!("{BAD}✗{BAD:#} {text}");
    }

    /// Something to know.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Something to mend.
    pub(crate) fn warning(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{CARE}warning:{CARE:#} {text}");
        }
    }

    /// The guest's own words.
    pub(crate) fn guest_line(&self, level: impl std::fmt::Display, text: &str) {
        if !self.quiet {
            eprintln!("{FAINT}{level:>5}{FAINT:#} {text}");
        }
    }

    /// A bar for bytes that are sent; silent where nobody watches.
    pub(crate) fn bytes(&self, text: &'static str, bytes: u64) -> ProgressBar {
        if self.nobody_watches() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}").unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(bytes).with_style(style).with_message(text)
    }

    fn nobody_watches(&self) -> bool {
        self.quiet || self.json || !std::io::stderr().is_terminal()
    }

    /// A spinner for a long step; silent where nobody watches.
    pub(crate) fn progress(&self, text: String) -> ProgressBar {
        if self.nobody_watches() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style).with_message(text);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// A line that is written anew as figures change; where nobody watches, a line of its own now and then.
    pub(crate) fn meter(&self) -> Meter {
        Meter { bar: self.progress(String::new()), quiet: self.quiet, said: Mutex::default() }
    }

    /// Says why the command failed and gives its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if self.json && !failure.is_told() {
            println!("{}", json!({"error": {"code": failure.code(), "message": failure.to_string(), "exit": failure.exit()}}));
        }
        eprintln!("{BAD}error:{BAD:#} {failure}");
        ExitCode::from(failure.exit())
    }
}

/// Figures that change; gone from a terminal when dropped.
#[derive(Debug)]
pub(crate) struct Meter {
    bar: ProgressBar,
    quiet: bool,
    said: Mutex<Option<Instant>>,
}

impl Meter {
    pub(crate) fn say(&self, line: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(line.to_owned());
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.quiet && said.is_none_or(|said| said.elapsed() >= METER_LINE_EVERY) {
            *said = Some(Instant::now());
            eprintln!("{line}");
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 { format!("{seconds:.1} s") } else { format!("{:.1} ms", seconds * 1e3) }
}
