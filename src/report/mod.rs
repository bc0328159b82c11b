//! The one value that a renderer may know: what a run found, ordered and complete.
//!
//! Everything is sorted and counted before it arrives here. Times are [`Time`], in UTC; text from records is
//! unescaped, so every renderer must escape it.

mod fleet;
mod host;
mod timeline;

pub use fleet::{Association, Fleet, Group, HostLine};
pub use host::{
    Cause, Change, Confidence, ConnectionCounts, Evidence, Exposure, Fix, Host, Interval, LogSummary, Note,
    Open, Outage, Party, PartyKind, Risk, RuledOut, Severity, Status, Undecided, UpdateState, WindowsUpdate,
};
pub use timeline::{Entry, EntryKind};

use crate::evtx::{Fault, Time};

/// Everything that a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Version of the program, such as `0.1.0`.
    pub version: String,
    /// Hosts, worst first.
    pub hosts: Vec<Host>,
    /// Damage in logs that belong to no host, by log and offset.
    pub faults: Vec<Fault>,
    /// Counts over the whole run.
    pub summary: Summary,
    /// What only shows over many hosts.
    pub fleet: Fleet,
    /// Whether the run was stopped or could not read an input, so that hosts may be missing.
    pub is_partial: bool,
    /// Clients' codes that the user gave with `--client-error`, decoded.
    pub client_errors: Vec<Note>,
}

/// Counts over the whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Hosts seen.
    pub hosts: usize,
    /// Hosts whose Remote Desktop is down at the end of their logs.
    pub broken: usize,
    /// Hosts where some connections fail.
    pub degraded: usize,
    /// Hosts that work.
    pub healthy: usize,
    /// Hosts that the logs cannot judge.
    pub unknown: usize,
    /// Logs read.
    pub logs: usize,
    /// Logs that had the same content as another one.
    pub duplicate_logs: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Records known to be lost to damage.
    pub lost_records: u64,
    /// Records recovered from damaged, cut or unallocated parts.
    pub recovered_records: u64,
    /// Earliest record.
    pub first_record: Option<Time>,
    /// Latest record.
    pub last_record: Option<Time>,
}
