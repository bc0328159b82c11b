//! One attempt to connect: how far it got, how it ended, and which records show it.
//!
//! How attempts are put together from records is in `connections`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::evtx::Time;

/// The step of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// A packet reached the machine.
    Network,
    /// The listener took it.
    Listener,
    /// TLS was agreed on.
    Security,
    /// Credentials were accepted.
    Authentication,
    /// A licence was asked for, and refused: where it is given, no record says so.
    Licence,
    /// A session was looked for.
    Logon,
    /// A session was opened or joined.
    Session,
    /// The desktop came up.
    Desktop,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Listener => "listener",
            Self::Security => "security",
            Self::Authentication => "authentication",
            Self::Licence => "licence",
            Self::Logon => "logon",
            Self::Session => "session",
            Self::Desktop => "desktop",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It reached a session.
    Good,
    /// Somebody who uses the server did not get in.
    Failed,
    /// Nobody who uses the server made it.
    Noise,
    /// The log that would tell is missing.
    Unknown,
}

impl Fate {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failed => "failed",
            Self::Noise => "noise",
            Self::Unknown => "unknown",
        }
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// First record.
    pub start: Time,
    /// Last record, the end of the session included.
    pub end: Time,
    /// Client's address without port.
    pub address: Option<IpAddr>,
    /// User as the log has it, `DOMAIN\user` where known.
    pub user: Option<String>,
    /// Session id.
    pub session: Option<u32>,
    /// The furthest step that it reached.
    pub stage: Stage,
    /// How it ended.
    pub fate: Fate,
    /// Code that the end was logged with: table and value.
    pub code: Option<(&'static str, u32)>,
    /// When its session was left; `None` when it got none, or somebody was at it at the end of the logs.
    pub left: Option<Time>,
    /// Who or what closed it, in words.
    pub closed_by: Option<String>,
    /// How many attempts this one stands for: floods are thinned.
    pub weight: u64,
    pub(super) activity: Option<Box<str>>,
    pub(super) has_listener: bool,
    pub(super) is_refused: bool,
    /// The security log says that the logon was granted.
    pub(super) is_granted: bool,
    /// The record that opened it, by its number in the host's list.
    opened: usize,
    /// The one that shows how far it got.
    furthest: usize,
    /// The one that shows how it ended.
    ended: usize,
}

impl Attempt {
    /// An attempt that the record with number `at` opens.
    pub(super) const fn new(start: Time, weight: u64, at: usize) -> Self {
        Self {
            start,
            end: start,
            address: None,
            user: None,
            session: None,
            stage: Stage::Network,
            fate: Fate::Noise,
            code: None,
            left: None,
            closed_by: None,
            weight,
            activity: None,
            has_listener: false,
            is_refused: false,
            is_granted: false,
            opened: at,
            furthest: at,
            ended: at,
        }
    }

    /// A record shows that it got to a step.
    pub(super) fn reach(&mut self, stage: Stage, time: Time, at: usize) {
        if stage > self.stage {
            self.stage = stage;
            self.furthest = at;
        }
        self.end = self.end.max(time);
    }

    /// A record shows how it ended.
    pub(super) fn ends(&mut self, time: Time, at: usize) {
        self.end = self.end.max(time);
        self.ended = at;
    }

    /// The numbers of the records that show it, in order.
    pub(super) fn records(&self) -> BTreeSet<usize> {
        BTreeSet::from([self.opened, self.furthest, self.ended])
    }

    /// How it ended: `is_own` when it came from where users of the server are, `is_told` when the logs would show how
    /// it went on.
    pub(super) fn settle(&mut self, is_own: bool, is_told: bool) {
        let is_ours = is_own || self.stage >= Stage::Authentication;
        self.fate = match () {
            () if self.stage >= Stage::Session || (self.is_granted && !is_told) => Fate::Good,
            () if !is_told && is_ours => Fate::Unknown,
            () if is_ours => Fate::Failed,
            () => Fate::Noise,
        };
    }
}

/// Who closes a connection with a code (MS-RDPBCGR 2.2.5.1.1; Win32 codes of a path that broke).
pub(super) const fn closer((table, code): (&'static str, u32)) -> Option<&'static str> {
    // Codes of the other tables name no side.
    if !matches!(table.as_bytes(), b"rdp-disconnect") {
        return None;
    }
    Some(match code {
        1 | 2 => "an administrator or a tool",
        3 | 4 => "a time limit",
        5 => "another connection",
        7..=10 => "the server",
        11 | 12 => "the user",
        0x100..=0x10B => "licensing",
        0x8007_0040 | 0x8007_0079 => "the network",
        _ => return None,
    })
}

/// Whether an address belongs to a private network.
pub(crate) fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
