//! Where words go: talk to stderr, data to stdout. A reader that went away is
//! no reason to fail a check, so write errors are dropped.

use std::{fmt::Display, io::Write as _, time::Duration};

use anstyle::{AnsiColor, Style};

/// For headings.
const BOLD: Style = Style::new().bold();
/// For what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// For what did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what did not happen.
pub(crate) const DIM: Style = Style::new().dimmed();

/// A line of talk.
pub(crate) fn talk(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// What comes next.
pub(crate) fn heading(text: impl Display) {
    talk(format!("\n{}", styled(BOLD, format!("── {text}"))));
}

/// A line of data.
pub(crate) fn data(line: impl Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// A styled text; plain where stderr is no terminal.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A duration as people read it: `840 ms`, `12.3 s`, `4 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let texts = [5, 12_340, 245_900].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(texts, ["5 ms", "12.3 s", "4 min 05 s"]);
    }
}
