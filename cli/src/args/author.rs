//! What an author types, without any server.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use extensions_types::ExtensionId;

use super::{KindArgument, LanguageArgument};

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The extension's id, and its folder's name
    pub(crate) name: ExtensionId,
    /// What it is called for
    #[arg(long, value_enum)]
    pub(crate) kind: KindArgument,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = LanguageArgument::Rust)]
    pub(crate) lang: LanguageArgument,
}

#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The extension's folder
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A core module or component, or an extension's folder (which is built first)
    #[arg(default_value = ".")]
    pub(crate) file: PathBuf,
    /// The kind that it must be [default: what it looks like, or the folder's]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The extension's folder
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Only the cases whose name or file contains this
    #[arg(long, alias = "only", value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The extension's folder, or a component
    #[arg(default_value = ".")]
    pub(crate) target: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// The hook point, or the task
    #[arg(long, default_value = "")]
    pub(crate) point: String,
    /// The kind of a component that comes alone [default: what it looks like]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) input: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Toolchain {
    /// Install the toolchains of languages, or say which ones are there
    Install {
        /// The languages
        #[arg(value_enum, value_name = "LANG", required = true)]
        langs: Vec<LanguageArgument>,
    },
    /// Show what is there, and how it was found; installs nothing
    List,
}
