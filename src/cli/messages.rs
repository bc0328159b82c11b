//! The verb `messages`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::Global;
use super::{Failure, OK, diagnose, output};
use crate::text;

/// Arguments of `messages`.
#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    #[command(subcommand)]
    verb: MessagesVerb,
}

/// What to do with texts of events.
#[derive(Debug, Subcommand)]
enum MessagesVerb {
    /// Makes a catalogue for --messages from the provider files of a Windows machine
    Build {
        /// A folder or file: .dll, .exe, .sys, .mui, or catalogues
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Writes to a file instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Runs one of its verbs.
pub(super) fn run(args: &MessagesArgs, global: &Global) -> Result<u8, Failure> {
    let MessagesVerb::Build { dir, output } = &args.verb;
    let (catalogue, faults) = text::build_catalogue(dir).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Failure::new(
            format!("{error}{cause}"),
            "give a folder with provider files, such as C:\\Windows\\System32",
        )
    })?;
    diagnose::tell(&faults, global);
    output::write(output.as_deref(), &|out| out.write_all(catalogue.as_bytes()))?;
    Ok(OK)
}
