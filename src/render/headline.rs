//! The answer for a host in one sentence.

use super::clock::{self, Clock};
use super::words;
use crate::report::{Host, HostLine, Outage, Status};

/// Said of a host that fails for a reason that no rule knows.
pub(super) const NO_CAUSE: &str = "No known cause fits these logs.";

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
