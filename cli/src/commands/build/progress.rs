//! Shows the running step of a build, and what each took when it has ended.

use std::time::Duration;

use extensions_pipeline::{Event, Step};

use crate::say::{Say, seconds};

/// Keeps the times too: a build that fails has no other record of them.
pub(super) struct Progress<'s> {
    say: &'s Say,
    bar: Option<indicatif::ProgressBar>,
    pub(super) steps: Vec<(Step, Duration)>,
}

impl<'s> Progress<'s> {
    pub(super) fn new(say: &'s Say) -> Self {
        Self { say, bar: None, steps: Vec::new() }
    }

    pub(super) fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begins(step) => self.bar = Some(self.say.progress(step.words().to_owned())),
            Event::Note(note) => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{} ({note})", Step::Source.words()));
                }
            }
            Event::Ended(step, took) => {
                self.clear();
                self.steps.push((step, took));
                self.say.good(format_args!("{:<36} {:>9}", step.words(), seconds(took)));
            }
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
