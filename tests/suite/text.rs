//! The sentences of real records.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use rdpwhy::evtx::{Record, Span, Time};
use rdpwhy::text::{TextSource, Texts};

use crate::corpus;
use crate::support::evtx_writer;

/// Channel and provider, the smallest share of their records in percent that must have a text.
const SHARES: [(&str, &str, usize); 8] = [
    (
        "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
        "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
        100,
    ),
    (
        "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
        "Microsoft-Windows-TerminalServices-LocalSessionManager",
        100,
    ),
    (
        "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
        "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
        100,
    ),
    ("System", "Microsoft-Windows-TerminalServices-RemoteConnectionManager", 100),
    ("System", "Service Control Manager", 100),
    ("System", "Microsoft-Windows-WindowsUpdateClient", 100),
    ("System", "User32", 100),
    ("System", "EventLog", 100),
];

fn records(log: &corpus::Log) -> Vec<Record> {
    log.chunks().flat_map(|(place, chunk)| corpus::read(chunk, &place).records).collect()
}

#[test]
fn share_of_records_with_a_text() {
    let texts = Texts::builtin();
    let mut shares: BTreeMap<(Arc<str>, Arc<str>), (usize, usize)> = BTreeMap::new();
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for log in corpus::logs() {
        for record in records(&log) {
            let key = (Arc::clone(&record.channel), Arc::clone(&record.provider));
            let (with_text, all) = shares.entry(key).or_default();
            *all += 1;
            if texts.sentence(&record, None).source == TextSource::None {
                let Record { provider, event_id, version, qualifiers, .. } = record;
                *missing.entry(format!("{provider} {event_id} v{version} {qualifiers:?}")).or_default() += 1;
            } else {
                *with_text += 1;
            }
        }
    }
    for ((channel, provider), (with_text, all)) in &shares {
        println!("{:3} %  {with_text:6} of {all:6}  {channel}  {provider}", with_text * 100 / all);
    }
    for (event, count) in &missing {
        println!("no text: {event} ({count})");
    }
    if shares.is_empty() {
        return;
    }
    for (channel, provider, percent) in SHARES {
        let (with_text, all) = shares[&(Arc::from(channel), Arc::from(provider))];
        assert!(with_text * 100 >= percent * all, "{channel} {provider}: {with_text} of {all}");
    }
}

/// A classic record of the System log.
fn classic(host: &str, minute: i64, event: (&str, u16, u16), strings: &[&str]) -> evtx_writer::Record {
    let (provider, event_id, qualifiers) = event;
    let system = evtx_writer::System {
        provider: provider.to_owned(),
        event_id,
        qualifiers: Some(qualifiers),
        level: 2,
        time: Time::parse("2026-01-14T03:00:00Z").unwrap().plus(Span::minutes(minute)),
        record_id: u64::try_from(minute).unwrap() + 1,
        channel: "System".to_owned(),
        computer: host.to_owned(),
        ..evtx_writer::System::default()
    };
    let strings = strings.iter().map(|&text| text.to_owned()).collect();
    let data = evtx_writer::Data::Strings { strings, binary: None };
    evtx_writer::Record { system, data, rendering: None }
}

#[test]
fn build_that_a_log_states_chooses_the_wording_before_and_behind_the_statement() {
    let folder = tempfile::tempdir().unwrap();
    let lost = ("TermDD", 56, 49162);
    let values = ["\\Device\\Termdd", "192.0.2.7"];
    let old = [
        classic("OLD", 0, lost, &values),
        classic("OLD", 1, ("EventLog", 6009, 32768), &["6.00.", "6002", "Service Pack 2", "", "18005"]),
        classic("old", 2, lost, &values),
        classic("OLD", 3, ("EventLog", 6009, 32768), &["10.00.", "14393", "", "", "0"]),
        classic("OLD", 4, lost, &values),
        classic("OTHER", 5, lost, &values),
    ];
    let log = evtx_writer::write_log(&old, evtx_writer::Numbering::FromOne);
    std::fs::write(folder.path().join("System.evtx"), log).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .args(["events", "--id", "56", "--fields", "host,text"])
        .arg(folder.path())
        .output()
        .unwrap();
    let ends: Vec<bool> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.contains("192.0.2.7")).collect();
    assert_eq!(ends, [false, false, true, true]);
}
