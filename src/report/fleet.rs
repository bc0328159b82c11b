//! What only shows over many hosts.

use serde::{Deserialize, Serialize};

use super::{Confidence, Status};
use crate::evtx::Time;

/// Groups of hosts and what separates the broken from the working ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// One line per host, worst first.
    pub lines: Vec<HostLine>,
    /// Hosts that share a leading cause, largest first.
    pub groups: Vec<Group>,
    /// Changes that broken hosts have and working ones have not, strongest first.
    pub associations: Vec<Association>,
}

/// One host in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct HostLine {
    /// Name.
    pub host: String,
    /// Whether it works.
    pub status: Status,
    /// First failure.
    pub since: Option<Time>,
    /// Rule of the leading cause.
    pub rule: Option<String>,
    /// Title of the leading cause.
    pub title: Option<String>,
    /// Confidence of the leading cause.
    pub confidence: Option<Confidence>,
    /// The nearest change before the first failure.
    pub change: Option<String>,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Why it could not be judged, for unknown hosts.
    pub reason: String,
}

/// Hosts that share a leading cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Rule of the cause.
    pub rule: String,
    /// Title of the cause.
    pub title: String,
    /// Family of the cause.
    pub family: String,
    /// Hosts, sorted.
    pub hosts: Vec<String>,
    /// Earliest first failure.
    pub first_failure: Option<Time>,
    /// The kinds of records that all or most of them share, as `provider event_id (n hosts)`.
    pub shared_evidence: Vec<String>,
    /// The fix steps that hold for all.
    pub fixes: Vec<super::Fix>,
}

/// A property of hosts that goes with being broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// `update`, `build`, `restart`, `policy`, `driver`, `service`, `certificate`, `agent`.
    pub kind: String,
    /// Such as `KB5012345`.
    pub property: String,
    /// Broken hosts that have it.
    pub broken_with: u64,
    /// Working hosts that have it.
    pub working_with: u64,
    /// Broken hosts that do not.
    pub broken_without: u64,
    /// Working hosts that do not.
    pub working_without: u64,
    /// How many times likelier hosts with it are to be broken; `None` when no host without it is broken.
    pub risk_ratio: Option<f64>,
    /// Lower and upper end of the ratio's 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Fisher's exact test, two-sided.
    pub p_value: f64,
    /// The same, corrected for the number of properties tried.
    pub corrected: f64,
    /// In words.
    pub text: String,
}
