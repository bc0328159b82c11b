//! Every argument of every verb, with its help text.

use std::path::PathBuf;

use chrono::FixedOffset;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::collect::CollectArgs;
use super::connections::ConnectionsArgs;
use super::events::EventsArgs;
use super::explain::ExplainArgs;
use super::messages::MessagesArgs;
use super::postmortem::PostmortemArgs;
use super::timeline::TimelineArgs;
use crate::evtx::{Span, Time};

/// Why did Remote Desktop break on this server, since when, what changed just before, and what do I type to fix it?
#[derive(Debug, Parser)]
#[command(
    name = "rdpwhy",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  rdpwhy diagnose C:\\Temp\\logs              one server's exported logs\n  rdpwhy diagnose --format html -o report.html fleet/*.zip\n  rdpwhy rules list                          the causes that it knows"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What holds for every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Says nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Threads to work with [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Says per host whether Remote Desktop is broken, since when, why, and what to do
    #[command(
        after_help = "Exit codes: 0 the run did its job, whatever it found; 1 with --fail-on, a cause of that confidence was found;\n2 the run failed or an input could not be read (the rest is still reported); 130 interrupted.\n\nExamples:\n  rdpwhy diagnose System.evtx \"Microsoft-Windows-TerminalServices-*.evtx\"\n  rdpwhy diagnose --client-error 0x904 C:\\Temp\\logs\n  rdpwhy diagnose --format json server.zip > report.json"
    )]
    Diagnose(DiagnoseArgs),
    /// Joins partial reports that `diagnose --partial` wrote
    Report(ReportArgs),
    /// Tells the story of an outage for a ticket: what happened, why, whom it hit, what to do, what stays open
    #[command(
        after_help = "Examples:\n  rdpwhy postmortem C:\\Temp\\logs > postmortem.md\n  rdpwhy postmortem --kb KB5041578 fleet/*.zip\n  rdpwhy postmortem --around 2026-01-14T03:00 --format html -o postmortem.html server.zip"
    )]
    Postmortem(PostmortemArgs),
    /// Shows a host's life around its outage: changes, services, connections good and failed, what was found
    #[command(
        after_help = "Examples:\n  rdpwhy timeline C:\\Temp\\logs\n  rdpwhy timeline --around 2026-01-14T03:00 --format jsonl server.zip | jq .text"
    )]
    Timeline(TimelineArgs),
    /// Looks after rules: list, show, check, test
    Rules(RulesArgs),
    /// Shows decoded records with their text: JSON lines when piped, a table on a terminal
    #[command(
        after_help = "Examples:\n  rdpwhy events --id 21,23-25 --fields time,User,Address LSM.evtx\n  rdpwhy events --level error,critical --since 7d C:\\Temp\\logs | jq .text"
    )]
    Events(EventsArgs),
    /// Lists every attempt to connect, how far it got and how it ended; or sessions
    #[command(
        after_help = "Examples:\n  rdpwhy connections --outcome failed C:\\Temp\\logs\n  rdpwhy connections --sessions --format csv C:\\Temp\\logs"
    )]
    Connections(ConnectionsArgs),
    /// Says what a code, an event, an update or a cause is, without any log
    #[command(
        after_help = "Exit codes: 0 something is known, or near; 2 nothing is.\n\nExamples:\n  rdpwhy explain 0x904\n  rdpwhy explain 1067\n  rdpwhy explain TermDD 56\n  rdpwhy explain licence server unreachable"
    )]
    Explain(ExplainArgs),
    /// Prints a script that exports on the server what a diagnosis wants; it changes no setting
    #[command(
        after_help = "Examples:\n  rdpwhy collect -o collect.ps1\n  rdpwhy collect --shell cmd --days 30 -o collect.cmd"
    )]
    Collect(CollectArgs),
    /// Makes catalogues of event texts
    Messages(MessagesArgs),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where logs come from.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Logs, folders, patterns, archives (.zip, .gz, .7z), XML or JSON-lines exports
    #[arg(value_name = "LOGS", required_unless_present = "files_from")]
    pub(crate) logs: Vec<PathBuf>,
    /// Reads paths from a file, one per line or separated by NUL; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// Looks for chunks and records in any file: disk images, memory dumps, unallocated space
    #[arg(long)]
    pub(crate) carve: bool,
    /// Passes over records before this time (2026-01-14, 2026-01-14T03:00, or 7d for seven days ago)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) since: Option<TimeArg>,
    /// Passes over records after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<TimeArg>,
}

/// Rules and texts.
#[derive(Debug, Args)]
pub(crate) struct KnowledgeArgs {
    /// Adds rules of a folder, or replaces built-in ones of the same name
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Adds message texts: catalogue YAML, .dll, .exe, .sys, .mui, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(crate) messages: Vec<PathBuf>,
}

/// How results are written.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// The form of the output
    #[arg(long, short, value_enum, default_value_t = FormatArg::Table)]
    pub(crate) format: FormatArg,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Shows only hosts of a status
    #[arg(long, value_enum, value_name = "STATUS")]
    pub(crate) only: Option<OnlyArg>,
    /// Shows only hosts whose name fits a pattern such as 'SRV-RDS*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) host: Option<String>,
}

/// How a table looks.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// Zone of shown times: `utc`, `local` or an offset such as +02:00
    #[arg(long, value_name = "ZONE", default_value = "utc", value_parser = parse_zone)]
    pub(crate) tz: FixedOffset,
    /// Columns of the table [default: those of the terminal]
    #[arg(long, value_name = "N")]
    pub(crate) width: Option<usize>,
    /// Shows only the first hosts
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
}

/// Arguments of `diagnose`.
#[derive(Debug, Args)]
pub(crate) struct DiagnoseArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// A code that the client showed: 0x904, 2308, 0x904/0x7; it narrows the causes, it never decides
    #[arg(long, value_name = "CODE", allow_negative_numbers = true)]
    pub(crate) client_error: Vec<String>,
    /// Ends with exit code 1 when a cause of at least this confidence was found
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub(crate) fail_on: Option<FailOn>,
    /// Writes a partial report, to be joined with others by `rdpwhy report`
    #[arg(long, value_name = "FILE")]
    pub(crate) partial: Option<PathBuf>,
    /// Keeps what was read of each log in a folder, by content, so that the next run reads only what is new
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Says at the end how much was read and how fast
    #[arg(long)]
    pub(crate) stats: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Partial reports
    #[arg(value_name = "PART", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// A code that the client showed
    #[arg(long, value_name = "CODE", allow_negative_numbers = true)]
    pub(crate) client_error: Vec<String>,
    /// Ends with exit code 1 when a cause of at least this confidence was found
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub(crate) fail_on: Option<FailOn>,
    /// Writes the joined parts as one partial report
    #[arg(long, value_name = "FILE")]
    pub(crate) partial: Option<PathBuf>,
}

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) verb: RulesVerb,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesVerb {
    /// Lists causes by family
    List {
        /// Adds rules of a folder
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
    /// Runs the cases that rules bring along
    Test {
        /// Adds rules of a folder
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Only rules whose name contains this
        name: Option<String>,
        /// Says which selections, fields, values and words of a condition could go without a case failing
        #[arg(long)]
        thorough: bool,
    },
    /// Finds mistakes in rule files
    #[command(after_help = "Exit codes: 0 no errors, 1 errors were found, 2 the folder could not be read.")]
    Check {
        /// A folder or file; the built-in rules when absent
        dir: Option<PathBuf>,
    },
    /// Prints a rule as prose
    Show {
        /// Name of the rule, or a part of it
        name: String,
        /// Adds rules of a folder
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
    /// Prints the JSON Schema of rule files, for editors
    Schema,
    /// Prints docs/causes.md
    #[command(hide = true)]
    Causes,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For a person at a terminal
    Table,
    /// One JSON document
    Json,
    /// One JSON document per line
    Jsonl,
    /// For a spreadsheet
    Csv,
    /// For a ticket
    Markdown,
    /// One file for a browser, a phone or a printer
    Html,
}

/// Hosts to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnlyArg {
    /// Down at the end of the logs
    Broken,
    /// Partly down, or down for a while
    Degraded,
    /// Not to be judged from these logs
    Unknown,
    /// Working
    Healthy,
}

/// Least confidence that fails a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FailOn {
    /// Any cause
    Any,
    /// Probable ones
    Medium,
    /// Certain ones
    High,
}

/// A moment, given as such or as a span before the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeArg(pub(crate) Time);

pub(super) fn parse_time(text: &str) -> Result<TimeArg, String> {
    let wrong = || {
        format!("`{text}` is no time; write 2026-01-14, 2026-01-14T03:00, 2026-01-14T03:00:00+01:00 or 7d")
    };
    if let Some(span) = crate::rule::when::span(text.trim_end_matches(" ago").trim()) {
        let seconds = chrono::Utc::now().timestamp();
        return Ok(TimeArg(Time(Span::seconds(seconds).0).minus(span)));
    }
    let text = text.trim();
    [text.to_owned(), format!("{text}:00"), format!("{text}T00:00:00")]
        .iter()
        .find_map(|candidate| Time::parse(candidate))
        .map(TimeArg)
        .ok_or_else(wrong)
}

fn parse_zone(text: &str) -> Result<FixedOffset, String> {
    match text.to_ascii_lowercase().as_str() {
        "utc" | "z" => Ok(chrono::Offset::fix(&chrono::Utc)),
        "local" => Ok(*chrono::Local::now().offset()),
        other => other.parse().map_err(|_| format!("`{text}` is no zone; write utc, local or +02:00")),
    }
}
