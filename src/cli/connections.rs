//! The verb `connections`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};

use super::args::{Global, InputArgs, KnowledgeArgs, LookArgs};
use super::diagnose::{Keep, Knowledge};
use super::{FAILED, Failure, OK, diagnose, output};
use crate::render::{self, EventForm};
use crate::scan::Pattern;
use crate::{diagnose as room, diagnose::Attempt};

/// Arguments of `connections`.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Shows sessions from logon to logoff instead of attempts to connect
    #[arg(long)]
    sessions: bool,
    /// Only hosts that fit a pattern
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    host: Vec<Pattern>,
    /// Only attempts with these outcomes
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "sessions")]
    outcome: Vec<Outcome>,
    /// The form of the output [default: table on a terminal, jsonl elsewhere]
    #[arg(long, short, value_enum)]
    format: Option<Form>,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    knowledge: KnowledgeArgs,
}

/// Outcomes of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Outcome {
    /// Reached a session
    Good,
    /// Somebody who uses the server did not get in
    Failed,
    /// Nobody who uses the server made it
    Noise,
    /// The log that would tell is missing
    Unknown,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For a person at a terminal
    Table,
    /// One JSON document per line
    Jsonl,
    /// For a spreadsheet
    Csv,
}

/// Runs the verb.
pub(super) fn run(args: &ConnectionsArgs, global: &Global, stop: &AtomicBool) -> Result<u8, Failure> {
    let mut knowledge = Knowledge::load(&args.knowledge, global)?;
    let (mut scan, has_failed) = diagnose::read(&args.input, &mut knowledge, global, stop, Keep::default())?;
    scan.settle();
    let form = match args.format {
        Some(Form::Table) => EventForm::Table,
        Some(Form::Csv) => EventForm::Csv,
        Some(Form::Jsonl) => EventForm::JsonLines,
        None if args.output.is_none() && io::stdout().is_terminal() => EventForm::Table,
        None => EventForm::JsonLines,
    };
    let style = output::style(&args.look, args.output.is_some(), global);
    let is_wanted = |host: &str| args.host.is_empty() || args.host.iter().any(|pattern| pattern.fits(host));
    if args.sessions {
        let mut hosts = room::sessions(&scan);
        hosts.retain(|(host, _)| is_wanted(host));
        output::write(args.output.as_deref(), &|out| render::sessions(&hosts, form, &style, out))?;
    } else {
        let mut hosts = room::connections(&scan);
        hosts.retain(|(host, _)| is_wanted(host));
        hosts
            .iter_mut()
            .for_each(|(_, attempts)| attempts.retain(|attempt| has_outcome(attempt, &args.outcome)));
        output::write(args.output.as_deref(), &|out| render::connections(&hosts, form, &style, out))?;
    }
    Ok(if has_failed { FAILED } else { OK })
}

fn has_outcome(attempt: &Attempt, wanted: &[Outcome]) -> bool {
    let own = match attempt.fate {
        room::Fate::Good => Outcome::Good,
        room::Fate::Failed => Outcome::Failed,
        room::Fate::Noise => Outcome::Noise,
        room::Fate::Unknown => Outcome::Unknown,
    };
    wanted.is_empty() || wanted.contains(&own)
}
