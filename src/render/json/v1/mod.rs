//! Version 1 of the JSON: what it says must not change, except that keys may be added.
//!
//! Times are RFC 3339 in UTC, closed lists are lower-case words, and what is not known is `null`.

mod cause;
mod fleet;
mod timeline;

use serde::Serialize;

use self::cause::{Cause, Evidence};
use self::fleet::Fleet;
pub(super) use self::timeline::{Postmortems, Timeline};
use super::super::words;
use crate::evtx::{self, Time};
use crate::report;

/// The number of this version.
const SCHEMA: u32 = 1;

/// What one run found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    /// Version of this form.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    schema: u32,
    /// Version of the program.
    version: &'a str,
    /// Whether hosts or records may be missing, because the run was stopped or an input could not be read.
    is_partial: bool,
    /// Worst first.
    hosts: Vec<Host<'a>>,
    summary: Summary,
    fleet: Fleet<'a>,
    /// Damage in logs of no known host.
    faults: Vec<Fault<'a>>,
    /// What the codes mean that users saw.
    client_errors: Vec<Note<'a>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(report: &'a report::Report) -> Self {
        Self {
            schema: SCHEMA,
            version: &report.version,
            is_partial: report.is_partial,
            hosts: report.hosts.iter().map(Host::new).collect(),
            summary: Summary::new(&report.summary),
            fleet: Fleet::new(&report.fleet),
            faults: report.faults.iter().map(Fault::new).collect(),
            client_errors: report.client_errors.iter().map(Note::new).collect(),
        }
    }
}

/// A line of JSON lines: a host with the version in front.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HostLine<'a> {
    schema: u32,
    #[serde(flatten)]
    host: Host<'a>,
}

impl<'a> HostLine<'a> {
    pub(super) fn new(host: &'a report::Host) -> Self {
        Self { schema: SCHEMA, host: Host::new(host) }
    }
}

/// A machine and what was found on it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Host<'a> {
    host: &'a str,
    other_names: &'a [String],
    os: Option<&'a str>,
    build: Option<&'a str>,
    first_record: Option<String>,
    last_record: Option<String>,
    records: u64,
    logs: Vec<Log<'a>>,
    #[cfg_attr(test, schemars(extend("enum" = ["broken", "degraded", "unknown", "healthy"])))]
    status: &'static str,
    status_reason: &'a str,
    outage: Option<Outage<'a>>,
    /// Clients and users that failed while others got in; those that still fail first.
    parties: Vec<Party<'a>>,
    changes: Vec<Change<'a>>,
    /// The leading one first.
    causes: Vec<Cause<'a>>,
    ruled_out: Vec<RuledOut<'a>>,
    unknown: Vec<Undecided<'a>>,
    notes: Vec<Note<'a>>,
    exposure: Option<Exposure<'a>>,
    updates: Vec<Update<'a>>,
    connections: Connections,
    faults: Vec<Fault<'a>>,
}

impl<'a> Host<'a> {
    fn new(host: &'a report::Host) -> Self {
        Self {
            host: &host.name,
            other_names: &host.other_names,
            os: host.os.as_deref(),
            build: host.build.as_deref(),
            first_record: time(host.first_record),
            last_record: time(host.last_record),
            records: host.records,
            logs: host.logs.iter().map(Log::new).collect(),
            status: words::status(host.status),
            status_reason: &host.status_reason,
            outage: host.outage.as_ref().map(Outage::new),
            parties: host.parties.iter().map(Party::new).collect(),
            changes: host.changes.iter().map(Change::new).collect(),
            causes: host.causes.iter().map(Cause::new).collect(),
            ruled_out: host.ruled_out.iter().map(RuledOut::new).collect(),
            unknown: host.unknown.iter().map(Undecided::new).collect(),
            notes: host.notes.iter().map(Note::new).collect(),
            exposure: host.exposure.as_ref().map(Exposure::new),
            updates: host.updates.iter().map(Update::new).collect(),
            connections: Connections::new(host.connections),
            faults: host.faults.iter().map(Fault::new).collect(),
        }
    }
}

/// A log that holds records of the host.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Log<'a> {
    name: &'a str,
    channels: &'a [String],
    records: u64,
    first_record: Option<String>,
    last_record: Option<String>,
}

impl<'a> Log<'a> {
    fn new(log: &'a report::LogSummary) -> Self {
        Self {
            name: &log.name,
            channels: &log.channels,
            records: log.records,
            first_record: time(log.first_record),
            last_record: time(log.last_record),
        }
    }
}

/// When Remote Desktop broke and when it worked again.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Outage<'a> {
    last_good: Option<String>,
    first_failure: Option<String>,
    end: Option<String>,
    failed_attempts: u64,
    addresses: &'a [String],
    users: &'a [String],
}

impl<'a> Outage<'a> {
    fn new(outage: &'a report::Outage) -> Self {
        Self {
            last_good: time(outage.last_good),
            first_failure: time(outage.first_failure),
            end: time(outage.end),
            failed_attempts: outage.failed_attempts,
            addresses: &outage.addresses,
            users: &outage.users,
        }
    }
}

/// A client or user that failed while others got in.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Party<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["client", "user"])))]
    kind: &'static str,
    name: &'a str,
    /// Users of the client, or addresses of the user, that failed.
    with: &'a [String],
    last_good: Option<String>,
    first_failure: Option<String>,
    end: Option<String>,
    failed_attempts: u64,
    /// Good connections of others meanwhile.
    others_good: u64,
    /// Some of those who got in meanwhile.
    unaffected: &'a [String],
}

impl<'a> Party<'a> {
    fn new(party: &'a report::Party) -> Self {
        let kind = match party.kind {
            report::PartyKind::Client => "client",
            report::PartyKind::User => "user",
        };
        Self {
            kind,
            name: &party.name,
            with: &party.with,
            last_good: time(party.outage.last_good),
            first_failure: time(party.outage.first_failure),
            end: time(party.outage.end),
            failed_attempts: party.outage.failed_attempts,
            others_good: party.others,
            unaffected: &party.unaffected,
        }
    }
}

/// Something that changed just before, nearest first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Change<'a> {
    time: String,
    kind: &'a str,
    text: &'a str,
    kb: &'a [String],
    evidence: Evidence<'a>,
}

impl<'a> Change<'a> {
    fn new(change: &'a report::Change) -> Self {
        Self {
            time: change.time.rfc3339(),
            kind: &change.kind,
            text: &change.text,
            kb: &change.kb,
            evidence: Evidence::new(&change.evidence),
        }
    }
}

/// A cause that the logs speak against.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RuledOut<'a> {
    rule: &'a str,
    title: &'a str,
    reason: &'a str,
}

impl<'a> RuledOut<'a> {
    fn new(cause: &'a report::RuledOut) -> Self {
        Self { rule: &cause.rule, title: &cause.title, reason: &cause.reason }
    }
}

/// What the logs cannot tell, and which export would.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Undecided<'a> {
    rules: &'a [String],
    question: &'a str,
    needs: &'a str,
    export: &'a str,
}

impl<'a> Undecided<'a> {
    fn new(open: &'a report::Undecided) -> Self {
        Self { rules: &open.rules, question: &open.question, needs: &open.needs, export: &open.export }
    }
}

/// A remark that is no cause.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Note<'a> {
    kind: &'a str,
    text: &'a str,
}

impl<'a> Note<'a> {
    fn new(note: &'a report::Note) -> Self {
        Self { kind: &note.kind, text: &note.text }
    }
}

/// Password guessing from outside.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Exposure<'a> {
    attempts: u64,
    addresses: usize,
    is_lower_bound: bool,
    examples: &'a [String],
    text: &'a str,
}

impl<'a> Exposure<'a> {
    fn new(exposure: &'a report::Exposure) -> Self {
        Self {
            attempts: exposure.attempts,
            addresses: exposure.addresses,
            is_lower_bound: exposure.is_lower_bound,
            examples: &exposure.examples,
            text: &exposure.text,
        }
    }
}

/// A Windows update.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Update<'a> {
    time: String,
    kb: &'a str,
    title: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["installed", "pending", "failed", "rolled_back", "uninstalled", "from_build"])))]
    state: &'static str,
    code: Option<&'a str>,
    build: Option<&'a str>,
    restart: Option<String>,
}

impl<'a> Update<'a> {
    fn new(update: &'a report::WindowsUpdate) -> Self {
        Self {
            time: update.time.rfc3339(),
            kb: &update.kb,
            title: &update.title,
            state: words::update_state(update.state),
            code: update.code.as_deref(),
            build: update.build.as_deref(),
            restart: time(update.restart),
        }
    }
}

/// Connection attempts: all, those that reached a session, those of users that failed, and scanners.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Connections {
    attempts: u64,
    good: u64,
    failed: u64,
    noise: u64,
}

impl Connections {
    fn new(counts: report::ConnectionCounts) -> Self {
        Self { attempts: counts.attempts, good: counts.good, failed: counts.failed, noise: counts.noise }
    }
}

/// A damaged place in a log.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Fault<'a> {
    log: &'a str,
    offset: u64,
    expected: &'a str,
    found: &'a str,
    lost: u64,
}

impl<'a> Fault<'a> {
    fn new(fault: &'a evtx::Fault) -> Self {
        Self {
            log: &fault.log,
            offset: fault.offset,
            expected: &fault.expected,
            found: &fault.found,
            lost: fault.lost,
        }
    }
}

/// Counts over the whole run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Summary {
    hosts: usize,
    broken: usize,
    degraded: usize,
    healthy: usize,
    unknown: usize,
    logs: usize,
    duplicate_logs: usize,
    bytes: u64,
    records: u64,
    lost_records: u64,
    recovered_records: u64,
    first_record: Option<String>,
    last_record: Option<String>,
}

impl Summary {
    fn new(summary: &report::Summary) -> Self {
        Self {
            hosts: summary.hosts,
            broken: summary.broken,
            degraded: summary.degraded,
            healthy: summary.healthy,
            unknown: summary.unknown,
            logs: summary.logs,
            duplicate_logs: summary.duplicate_logs,
            bytes: summary.bytes,
            records: summary.records,
            lost_records: summary.lost_records,
            recovered_records: summary.recovered_records,
            first_record: time(summary.first_record),
            last_record: time(summary.last_record),
        }
    }
}

fn time(time: Option<Time>) -> Option<String> {
    time.map(Time::rfc3339)
}
