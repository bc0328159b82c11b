//! The verb `postmortem`.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::args::{FormatArg, Global, InputArgs, KnowledgeArgs, LookArgs, TimeArg, parse_time};
use super::diagnose::{self, Keep, Knowledge};
use super::{FAILED, Failure, OK, output};
use crate::diagnose::Story;
use crate::{fleet, render};

/// Arguments of `postmortem`.
#[derive(Debug, Args)]
pub(crate) struct PostmortemArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Tells of the outage nearest to this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    around: Option<TimeArg>,
    /// Tells only of hosts that have one of these updates: KB5041578
    #[arg(long, value_name = "KB", value_delimiter = ',', value_parser = parse_kb)]
    kb: Vec<String>,
    #[command(flatten)]
    knowledge: KnowledgeArgs,
    /// The form of the output
    #[arg(long, short, value_enum, default_value_t = FormatArg::Markdown)]
    format: FormatArg,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    /// Tells only of hosts whose name fits a pattern such as 'SRV-RDS*'
    #[arg(long, value_name = "PATTERN")]
    host: Option<String>,
    /// A code that the client showed
    #[arg(long, value_name = "CODE")]
    client_error: Vec<String>,
}

/// Runs `postmortem`.
pub(super) fn run(args: &PostmortemArgs, global: &Global, stop: &AtomicBool) -> Result<u8, Failure> {
    let client_errors = diagnose::codes_of(&args.client_error)?;
    let mut knowledge = Knowledge::load(&args.knowledge, global)?;
    let (mut scan, has_failed) = diagnose::read(&args.input, &mut knowledge, global, stop, Keep::default())?;
    scan.settle();
    let story = Story { around: args.around.map(|time| time.0), ..Story::default() };
    let mut report = diagnose::report_of(&scan, &knowledge, &client_errors, Some(story));
    diagnose::keep_hosts(&mut report, args.host.as_deref())?;
    if !args.kb.is_empty() {
        fleet::keep(&mut report, &|host| host.updates.iter().any(|update| args.kb.contains(&update.kb)));
        if report.hosts.is_empty() {
            return Err(Failure::new(
                format!("no host of these logs has {}", args.kb.join(" or ")),
                "look at the updates of `rdpwhy diagnose --format json`; logs may begin after it was installed",
            ));
        }
    }
    let style = output::style(&args.look, args.output.is_some(), global);
    output::write(args.output.as_deref(), &|out| {
        render::postmortem(&report, output::format(args.format), &style, out)
    })?;
    Ok(if has_failed { FAILED } else { OK })
}

/// `KB5041578`, `kb5041578` and `5041578` are the same.
fn parse_kb(text: &str) -> Result<String, String> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("KB").unwrap_or(&upper);
    let is_number = (6..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { Ok(format!("KB{digits}")) } else { Err(format!("`{text}` is no update; write KB5041578")) }
}
