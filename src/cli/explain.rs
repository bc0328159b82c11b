//! The verb `explain`.

use std::path::PathBuf;

use clap::Args;

use super::args::{FormatArg, Global, LookArgs};
use super::{FAILED, Failure, OK, diagnose, output};
use crate::explain::{self, Library};
use crate::render;
use crate::rule::RuleSet;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code (0x904, 2308, -2147024832, 0x904/0x7), an event id (7034, TermDD 56), KB…, a cause, or words
    #[arg(value_name = "THING", required = true, num_args = 1.., allow_negative_numbers = true)]
    thing: Vec<String>,
    /// The form of the output
    #[arg(long, short, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    #[command(flatten)]
    look: LookArgs,
    /// Adds rules of a folder
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Adds message texts: catalogue YAML, .dll, .exe, .sys, .mui, or a folder of them
    #[arg(long, value_name = "PATH")]
    messages: Vec<PathBuf>,
}

/// Runs the verb; finding nothing at all is a failure.
pub(super) fn run(args: &ExplainArgs, global: &Global) -> Result<u8, Failure> {
    let rules = RuleSet::load(&args.rules)?;
    let texts = diagnose::texts(&args.messages, global)?;
    let answer = explain::explain(&args.thing.join(" "), &Library::new(&rules, &texts));
    let style = output::style(&args.look, false, global);
    output::write(None, &|out| render::explain(&answer, output::format(args.format), &style, out))?;
    Ok(if answer.topics.is_empty() && answer.near.is_empty() { FAILED } else { OK })
}
