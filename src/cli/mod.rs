//! The command line: reads arguments, calls the rooms, prints errors. Does no work of its own.

mod args;
mod collect;
mod connections;
mod diagnose;
mod events;
mod explain;
mod messages;
mod output;
mod postmortem;
mod progress;
mod rules;
mod timeline;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser};

use args::{Cli, Verb};

/// The run did its job.
const OK: u8 = 0;
/// With `--fail-on`: a cause was found.
const FOUND: u8 = 1;
/// The run failed, or a named input could not be read.
const FAILED: u8 = 2;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

/// What stops a run.
#[derive(Debug)]
struct Failure {
    message: String,
    help: String,
}

impl Failure {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl From<crate::rule::RuleError> for Failure {
    fn from(error: crate::rule::RuleError) -> Self {
        let message = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => format!("{error}\n"),
        };
        Self::new(message, "")
    }
}

/// Makes the pool of threads. This thread is one of them where it would only wait for the others: handing a small
/// log to another thread takes longer than reading it. The records of `events` are written while others are read.
fn start_pool(cli: &Cli) {
    // None are as many as there are cores.
    let threads = cli.global.threads.map_or(0, |threads| threads.clamp(1, 1024));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = if matches!(cli.verb, Verb::Events(_)) { pool } else { pool.use_current_thread() };
    // Fails only when the pool exists already, which nothing before this line makes.
    let _ = pool.build_global();
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    crate::input::silence();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A second Ctrl-C ends the program at once.
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    if let (Err(error), false) = (handler, cli.global.quiet) {
        eprintln!("rdpwhy: Ctrl-C will end the run without a report: {error}");
    }
    start_pool(&cli);
    let result = match &cli.verb {
        Verb::Diagnose(args) => diagnose::diagnose(args, &cli.global, &stop),
        Verb::Report(args) => diagnose::report(args, &cli.global),
        Verb::Postmortem(args) => postmortem::run(args, &cli.global, &stop),
        Verb::Timeline(args) => timeline::run(args, &cli.global, &stop),
        Verb::Events(args) => events::run(args, &cli.global, &stop),
        Verb::Explain(args) => explain::run(args, &cli.global),
        Verb::Connections(args) => connections::run(args, &cli.global, &stop),
        Verb::Collect(args) => collect::run(args),
        Verb::Messages(args) => messages::run(args, &cli.global),
        Verb::Rules(args) => rules::run(&args.verb, &cli.global),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "rdpwhy", &mut script);
            output::write(None, &|out| out.write_all(&script)).map(|()| OK)
        }
    };
    match result {
        Ok(code) => ExitCode::from(if stop.load(Ordering::Relaxed) { INTERRUPTED } else { code }),
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            if !failure.help.is_empty() {
                eprintln!("  help: {}", failure.help);
            }
            ExitCode::from(FAILED)
        }
    }
}
