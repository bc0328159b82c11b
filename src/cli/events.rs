//! The verb `events`.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use regex::Regex;

use super::args::{Global, InputArgs, LookArgs};
use super::progress::Bar;
use super::{FAILED, Failure, OK, diagnose, output};
use crate::input::{self, Source};
use crate::render::{EventForm, EventLines};
use crate::scan::{self, Builds, Flow, Flowed, Pattern, Query};

/// Arguments of `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Only channels that fit a pattern: System, '*LocalSessionManager*'
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    channel: Vec<Pattern>,
    /// Only providers that fit a pattern
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    provider: Vec<Pattern>,
    /// Only these event ids: 1149, 21,23-25
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_ids)]
    id: Vec<RangeInclusive<u32>>,
    /// Only these levels: critical, error, warning, information, verbose, or their numbers
    #[arg(long, value_name = "LEVEL", value_delimiter = ',', value_parser = parse_level)]
    level: Vec<u8>,
    /// Only hosts that fit a pattern
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    host: Vec<Pattern>,
    /// Only records whose text or a value of which fits a regular expression, in any case
    #[arg(long, value_name = "REGEX", value_parser = scan::grep)]
    grep: Option<Regex>,
    /// Only these keys of a line or fields of the events: time,event_id,User,Address,%1
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// The form of the output [default: table on a terminal, jsonl elsewhere]
    #[arg(long, short, value_enum)]
    format: Option<Form>,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    /// Adds message texts: catalogue YAML, .dll, .exe, .sys, .mui, or a folder of them
    #[arg(long, value_name = "PATH")]
    messages: Vec<PathBuf>,
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
pub(super) fn run(args: &EventsArgs, global: &Global, stop: &AtomicBool) -> Result<u8, Failure> {
    let mut texts = diagnose::texts(&args.messages, global)?;
    let (sources, mut has_failed) = sources(&args.input)?;
    for source in &sources {
        diagnose::tell(&texts.add_mta(source), global);
    }
    let is_shown = args.output.is_none() && io::stdout().is_terminal();
    let bar = Bar::new(sources.iter().map(Source::size).sum(), global.quiet || is_shown);
    let lines = lines(args, is_shown, global);
    let query = Query {
        since: args.input.since.map(|time| time.0),
        until: args.input.until.map(|time| time.0),
        channels: args.channel.clone(),
        providers: args.provider.clone(),
        hosts: args.host.clone(),
        event_ids: args.id.clone(),
        levels: args.level.clone(),
        grep: args.grep.clone(),
    };
    let builds = Builds::read(&sources, stop);
    let flow = Flow {
        query: &query,
        texts: &texts,
        builds: &builds,
        carve: args.input.carve,
        progress: &bar,
        stop,
        // Writing to memory does not fail.
        show: &|record, sentence, bytes| drop(lines.record(record, sentence, bytes)),
    };
    let flowed = RefCell::new(Flowed::default());
    output::write(args.output.as_deref(), &|out| {
        lines.head(out)?;
        *flowed.borrow_mut() = scan::flow(&sources, &flow, &mut |bytes| out.write_all(bytes))?;
        out.flush()
    })?;
    bar.finish();
    let flowed = flowed.into_inner();
    for problem in &flowed.problems {
        eprintln!("{problem}");
        has_failed = true;
    }
    diagnose::tell(&flowed.faults, global);
    if flowed.hidden_faults > 0 && !global.quiet {
        eprintln!("{} more faults", flowed.hidden_faults);
    }
    Ok(if has_failed { FAILED } else { OK })
}

fn sources(args: &InputArgs) -> Result<(Vec<Source>, bool), Failure> {
    let (sources, has_failed) = diagnose::found(args)?;
    Ok((input::dedupe(sources).0, has_failed))
}

fn lines(args: &EventsArgs, is_shown: bool, global: &Global) -> EventLines {
    let form = match args.format {
        Some(Form::Table) => EventForm::Table,
        Some(Form::Csv) => EventForm::Csv,
        Some(Form::Jsonl) => EventForm::JsonLines,
        None if is_shown => EventForm::Table,
        None => EventForm::JsonLines,
    };
    EventLines::new(form, args.fields.clone(), output::style(&args.look, args.output.is_some(), global))
}

fn parse_ids(text: &str) -> Result<RangeInclusive<u32>, String> {
    let number = |text: &str| {
        text.trim().parse::<u32>().map_err(|_| format!("`{text}` is no event id; write 1149 or 21-25"))
    };
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Ok(number(low)?..=number(high)?)
}

fn parse_level(text: &str) -> Result<u8, String> {
    Ok(match text.trim().to_ascii_lowercase().as_str() {
        "critical" => 1,
        "error" => 2,
        "warning" => 3,
        "information" | "info" => 4,
        "verbose" => 5,
        number => number.parse().map_err(|_| {
            format!("`{text}` is no level; write critical, error, warning, information or verbose")
        })?,
    })
}
