//! Other processes: this very test program, run again with a role.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use crate::{crash, disk, place, racing};

const ROLE: &str = "EXT_TEST_ROLE";
const SETTINGS: &str = "EXT_TEST_STORE";
const NUMBER: &str = "EXT_TEST_NUMBER";
const MARK: &str = "rival> ";

/// Begins each line that a rival has to say; the test harness says other things.
macro_rules! say {
    ($($words:tt)*) => {
        println!("\nrival> {}", format_args!($($words)*))
    };
}
pub(crate) use say;

/// Not a test by itself: what a rival runs.
#[test]
fn as_rival() {
    let Ok(role) = env::var(ROLE) else { return };
    let number = env::var(NUMBER).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = place::open(&env::var(SETTINGS).unwrap());
    say!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    match role.as_str() {
        "append" => runtime.block_on(racing::append(&store, number)),
        "count" => runtime.block_on(racing::count(&store, number)),
        "mark" => runtime.block_on(racing::mark(&store, number)),
        "churn" => runtime.block_on(crash::churn(&store)),
        "killed" => runtime.block_on(crash::killed(&store)),
        "fill" => runtime.block_on(disk::fill(&store)),
        other => panic!("no role {other}"),
    }
}

/// A running rival; killed when dropped.
#[derive(Debug)]
pub(crate) struct Rival {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Rival {
    pub(crate) fn start(role: &str, settings: &str, number: u32) -> Self {
        Self::start_with(Command::new(env::current_exe().unwrap()), role, settings, number)
    }

    /// `command` ends with this test program's path.
    pub(crate) fn start_with(mut command: Command, role: &str, settings: &str, number: u32) -> Self {
        command.args(["--exact", "rival::as_rival", "--nocapture"]);
        command.env(ROLE, role).env(SETTINGS, settings).env(NUMBER, number.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut rival = Self { child, lines };
        assert_eq!(rival.line().unwrap(), "ready");
        rival
    }

    /// Several, which begin together.
    pub(crate) fn race(role: &str, settings: &str, count: u32) -> Vec<Vec<String>> {
        let mut rivals: Vec<_> = (1..=count).map(|number| Self::start(role, settings, number)).collect();
        rivals.iter_mut().for_each(Self::go);
        rivals.into_iter().map(Self::finish).collect()
    }

    pub(crate) fn go(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }

    /// The next line that it says; none at its end.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix(MARK).map(str::to_owned))
    }

    /// All that it still says, once it ended well.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let lines: Vec<_> = std::iter::from_fn(|| self.line()).collect();
        assert!(self.child.wait().unwrap().success(), "a rival failed: {lines:?}");
        lines
    }

    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.line()).collect()
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
