//! Hosts become one report: counts of the whole run, and what only shows over many hosts.

use crate::report::{Host, Note, Report, Status, Summary};
use crate::scan::Scan;
use crate::text::codes;

/// The report over some hosts of a scan.
#[must_use]
pub fn report(mut hosts: Vec<Host>, scan: &Scan, client_errors: &[u32]) -> Report {
    let fleet = super::fleet(&mut hosts);
    let mut summary = Summary { hosts: hosts.len(), ..Summary::default() };
    for host in &hosts {
        match host.status {
            Status::Broken => summary.broken += 1,
            Status::Degraded => summary.degraded += 1,
            Status::Healthy => summary.healthy += 1,
            Status::Unknown => summary.unknown += 1,
        }
    }
    scan.summarize(&mut summary);
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        faults: scan.loose_faults(&hosts),
        hosts,
        summary,
        fleet,
        is_partial: scan.is_partial || !scan.problems.is_empty(),
        client_errors: client_errors.iter().map(|code| client_error(*code)).collect(),
    }
}

/// What a code that a client showed means, and what it does not.
fn client_error(code: u32) -> Note {
    let known = codes::lookup_in("rdp-client", code).or_else(|| codes::lookup(code).into_iter().next());
    let text = match known {
        Some(known) => {
            let parts = [known.name.as_str(), known.short.as_str(), known.meaning.as_str()];
            let words: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            format!("0x{code:X} ({code}): {}", words.join(": "))
        }
        None => format!("0x{code:X} ({code}): no table knows this code"),
    };
    Note { kind: "client-error".to_owned(), text }
}
