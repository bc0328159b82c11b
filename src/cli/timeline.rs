//! The verb `timeline`.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::args::{FormatArg, Global, InputArgs, KnowledgeArgs, LookArgs, TimeArg, parse_time};
use super::diagnose::{self, Keep, Knowledge};
use super::{FAILED, Failure, OK, output};
use crate::diagnose::Story;
use crate::render::{self, Format};

/// Arguments of `timeline`.
#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// Logs, folders, patterns, archives (.zip, .gz, .7z), XML or JSON-lines exports
    #[arg(value_name = "LOGS", required_unless_present = "files_from")]
    logs: Vec<PathBuf>,
    /// Reads paths from a file, one per line or separated by NUL; `-` is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Shows nothing before this time (2026-01-14, 2026-01-14T03:00, or 7d for seven days ago)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<TimeArg>,
    /// Shows nothing after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<TimeArg>,
    /// Shows the twelve hours before and after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    around: Option<TimeArg>,
    #[command(flatten)]
    knowledge: KnowledgeArgs,
    /// The form of the output
    #[arg(long, short, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    /// Shows only hosts whose name fits a pattern such as 'SRV-RDS*'
    #[arg(long, value_name = "PATTERN")]
    host: Option<String>,
}

/// Runs `timeline`. Everything is read, whatever is shown: the beginning of a fault may lie outside.
pub(super) fn run(args: &TimelineArgs, global: &Global, stop: &AtomicBool) -> Result<u8, Failure> {
    let mut knowledge = Knowledge::load(&args.knowledge, global)?;
    let input = InputArgs {
        logs: args.logs.clone(),
        files_from: args.files_from.clone(),
        carve: false,
        since: None,
        until: None,
    };
    let (mut scan, has_failed) = diagnose::read(&input, &mut knowledge, global, stop, Keep::default())?;
    scan.settle();
    let time = |time: Option<TimeArg>| time.map(|time| time.0);
    let story = Story { around: time(args.around), since: time(args.since), until: time(args.until) };
    let mut report = diagnose::report_of(&scan, &knowledge, &[], Some(story));
    diagnose::keep_hosts(&mut report, args.host.as_deref())?;
    let format = output::format(args.format);
    if report.hosts.len() > 1 && matches!(format, Format::Html | Format::Json) {
        return Err(Failure::new(
            format!("these logs are of {} hosts, and this form shows one", report.hosts.len()),
            "choose one with --host, or write --format jsonl",
        ));
    }
    let style = output::style(&args.look, args.output.is_some(), global);
    output::write(args.output.as_deref(), &|out| {
        for (number, host) in report.hosts.iter().take(style.top.unwrap_or(usize::MAX)).enumerate() {
            if number > 0 && matches!(format, Format::Table | Format::Markdown) {
                writeln!(out)?;
            }
            render::timeline(host, format, &style, out)?;
        }
        Ok(())
    })?;
    Ok(if has_failed { FAILED } else { OK })
}
