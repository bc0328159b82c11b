//! One line of a host's life.

use crate::evtx::Time;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Something changed.
    Change,
    /// A service or the listener changed its state.
    Service,
    /// Connections of an interval.
    Connections,
    /// A rule matched.
    Match,
    /// The outage began or ended.
    Outage,
}

/// One line of a host's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Time,
    /// What it is about.
    pub kind: EntryKind,
    /// In a sentence.
    pub text: String,
    /// Good connections, for [`EntryKind::Connections`].
    pub good: u64,
    /// Failed connections, for [`EntryKind::Connections`].
    pub failed: u64,
    /// Log, provider, event and record that show it: `System · Service Control Manager 7034 · record 812`.
    pub source: String,
}
