//! The samples: written as committed, read alike by every reader, and complete in what they promise.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use evtx::{EvtxParser, ParserSettings};
use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE, Place, Record, Time, read_chunk_by_crate};

use crate::corpus;
use crate::support::{self, Expected, Scenario};

/// Statuses that a report can give a host.
const STATUSES: [&str; 4] = ["healthy", "degraded", "broken", "unknown"];

#[test]
fn committed_samples_are_what_their_scenarios_say() {
    for (name, scenario) in support::samples() {
        let folder = support::samples_folder().join(&name);
        let logs = scenario.logs();
        assert_eq!(names_in(&folder), logs.keys().cloned().collect::<Vec<_>>(), "logs of {name}");
        for (file, bytes) in logs {
            let is_equal = fs::read(folder.join(&file)).unwrap() == bytes;
            assert!(is_equal, "{name}/{file} is stale: run `cargo run --example make_samples`");
        }
    }
}

#[test]
fn every_scenario_says_what_must_be_found() {
    for (name, scenario) in support::samples() {
        let all: Vec<Record> = scenario.logs().values().flat_map(|log| records(log)).collect();
        for Expected { host, status, family, change, innocent } in scenario.expected() {
            assert!(STATUSES.contains(&status.as_str()), "{name}: {status}");
            assert_eq!(family.is_empty(), status == "healthy", "{name}: family");
            assert!(all.iter().any(|record| *record.computer == *host), "{name}: no record of {host}");
            let is_there =
                |kb: &str| all.iter().any(|record| record.fields.iter().any(|field| *field.value == *kb));
            assert!([change, innocent].iter().all(|kb| kb.is_empty() || is_there(kb)), "{name}: no update");
        }
    }
}

#[test]
fn checksums_of_samples_are_right() {
    let settings = ParserSettings::new().validate_checksums(true);
    for (name, scenario) in support::samples() {
        for (file, bytes) in scenario.logs() {
            let parser = EvtxParser::from_buffer(bytes).unwrap();
            let chunks: Vec<_> = parser.with_configuration(settings.clone()).into_chunks().collect();
            assert!(chunks.iter().all(Result::is_ok), "{name}/{file}");
        }
    }
}

#[test]
fn samples_are_small() {
    let bytes: usize = support::samples()
        .iter()
        .flat_map(|(_, scenario)| scenario.logs().into_values())
        .map(|log| log.len())
        .sum();
    assert!(bytes < 6_000_000, "{bytes} bytes");
}

#[test]
fn both_lanes_read_every_sample_alike_and_without_fault() {
    for (name, scenario) in support::samples() {
        for (file, bytes) in scenario.logs() {
            for (index, chunk) in bytes[FILE_HEADER_SIZE..].chunks(CHUNK_SIZE).enumerate() {
                let place = Place { log: Arc::from(format!("{name}/{file} chunk {index}")), offset: 0 };
                let slow = read_chunk_by_crate(chunk, &place).unwrap();
                let slow: Vec<Record> = slow.into_iter().collect::<Result<_, _>>().unwrap();
                let fast = corpus::read(chunk, &place);
                assert_eq!(fast.faults, [], "{}", place.log);
                assert_eq!(fast.records, slow, "{}", place.log);
            }
        }
    }
}

/// Every shape that real logs have and that no other test would miss.
const SHAPES: &str = "
host: SHAPES01.corp.example
build: '17763.6659'
start: 2026-01-05T00:00:00Z
story:
    - {at: 'd0 01:00:00', boot: {}}
    - {at: 'd0 02:00:00', every: 1m, times: 150, connection: {user: 'CORP\\x.y', address: 192.0.2.7, minutes: 0}}
    - {at: 'd0 03:00:00', event: {provider: TermDD, id: 56, data: ['\\Device\\Termdd', 192.0.2.7], binary: 'hex:32000AD0'}}
    - {at: 'd0 04:00:00', event: {provider: EventLog, id: 6011, data: ['SHAPES<0>&', \"it's\"]}}
    - {at: 'd0 05:00:00', connection: {user: 'CORP\\x.y', address: 192.0.2.7, outcome: wrong_password, audit: true}}
";

#[test]
fn records_fill_several_chunks_and_keep_their_order() {
    let logs = Scenario::from_yaml(SHAPES).logs();
    let bytes = &logs["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS%4Operational.evtx"];
    assert!(bytes.len() > FILE_HEADER_SIZE + 4 * CHUNK_SIZE);
    let records = records(bytes);
    assert!(records.windows(2).all(|pair| pair[0].record_id + 1 == pair[1].record_id));
    assert_eq!(records.iter().filter(|record| record.event_id == 131).count(), 151);
}

#[test]
fn values_keep_their_types_and_bytes() {
    let logs = Scenario::from_yaml(SHAPES).logs();
    let system = records(&logs["System.evtx"]);
    let find = |event_id: u32| system.iter().find(|record| record.event_id == event_id).unwrap();
    assert_eq!(find(56).binary.as_deref(), Some(&[0x32, 0, 0x0a, 0xd0][..]));
    assert_eq!(find(56).qualifiers, Some(49_162));
    assert_eq!(find(6011).insert(1), Some("SHAPES<0>&"));
    assert_eq!(find(7036).binary_text().as_deref(), Some("TermService/4"));
    assert_eq!(find(12).field("QfeVersion"), Some("6659"));
    assert_eq!(find(12).time, Time::parse("2026-01-05T01:00:00Z").unwrap());
    let audit = &records(&logs["Security.evtx"])[0];
    assert_eq!(audit.field("SubStatus"), Some("0xc0000064"));
    assert_eq!(audit.field("SubjectUserSid"), Some("S-1-0-0"));
}

#[test]
fn forwarded_records_carry_their_text() {
    let text = format!("forwarded_to: WEC01.corp.example\n{}", SHAPES.trim_start());
    let logs = Scenario::from_yaml(&text).logs();
    assert_eq!(logs.keys().collect::<Vec<_>>(), ["ForwardedEvents.evtx"]);
    let all = records(&logs["ForwardedEvents.evtx"]);
    let renamed = all.iter().find(|record| record.event_id == 6011).unwrap();
    let message = renamed.rendering.as_ref().unwrap().message.as_deref();
    assert_eq!(
        message,
        Some("The NetBIOS name and DNS host name of this machine have been changed from SHAPES<0>& to it's.")
    );
    assert_eq!(&*renamed.channel, "System");
}

#[test]
fn a_log_without_records_is_a_log() {
    let bytes = support::evtx_writer::write_log(&[], support::evtx_writer::Numbering::Own);
    assert_eq!(bytes.len(), FILE_HEADER_SIZE + CHUNK_SIZE);
    assert_eq!(records(&bytes), []);
}

/// Debian's libevtx-utils knows nothing of us and must print the same ids, providers and values.
#[test]
fn an_independent_reader_reads_the_samples_alike() {
    if Command::new("evtxexport").arg("-V").output().is_err() {
        eprintln!("skipped: no evtxexport (install libevtx-utils)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    support::write_host(&folder.path().join("shapes"), SHAPES);
    for (name, scenario) in support::samples() {
        scenario.write(&folder.path().join(name));
    }
    for entry in fs::read_dir(folder.path()).unwrap() {
        let folder = entry.unwrap().path();
        // It cannot read records without template, of real collectors neither.
        for file in names_in(&folder).into_iter().filter(|name| name != "ForwardedEvents.evtx") {
            let log = folder.join(file);
            let is_renumbered = folder.ends_with("session-limit");
            let (theirs, ours) = (exported(&log), own(&fs::read(&log).unwrap(), is_renumbered));
            assert_eq!(theirs.len(), ours.len(), "{}", log.display());
            for (theirs, ours) in theirs.iter().zip(&ours) {
                assert_eq!(theirs, ours, "{}", log.display());
            }
        }
    }
}

/// A record as both readers tell it: number, event id, source, computer, values.
type Line = (u64, u32, String, String, Vec<String>);

/// `is_renumbered`: the other reader prints the number in the record's header, which an export counts from 1.
fn own(bytes: &[u8], is_renumbered: bool) -> Vec<Line> {
    let line = |(number, record): (u64, Record)| {
        let mut values: Vec<String> = record.fields.iter().map(|field| plain(&field.value)).collect();
        values.extend(
            record.binary.iter().map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        );
        // It prints the name under which a classic event was written, when the record has one.
        let source = record.event_source.unwrap_or(record.provider).to_string();
        (
            if is_renumbered { number } else { record.record_id },
            record.event_id,
            source,
            record.computer.to_string(),
            values,
        )
    };
    (1..).zip(records(bytes)).map(line).collect()
}

fn exported(log: &Path) -> Vec<Line> {
    let output = Command::new("evtxexport").arg(log).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines().skip(2) {
        let (title, value) = line.split_once("\t: ").unwrap_or((line, ""));
        let title = title.trim_end();
        if title == "Event number" {
            lines.push((value.parse().unwrap(), 0, String::new(), String::new(), Vec::new()));
            continue;
        }
        let record = lines.last_mut().unwrap();
        match title {
            "Event identifier" => record.1 = value.split(['(', ')']).nth(1).unwrap().parse().unwrap(),
            "Source name" => record.2 = value.into(),
            "Computer name" => record.3 = value.into(),
            _ if title.starts_with("String: ") => record.4.push(value.into()),
            _ => {}
        }
    }
    for record in &mut lines {
        record.4.iter_mut().for_each(|value| *value = plain(value));
    }
    lines
}

/// Both readers' spelling of a value: first line, case and leading zeros of digits, zeros at the end of a time.
fn plain(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default().to_lowercase();
    if let Some(digits) = line.strip_prefix("0x") {
        return format!("0x{}", digits.trim_start_matches('0'));
    }
    let is_time = line.ends_with('z') && line.contains('t') && line.contains('.');
    if is_time { line.trim_end_matches(['z', '0']).to_owned() } else { line }
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let place = Place { log: Arc::from("a log"), offset: 0 };
    bytes[FILE_HEADER_SIZE..]
        .chunks(CHUNK_SIZE)
        .flat_map(|chunk| read_chunk_by_crate(chunk, &place).unwrap())
        .map(Result::unwrap)
        .collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".evtx"))
        .collect();
    names.sort();
    names
}
