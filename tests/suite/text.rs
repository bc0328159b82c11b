//! The sentences of real records.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use rdpwhy::evtx::Record;
use rdpwhy::text::{TextSource, Texts};

use crate::corpus;

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
