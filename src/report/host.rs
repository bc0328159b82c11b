//! What was found on one machine.

use serde::{Deserialize, Serialize};

use super::timeline::Entry;
use crate::evtx::{Fault, Time};

/// One machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// The newest full name.
    pub name: String,
    /// Other names that the machine had in these logs.
    pub other_names: Vec<String>,
    /// Windows by name, when a log states its build.
    pub os: Option<String>,
    /// `build.revision` of the running kernel, when a log states it.
    pub build: Option<String>,
    /// Earliest record.
    pub first_record: Option<Time>,
    /// Latest record.
    pub last_record: Option<Time>,
    /// Records of this host.
    pub records: u64,
    /// The logs that hold its records.
    pub logs: Vec<LogSummary>,
    /// Whether Remote Desktop works.
    pub status: Status,
    /// Why the status is what it is, in a sentence.
    pub status_reason: String,
    /// When it broke and when it worked again.
    pub outage: Option<Outage>,
    /// Clients and users that failed while others got in; those that still fail first.
    pub parties: Vec<Party>,
    /// What changed just before, nearest to the first failure first.
    pub changes: Vec<Change>,
    /// Causes, the leading one first.
    pub causes: Vec<Cause>,
    /// Causes that the logs speak against.
    pub ruled_out: Vec<RuledOut>,
    /// What these logs cannot tell, and what would.
    pub unknown: Vec<Undecided>,
    /// Remarks that are no cause: noise explained, known updates without symptoms, unreliable clocks.
    pub notes: Vec<Note>,
    /// Password guessing from outside.
    pub exposure: Option<Exposure>,
    /// Windows updates of this host, oldest first.
    pub updates: Vec<WindowsUpdate>,
    /// Connection attempts of the whole period.
    pub connections: ConnectionCounts,
    /// Connections per interval, for pictures; empty intervals are left out.
    pub intervals: Vec<Interval>,
    /// What happened around the outage, in order of time.
    pub timeline: Vec<Entry>,
    /// Damage in this host's logs.
    pub faults: Vec<Fault>,
}

/// Whether Remote Desktop works on a host at the end of its logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody gets in.
    Broken,
    /// Some get in, some do not; or it worked again within the logs.
    Degraded,
    /// The logs cannot tell.
    Unknown,
    /// It works.
    Healthy,
}

/// How bad a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nobody can connect.
    Critical,
    /// Many cannot connect or lose their sessions.
    High,
    /// Some are affected.
    Medium,
    /// A nuisance.
    Low,
    /// No fault.
    Informational,
}

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Possible.
    Low,
    /// Probable; something that would confirm it is missing.
    Medium,
    /// The records state it and nothing speaks against it.
    High,
}

/// What a fix step does to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Interrupts nothing.
    Safe,
    /// Restarts a service.
    RestartsService,
    /// Ends or disconnects sessions.
    EndsSessions,
    /// Restarts the machine.
    Reboots,
    /// Lowers protection while it is in force.
    WeakensSecurity,
    /// Not supported by Microsoft.
    Unsupported,
}

/// One log that holds records of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    /// Path or name.
    pub name: String,
    /// Channels in it, sorted.
    pub channels: Vec<String>,
    /// Records of this host in it.
    pub records: u64,
    /// Earliest record of this host in it.
    pub first_record: Option<Time>,
    /// Latest record of this host in it.
    pub last_record: Option<Time>,
}

/// When Remote Desktop broke and when it worked again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outage {
    /// The last connection that worked before.
    pub last_good: Option<Time>,
    /// The first one that failed, or the first record of the fault.
    pub first_failure: Option<Time>,
    /// The first one that worked afterwards.
    pub end: Option<Time>,
    /// Attempts that failed in between.
    pub failed_attempts: u64,
    /// Addresses that failed, sorted.
    pub addresses: Vec<String>,
    /// Users that failed, sorted.
    pub users: Vec<String>,
}

/// Who failed while others got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    /// An address, whoever came from it.
    Client,
    /// A user, from wherever.
    User,
}

/// A client or user with an outage that is not the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which of them.
    pub kind: PartyKind,
    /// Address of the client, or the user as the log has it.
    pub name: String,
    /// Users of the client, or addresses of the user, that failed, sorted.
    pub with: Vec<String>,
    /// Its outage; addresses and users are in `with`.
    pub outage: Outage,
    /// Good connections of others meanwhile.
    pub others: u64,
    /// Some of those who got in meanwhile, sorted.
    pub unaffected: Vec<String>,
}

/// Something that changed on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub time: Time,
    /// What kind: `update`, `restart`, `service`, `driver`, `policy`, `certificate`, `network`, `clock`, `rename`, …
    pub kind: String,
    /// In a sentence.
    pub text: String,
    /// KB numbers, for updates.
    pub kb: Vec<String>,
    /// The record that shows it.
    pub evidence: Evidence,
}

/// A cause found on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Name of the rule, which is its file's name.
    pub rule: String,
    /// Name of the cause.
    pub title: String,
    /// Family, a folder of `rules/causes`.
    pub family: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence about this host.
    pub summary: String,
    /// How it breaks Remote Desktop and what users see.
    pub description: String,
    /// Why it is believed, and what speaks against it, in sentences.
    pub because: Vec<String>,
    /// What logs that are missing could still change.
    pub open: Vec<Open>,
    /// The records that show it, in order of time.
    pub evidence: Vec<Evidence>,
    /// Steps, likeliest and safest first.
    pub fixes: Vec<Fix>,
    /// Rules of other causes found here that this one explains.
    pub explains: Vec<String>,
    /// The rule of the cause that explains this one.
    pub explained_by: Option<String>,
    /// Sources.
    pub references: Vec<String>,
    /// First record of the evidence.
    pub since: Option<Time>,
    /// Last record of the evidence.
    pub until: Option<Time>,
}

/// What logs that are missing could do to a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The channels, or what else is missing, sorted.
    pub needs: Vec<String>,
    /// Whether they could raise its confidence.
    pub may_raise: bool,
    /// Whether they could lower its confidence.
    pub may_lower: bool,
    /// Whether they could rule it out.
    pub may_rule_out: bool,
}

/// Records of one kind that show something, as one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Time of the first one.
    pub time: Time,
    /// Time of the last one.
    pub last_time: Time,
    /// Path or name of the log.
    pub log: String,
    /// Channel.
    pub channel: String,
    /// Provider.
    pub provider: String,
    /// Event id.
    pub event_id: u32,
    /// Record id of the first one.
    pub record_id: u64,
    /// The sentence that Event Viewer shows, with codes named.
    pub text: String,
    /// Where the sentence is from: `rendering-info`, `mta`, `user`, `catalogue` or `none`.
    pub text_source: String,
    /// How many there are.
    pub count: u64,
}

/// One step of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// An order, in words.
    pub order: String,
    /// What to paste, a command a line.
    pub run: Vec<String>,
    /// `powershell`, `cmd`, `gui` or empty.
    pub shell: String,
    /// What it does to the host.
    pub risk: Risk,
    /// How to take it back.
    pub undo: Option<String>,
    /// How to see that it worked.
    pub check: Option<String>,
}

/// A cause that the logs speak against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuledOut {
    /// Rule of the cause, or the family.
    pub rule: String,
    /// Name of the cause or family.
    pub title: String,
    /// Why.
    pub reason: String,
}

/// Something that the logs cannot tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Rules that stay open.
    pub rules: Vec<String>,
    /// What cannot be told, and why.
    pub question: String,
    /// What would decide it.
    pub needs: String,
    /// The command that exports it; empty when no export helps.
    pub export: String,
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `noise`, `update`, `clock`, `coverage`, `client-error`, …
    pub kind: String,
    /// In a sentence.
    pub text: String,
}

/// Password guessing from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Failed attempts.
    pub attempts: u64,
    /// Different addresses; a lower bound when `is_lower_bound`.
    pub addresses: usize,
    /// Whether there were more addresses than are counted one by one.
    pub is_lower_bound: bool,
    /// The busiest or first addresses, at most ten, sorted.
    pub examples: Vec<String>,
    /// In a sentence.
    pub text: String,
}

/// How an update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Installed, in force after the restart if it needs one.
    Installed,
    /// Waits for a restart.
    Pending,
    /// Failed.
    Failed,
    /// Taken back by Windows after the restart.
    RolledBack,
    /// Removed.
    Uninstalled,
    /// Known to be in force from the build alone.
    FromBuild,
}

/// One Windows update of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsUpdate {
    /// When this state was reached.
    pub time: Time,
    /// KB number, such as `KB5012345`; empty when none is known.
    pub kb: String,
    /// Title as the log has it.
    pub title: String,
    /// How it ended.
    pub state: UpdateState,
    /// Error code with its name, for failed ones.
    pub code: Option<String>,
    /// Build that it leads to, when known.
    pub build: Option<String>,
    /// First boot after it.
    pub restart: Option<Time>,
}

/// Attempts of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// All.
    pub attempts: u64,
    /// Those that reached a session.
    pub good: u64,
    /// Those of users that failed.
    pub failed: u64,
    /// Those that nobody who uses the server made: scanners, password guessing.
    pub noise: u64,
}

/// Attempts of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its beginning.
    pub start: Time,
    /// Its length in seconds.
    pub seconds: i64,
    /// Attempts in it.
    pub counts: ConnectionCounts,
}
