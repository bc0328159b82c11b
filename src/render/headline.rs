//! The answer for a host in one sentence.

use super::clock::{self, Clock};
use super::words;
use crate::report::{Host, HostLine, Outage, Party, Status};

/// Said of a host that fails for a reason that no rule knows.
pub(super) const NO_CAUSE: &str = "No known cause fits these logs.";

/// Names that one sentence holds.
const MAX_NAMES: usize = 3;

/// The leading cause of a line, or why there is none.
pub(super) fn cause(line: &HostLine) -> &str {
    match (&line.title, line.status) {
        (Some(title), _) => title,
        (None, Status::Broken | Status::Degraded) if line.reason.is_empty() => NO_CAUSE,
        (None, _) => &line.reason,
    }
}

/// Whether a host fails and no cause was found.
pub(super) fn is_unexplained(host: &Host) -> bool {
    host.causes.is_empty() && matches!(host.status, Status::Broken | Status::Degraded)
}

/// Whether Remote Desktop works, since when not, and how often it failed.
pub(super) fn words(host: &Host, clock: Clock) -> String {
    let connections = host.connections;
    match (host.status, &host.outage) {
        (Status::Broken, None) => "Remote Desktop is down".to_owned(),
        (Status::Broken, Some(outage)) => format!("Remote Desktop down{}", outage_words(outage, clock)),
        (Status::Degraded, None) => "Remote Desktop works only in part".to_owned(),
        (Status::Degraded, Some(outage)) if outage.end.is_none() => {
            format!("Remote Desktop works only in part{}", outage_words(outage, clock))
        }
        (Status::Degraded, Some(outage)) => {
            format!("Remote Desktop works again; it was down{}", outage_words(outage, clock))
        }
        (Status::Unknown, _) => "These logs cannot tell whether Remote Desktop works".to_owned(),
        (Status::Healthy, _) if connections.good > 0 => {
            let failed = if connections.failed > 0 {
                format!(", {} failed", words::number(connections.failed))
            } else {
                String::new()
            };
            format!("Remote Desktop works ({}{failed})", words::count(connections.good, "good connection"))
        }
        (Status::Healthy, _) => "Remote Desktop works".to_owned(),
    }
}

/// Who failed while others got in, in one sentence.
pub(super) fn party(party: &Party, clock: Clock) -> String {
    let outage = &party.outage;
    let with = if party.with.is_empty() { String::new() } else { format!(" ({})", some(&party.with)) };
    let when = match (outage.first_failure, outage.end) {
        (Some(first), Some(end)) => {
            format!("failed from {} to {}", clock.minute(first), clock.minute(end))
        }
        (Some(first), None) => format!("fails since {}", clock.minute(first)),
        (None, _) => "failed".to_owned(),
    };
    let before = outage.last_good.map(|good| format!(", last good logon {}", clock.minute(good)));
    let others = words::count(party.others, "connection");
    let names =
        if party.unaffected.is_empty() { String::new() } else { format!(" ({})", some(&party.unaffected)) };
    format!(
        "Not everybody: {}{with} {when} ({} failed{}), while {others} of others worked{names}",
        party.name,
        words::count(outage.failed_attempts, "attempt"),
        before.unwrap_or_default(),
    )
}

/// The first of some names, and how many more there are.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn outage_words(outage: &Outage, clock: Clock) -> String {
    let mut text = match (outage.first_failure, outage.end) {
        (Some(first), Some(end)) => {
            format!(
                " from {} to {}, {}",
                clock.minute(first),
                clock.minute(end),
                clock::span(end.since(first))
            )
        }
        (Some(first), None) => format!(" since {}", clock.minute(first)),
        (None, Some(end)) => format!(" until {}", clock.minute(end)),
        (None, None) => String::new(),
    };
    let mut facts = Vec::new();
    if let Some(good) = outage.last_good {
        facts.push(format!("last good logon {}", clock.minute(good)));
    } else if outage.end.is_none() {
        facts.push("no good logon in these logs before it".to_owned());
    }
    if outage.failed_attempts > 0 {
        facts.push(format!("{} failed", words::count(outage.failed_attempts, "attempt")));
    }
    if !facts.is_empty() {
        text = format!("{text} ({})", facts.join("; "));
    }
    text
}
