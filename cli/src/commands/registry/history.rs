//! `ext history` and `ext watch`: who changed what, when and why.

use extensions_client::registry::{HistoryEvent, HistoryRange, WatchFrom};
use extensions_types::ExtensionId;

use super::{connect, refused, words};
use crate::{
    args::{Global, History, Watch},
    failure::Failure,
    say::Say,
};

/// The largest page that a registry gives.
const PAGE: u32 = 500;

pub(crate) async fn run(history: &History, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let id = &history.extension;
    let mut range = HistoryRange { after_seq: history.after, page_size: 0, newest_first: !history.oldest_first };
    let mut left = history.limit;
    while left > 0 {
        range.page_size = left.min(PAGE);
        let page = registry.history(id, range).await.map_err(|error| refused(error, id))?;
        for event in &page.rows {
            say.data(event, line(event, None));
        }
        left = left.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        match page.next {
            Some(next) => range.after_seq = next,
            None => return Ok(()),
        }
    }
    let order = if history.oldest_first { " --oldest-first" } else { "" };
    say.note(format_args!("there is more: ext history {id}{order} --after {}", range.after_seq));
    Ok(())
}

pub(crate) async fn watch(watch: &Watch, global: &Global, say: &Say) -> Result<(), Failure> {
    let registry = connect(global)?;
    let from = match (&watch.cursor, watch.after) {
        (Some(cursor), _) => WatchFrom::Cursor(cursor.clone()),
        (None, Some(seq)) => WatchFrom::Seq(seq),
        (None, None) => WatchFrom::Now,
    };
    let mut watching = registry.watch(watch.extension.as_ref(), from).await?;
    say.note("watching; end it with Ctrl-C");
    let mut left = watch.limit;
    while left != Some(0) {
        let event = watching.next().await?;
        say.data(&event, line(&event.event, Some(&event.extension)));
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn line(event: &HistoryEvent, extension: Option<&ExtensionId>) -> String {
    let extension = extension.map_or_else(String::new, |id| format!("{id:<24} "));
    let version = event.version.map_or_else(String::new, |version| format!(" {version}"));
    let env = event.env.map_or_else(String::new, |env| format!(" in {env}"));
    let why = if event.why.is_empty() { String::new() } else { format!("  “{}”", words::plain(&event.why)) };
    let what = format!("{}{version}{env}", words::plain(&event.change));
    format!("{extension}{:>5}  {}  {:<24}  {what}{why}", event.seq, words::time(event.at_ms), words::who(&event.actor))
}
