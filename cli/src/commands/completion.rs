//! `ext completion`: a script for the shell, on standard output.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Arguments, failure::Failure};

pub(crate) fn print(shell: Shell) -> Result<(), Failure> {
    clap_complete::generate(shell, &mut Arguments::command(), "ext", &mut std::io::stdout().lock());
    Ok(())
}
