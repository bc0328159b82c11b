//! The verbs `diagnose` and `report`.

use std::fs::File;
use std::io::BufReader;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::args::{DiagnoseArgs, FailOn, Global, InputArgs, KnowledgeArgs, OnlyArg, OutputArgs, ReportArgs};
use super::progress::Bar;
use super::{FAILED, FOUND, Failure, OK, output};
use crate::evtx::Fault;
use crate::input::{self, Source};
use crate::report::{Confidence, Report, Status};
use crate::rule::{FlawKind, RuleSet};
use crate::scan::{self, Scan};
use crate::text::{Texts, codes};
use crate::{diagnose as room, fleet, render};

/// Rules and texts of a run.
pub(super) struct Knowledge {
    /// Not taken apart at the end of the run: that takes as long as a small log does.
    pub(super) rules: ManuallyDrop<RuleSet>,
    pub(super) texts: Texts,
}

impl Knowledge {
    pub(super) fn load(args: &KnowledgeArgs, global: &Global) -> Result<Self, Failure> {
        let rules = RuleSet::load(&args.rules)?;
        for flaw in rules.warnings.iter().filter(|flaw| flaw.kind == FlawKind::LeftOut && !global.quiet) {
            eprintln!("{flaw}");
        }
        Ok(Self { rules: ManuallyDrop::new(rules), texts: texts(&args.messages, global)? })
    }
}

/// The texts of the program and of the user's files.
pub(super) fn texts(messages: &[PathBuf], global: &Global) -> Result<Texts, Failure> {
    let mut texts = Texts::builtin();
    for path in messages {
        let faults = texts.add_messages(path).map_err(|error| {
            Failure::new(error.to_string(), "give catalogue YAML, a provider file or a folder")
        })?;
        tell(&faults, global);
    }
    Ok(texts)
}

/// Tells of faults outside of a report.
pub(super) fn tell(faults: &[Fault], global: &Global) {
    for fault in faults.iter().filter(|_| !global.quiet) {
        eprintln!("{}, byte {}: expected {}, found {}", fault.log, fault.offset, fault.expected, fault.found);
    }
}

/// The logs that the arguments name; also whether one could not be read.
pub(super) fn found(args: &InputArgs) -> Result<(Vec<Source>, bool), Failure> {
    let options = input::Options { files_from: args.files_from.clone(), carve: args.carve };
    let found = input::find(&args.logs, &options);
    for problem in &found.problems {
        eprintln!("{problem}\n  help: {}", problem.help);
    }
    let has_failed = found.problems.iter().any(|problem| problem.is_missed && !problem.is_read);
    if found.sources.is_empty() {
        return Err(Failure::new("no log to read", "name .evtx files, folders or archives that hold them"));
    }
    Ok((found.sources, has_failed))
}

/// How a scan is kept.
#[derive(Clone, Copy, Default)]
pub(super) struct Keep<'a> {
    /// As a partial report.
    pub(super) is_joinable: bool,
    /// In a cache.
    pub(super) cache: Option<&'a Path>,
}

/// Reads logs as the arguments say; also whether an input could not be read.
pub(super) fn read(
    args: &InputArgs,
    knowledge: &mut Knowledge,
    global: &Global,
    stop: &AtomicBool,
    keep: Keep<'_>,
) -> Result<(Scan, bool), Failure> {
    let (sources, mut has_failed) = found(args)?;
    let (sources, duplicates) = input::dedupe(sources);
    let sources: &[Source] = &sources;
    for source in sources {
        tell(&knowledge.texts.add_mta(source), global);
    }
    let bar = Bar::new(sources.iter().map(Source::size).sum(), global.quiet);
    let mut scan = scan::scan(
        sources,
        &scan::Options {
            rules: &knowledge.rules,
            texts: &knowledge.texts,
            since: args.since.map(|time| time.0),
            until: args.until.map(|time| time.0),
            carve: args.carve,
            progress: &bar,
            stop,
            is_joinable: keep.is_joinable,
            cache: keep.cache,
        },
    );
    bar.finish();
    scan.add_duplicates(duplicates.len());
    scan.is_partial |= has_failed;
    for problem in &scan.problems {
        eprintln!("{problem}");
        has_failed = true;
    }
    Ok((scan, has_failed))
}

/// Runs `diagnose`.
pub(super) fn diagnose(args: &DiagnoseArgs, global: &Global, stop: &AtomicBool) -> Result<u8, Failure> {
    let client_errors = codes_of(&args.client_error)?;
    let start = Instant::now();
    let mut knowledge = Knowledge::load(&args.knowledge, global)?;
    let keep = Keep { is_joinable: args.partial.is_some(), cache: args.cache.as_deref() };
    let (mut scan, has_failed) = read(&args.input, &mut knowledge, global, stop, keep)?;
    let mut is_found = false;
    if let Some(path) = &args.partial {
        output::write(Some(path), &|out| scan.write(out))?;
    } else {
        scan.settle();
        let report = report_of(&scan, &knowledge, &client_errors, None);
        is_found = has_cause(&report, args.fail_on);
        if args.stats {
            stats(&report, start);
        }
        show(report, &args.output, global)?;
    }
    Ok(match () {
        () if has_failed => FAILED,
        () if is_found => FOUND,
        () => OK,
    })
}

/// Runs `report`.
pub(super) fn report(args: &ReportArgs, global: &Global) -> Result<u8, Failure> {
    let client_errors = codes_of(&args.client_error)?;
    let knowledge = Knowledge::load(&args.knowledge, global)?;
    let mut scan = Scan::default();
    for path in &args.parts {
        let wrong = |what: String| {
            Failure::new(
                format!("{}: {what}", path.display()),
                "give files that `rdpwhy diagnose --partial` wrote",
            )
        };
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let part = Scan::read(&mut BufReader::new(file), &knowledge.rules.fingerprint)
            .map_err(|error| wrong(error.to_string()))?;
        scan.join(part);
    }
    if let Some(path) = &args.partial {
        output::write(Some(path), &|out| scan.write(out))?;
        return Ok(OK);
    }
    scan.settle();
    let report = report_of(&scan, &knowledge, &client_errors, None);
    let is_found = has_cause(&report, args.fail_on);
    show(report, &args.output, global)?;
    Ok(if is_found { FOUND } else { OK })
}

/// Diagnoses a scan.
pub(super) fn report_of(
    scan: &Scan,
    knowledge: &Knowledge,
    client_errors: &[u32],
    story: Option<room::Story>,
) -> Report {
    let options = room::Options {
        rules: &knowledge.rules,
        texts: &knowledge.texts,
        client_errors,
        story,
        keeps_harmless: false,
    };
    fleet::report(room::diagnose(scan, &options), scan, client_errors)
}

fn show(mut report: Report, args: &OutputArgs, global: &Global) -> Result<(), Failure> {
    if let Some(only) = args.only {
        let wanted = match only {
            OnlyArg::Broken => Status::Broken,
            OnlyArg::Degraded => Status::Degraded,
            OnlyArg::Unknown => Status::Unknown,
            OnlyArg::Healthy => Status::Healthy,
        };
        fleet::keep(&mut report, &|host| host.status == wanted);
    }
    keep_hosts(&mut report, args.host.as_deref())?;
    let style = output::style(&args.look, args.output.is_some(), global);
    output::write(args.output.as_deref(), &|out| {
        render::diagnose(&report, output::format(args.format), &style, out)
    })
}

/// Keeps the hosts whose name fits a pattern.
pub(super) fn keep_hosts(report: &mut Report, pattern: Option<&str>) -> Result<(), Failure> {
    let Some(pattern) = pattern else { return Ok(()) };
    let glob = globset::GlobBuilder::new(pattern)
        .case_insensitive(true)
        .build()
        .map_err(|error| Failure::new(format!("--host: {error}"), "write a pattern such as 'SRV-RDS*'"))?
        .compile_matcher();
    fleet::keep(report, &|host| {
        glob.is_match(&host.name) || host.other_names.iter().any(|name| glob.is_match(name))
    });
    Ok(())
}

/// Codes in any spelling; of `0x904/0x7` the first part is the code.
pub(super) fn codes_of(spellings: &[String]) -> Result<Vec<u32>, Failure> {
    let wrong = |text: &str| {
        Failure::new(
            format!("--client-error: `{text}` is no code"),
            "write it as shown: 0x904, 2308 or 0x904/0x7",
        )
    };
    spellings
        .iter()
        .map(|text| codes::parse(text.split('/').next().unwrap_or(text)).ok_or_else(|| wrong(text)))
        .collect()
}

fn has_cause(report: &Report, fail_on: Option<FailOn>) -> bool {
    let least = match fail_on {
        None => return false,
        Some(FailOn::Any) => Confidence::Low,
        Some(FailOn::Medium) => Confidence::Medium,
        Some(FailOn::High) => Confidence::High,
    };
    report.hosts.iter().flat_map(|host| &host.causes).any(|cause| cause.confidence >= least)
}

fn stats(report: &Report, start: Instant) {
    let seconds = start.elapsed().as_secs_f64().max(1e-6);
    let megabytes = u32::try_from(report.summary.bytes >> 20).map_or(f64::INFINITY, f64::from);
    let records = u32::try_from(report.summary.records).map_or(f64::INFINITY, f64::from);
    eprintln!(
        "{} logs, {megabytes:.0} MiB, {records:.0} records in {seconds:.2} s: {:.0} MiB/s, {:.2} million records/s",
        report.summary.logs,
        megabytes / seconds,
        records / seconds / 1e6,
    );
}
