//! CSV for spreadsheets: one line per cause and host, and one for a host without causes.
//!
//! A spreadsheet runs a cell that starts with `=`, `+`, `-` or `@` as a formula, so such text gets an apostrophe in front, which
//! spreadsheets take for "this is text". The same holds behind a semicolon, which some languages take for the end of a
//! cell. Programs should read the JSON, which changes no text.

use std::io::{self, Write};

use csv::{QuoteStyle, Writer, WriterBuilder};

use super::{escape, words};
use crate::evtx::Time;
use crate::report::{Cause, Host, Report};

const HEADER: [&str; 19] = [
    "host",
    "status",
    "reason",
    "last_good",
    "first_failure",
    "end",
    "failed_attempts",
    "change_before",
    "cause_number",
    "rule",
    "title",
    "family",
    "severity",
    "confidence",
    "summary",
    "explained_by",
    "first_evidence",
    "fix",
    "command",
];

pub(super) fn diagnose(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut table = writer(out);
    table.write_record(HEADER)?;
    for host in &report.hosts {
        if host.causes.is_empty() {
            table.write_record(line(host, 0, None))?;
        }
        for (number, cause) in host.causes.iter().enumerate() {
            table.write_record(line(host, number + 1, Some(cause)))?;
        }
    }
    table.flush()
}

pub(super) fn timeline(host: &Host, out: &mut dyn Write) -> io::Result<()> {
    let mut table = writer(out);
    table.write_record(["host", "time", "kind", "text", "good", "failed", "source"])?;
    for entry in &host.timeline {
        table.write_record([
            cell(&host.name),
            entry.time.rfc3339(),
            words::entry_kind(entry.kind).to_owned(),
            cell(&entry.text),
            entry.good.to_string(),
            entry.failed.to_string(),
            cell(&entry.source),
        ])?;
    }
    table.flush()
}

/// Writes one line of cells from logs.
pub(super) fn row(cells: &[impl AsRef<str>], out: &mut dyn Write) -> io::Result<()> {
    let mut table = writer(out);
    table.write_record(cells.iter().map(|text| cell(text.as_ref())))?;
    table.flush()
}

fn writer(out: &mut dyn Write) -> Writer<&mut dyn Write> {
    WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(out)
}

fn line(host: &Host, number: usize, cause: Option<&Cause>) -> Vec<String> {
    let outage = host.outage.clone().unwrap_or_default();
    let change = host.changes.first().map(|change| format!("{} {}", change.time.rfc3339(), change.text));
    let mut line = vec![
        cell(&host.name),
        words::status(host.status).to_owned(),
        cell(&host.status_reason),
        time(outage.last_good),
        time(outage.first_failure),
        time(outage.end),
        outage.failed_attempts.to_string(),
        cell(&change.unwrap_or_default()),
    ];
    let Some(cause) = cause else {
        line.resize(HEADER.len(), String::new());
        return line;
    };
    let fix = cause.fixes.first();
    line.extend([
        number.to_string(),
        cell(&cause.rule),
        cell(&cause.title),
        cell(&cause.family),
        words::severity(cause.severity).to_owned(),
        words::confidence(cause.confidence).to_owned(),
        cell(&cause.summary),
        cell(cause.explained_by.as_deref().unwrap_or_default()),
        time(cause.since),
        fix.map(|fix| cell(&fix.order)).unwrap_or_default(),
        fix.map(|fix| cell(&fix.run.join("; "))).unwrap_or_default(),
    ]);
    line
}

fn time(time: Option<Time>) -> String {
    time.map(Time::rfc3339).unwrap_or_default()
}

/// Text that no spreadsheet runs.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    let mut is_start = true;
    for character in escape::line(text, escape::SENTENCE).chars() {
        if is_start && matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            safe.push('\'');
        }
        is_start = character == ';' || is_start && matches!(character, ' ' | '"');
        safe.push(character);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::test_report::{fleet, hostile};
    use super::super::{Format, Style, diagnose, escape};
    use super::cell;

    #[test]
    fn formulas_become_text() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\t@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(cell("a; =b;-c"), "a; '=b;'-c");
        assert_eq!(cell("a=b-c"), "a=b-c");
    }

    #[test]
    fn a_line_is_written_per_cause() {
        let mut out = Vec::new();
        diagnose(&fleet(), Format::Csv, &Style::default(), &mut out).expect("memory takes all");
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r#"
"host","status","reason","last_good","first_failure","end","failed_attempts","change_before","cause_number","rule","title","family","severity","confidence","summary","explained_by","first_evidence","fix","command"
"SRV-RDS01.corp.example","broken","The last 23 attempts failed and none has worked since.","2026-01-13T22:41:09.000Z","2026-01-14T03:12:40.000Z","","23","2026-01-14T03:04:11.000Z restart by TrustedInstaller","1","rdp_wrapper_mismatch","TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll","third-party-software","critical","high","svchost.exe_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after KB5012345 replaced termsrv.dll.","","2026-01-14T03:12:40.000Z","Uninstall the wrapper, which puts Microsoft's termsrv.dll back","& 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u; Restart-Service TermService -Force"
"SRV-RDS01.corp.example","broken","The last 23 attempts failed and none has worked since.","2026-01-13T22:41:09.000Z","2026-01-14T03:12:40.000Z","","23","2026-01-14T03:04:11.000Z restart by TrustedInstaller","2","connection_refused","The listener does not accept connections","listener-or-port","high","medium","The listener RDP-Tcp stopped at 03:12:41.","rdp_wrapper_mismatch","2026-01-14T03:12:44.000Z","",""
"SRV-RDS02.corp.example","degraded","6 attempts failed on 12 Jan; it has worked since.","2026-01-12T09:01:00.000Z","2026-01-12T09:20:00.000Z","2026-01-12T10:05:00.000Z","6","","1","connection_refused","The listener does not accept connections","listener-or-port","high","medium","The listener RDP-Tcp stopped at 03:12:41.","","2026-01-14T03:12:44.000Z","",""
"SRV-FILE07.corp.example","unknown","The logs hold no connection attempt and no record about Remote Desktop.","","","","0","","","","","","","","","","","",""
"SRV-RDS03.corp.example","healthy","The last attempt reached its desktop on 14 Jan 07:58.","","","","0","","","","","","","","","","","",""
    "#);
    }

    #[test]
    fn hostile_cells_stay_cells() {
        let mut out = Vec::new();
        diagnose(&hostile(), Format::Csv, &Style::default(), &mut out).expect("memory takes all");
        let mut table = csv::Reader::from_reader(out.as_slice());
        for line in table.records() {
            for cell in &line.expect("every line has as many cells as the header") {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
                assert!(!cell.chars().any(escape::is_dangerous), "{cell}");
            }
        }
    }
}
