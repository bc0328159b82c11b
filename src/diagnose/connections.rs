//! Every attempt to connect, rebuilt from the records of four writers that share seconds but no order.
//!
//! RdpCoreTS 131 or RemoteConnectionManager 261 opens an attempt; what follows is attached by activity id, address,
//! session and time, and says how far it got. An attempt that reached a session is good. One that did not is a
//! failure when somebody made it who uses the server: from an address that got in before, or from inside.
//! Everything else that fails early is noise: scanners and password guessing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::attempt::{Attempt, Stage, closer, is_inside};
use crate::evtx::{Record, Span, Time};
use crate::rule::matcher::{address_of, number_of};
use crate::scan::{Coverage, Covered, Item};

/// How long records of one attempt may be apart while it is being set up.
const SETUP: Span = Span::seconds(90);
/// How long records of different writers about one packet may be apart.
const TOGETHER: Span = Span::seconds(3);
/// Attempts that are kept open while others come.
const MAX_OPEN: usize = 256;

/// RemoteConnectionManager refuses a client for its licence, or cannot give it one; the same in newer logs, whose ids
/// carry the qualifiers.
const NO_LICENCE: [u32; 8] = [1003, 1004, 1011, 1028, 50155, 50156, 50163, 50180];
/// Reasons of a disconnect at the licensing step (MS-RDPBCGR 2.2.5.1.1).
const LICENSING: std::ops::RangeInclusive<u32> = 0x100..=0x10B;

/// Channels that say whether an attempt went on.
const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";

/// Rebuilds the attempts from a host's records.
pub(crate) fn attempts(items: &[Item], coverage: &Coverage) -> Vec<Attempt> {
    let mut builder = Builder::default();
    for (at, item) in items.iter().enumerate() {
        builder.number = at;
        builder.take(&item.record, item.weight);
    }
    builder.finish(coverage)
}

#[derive(Default)]
struct Builder {
    all: Vec<Attempt>,
    /// Indices of attempts that records may still join, oldest first.
    open: Vec<usize>,
    /// Sessions that are alive: id to attempt.
    sessions: BTreeMap<u32, usize>,
    by_activity: FxHashMap<Box<str>, usize>,
    /// The number of the record that is looked at.
    number: usize,
}

impl Builder {
    fn take(&mut self, record: &Record, weight: u64) {
        let provider = record.provider.to_ascii_lowercase();
        let name = provider.rsplit('-').next().unwrap_or_default();
        match (name, record.event_id) {
            ("rdpcorets", _) => self.core(record, weight),
            ("remoteconnectionmanager", 261) => self.listener(record, weight),
            ("remoteconnectionmanager", 1149) => self.authenticated(record, weight),
            ("remoteconnectionmanager" | "termservice", id) if NO_LICENCE.contains(&id) => {
                self.no_licence(record);
            }
            ("localsessionmanager", _) => self.session(record),
            ("auditing", 4624) => self.granted(record),
            ("auditing", 4625) => self.refused(record),
            _ => {}
        }
    }

    fn core(&mut self, record: &Record, weight: u64) {
        let number = self.number;
        match record.event_id {
            131 => {
                let address = record.field("ClientIP").or_else(|| record.insert(2)).and_then(address_of);
                let is_udp = record.field("ConnType").is_some_and(|kind| kind.eq_ignore_ascii_case("UDP"));
                if is_udp {
                    return;
                }
                let fits = |attempt: &Attempt| attempt.address.is_none() && attempt.activity.is_none();
                let at = self.same(record).or_else(|| self.find(record.time, TOGETHER, fits));
                let at = at.unwrap_or_else(|| self.start(record.time, weight));
                if let Some(attempt) = self.all.get_mut(at) {
                    attempt.address = address;
                    attempt.activity.clone_from(&record.activity_id);
                }
                if let Some(id) = &record.activity_id {
                    self.by_activity.insert(id.clone(), at);
                }
            }
            139 | 140 => {
                let address = record.field("IPString").and_then(address_of);
                let at = self.of(record, address).unwrap_or_else(|| self.start(record.time, weight));
                if let Some(attempt) = self.all.get_mut(at) {
                    attempt.is_refused = true;
                    attempt.address = attempt.address.or(address);
                    attempt.reach(Stage::Listener, record.time, number);
                    attempt.ends(record.time, number);
                    attempt.closed_by = Some("the server refused it".to_owned());
                }
            }
            65 | 97 | 98 | 153 | 100 | 33 | 104 => {
                if let Some(attempt) = self.of(record, None).and_then(|at| self.all.get_mut(at)) {
                    let stage = if record.event_id == 153 { Stage::Security } else { Stage::Listener };
                    attempt.reach(stage, record.time, number);
                }
            }
            102 | 103 | 142 | 143 => self.core_close(record),
            _ => {}
        }
    }

    fn core_close(&mut self, record: &Record) {
        let number = self.number;
        let Some(attempt) = self.of(record, None).and_then(|at| self.all.get_mut(at)) else { return };
        attempt.ends(record.time, number);
        let code = record.field("ReasonCode").and_then(number_of);
        if let Some(code) = code {
            attempt.code = attempt.code.or(Some(("rdpcorets", code)));
        }
    }

    fn listener(&mut self, record: &Record, weight: u64) {
        if record.field("listenerName").is_some_and(|name| !name.eq_ignore_ascii_case("RDP-Tcp")) {
            return;
        }
        let fits = |attempt: &Attempt| !attempt.has_listener;
        let at = self.same(record).or_else(|| self.find(record.time, TOGETHER, fits));
        let at = at.unwrap_or_else(|| self.start(record.time, weight));
        let number = self.number;
        if let Some(attempt) = self.all.get_mut(at) {
            attempt.has_listener = true;
            attempt.reach(Stage::Listener, record.time, number);
        }
    }

    fn authenticated(&mut self, record: &Record, weight: u64) {
        let address = record.field("Param3").or_else(|| record.insert(3)).and_then(address_of);
        let user = joined_name(
            record.field("Param2").or_else(|| record.insert(2)),
            record.field("Param1").or_else(|| record.insert(1)),
        );
        let fits = |attempt: &Attempt| {
            attempt.stage < Stage::Authentication && (attempt.address == address || attempt.address.is_none())
        };
        let at = self.same(record).or_else(|| self.find(record.time, SETUP, fits));
        let at = at.unwrap_or_else(|| self.start(record.time, weight));
        let number = self.number;
        if let Some(attempt) = self.all.get_mut(at) {
            attempt.reach(Stage::Authentication, record.time, number);
            attempt.address = attempt.address.or(address);
            attempt.user = attempt.user.take().or(user);
        }
    }

    fn session(&mut self, record: &Record) {
        let id = record
            .field("SessionID")
            .or_else(|| record.field("Session"))
            .or_else(|| record.field("TargetSession"));
        let id = id.and_then(number_of);
        let number = self.number;
        match record.event_id {
            21 | 25 => self.logon(record, id),
            41 => {
                let fits = |attempt: &Attempt| (Stage::Authentication..Stage::Logon).contains(&attempt.stage);
                let found = self.same(record).or_else(|| self.find(record.time, SETUP, fits));
                if let Some(attempt) = found.and_then(|at| self.all.get_mut(at)) {
                    attempt.reach(Stage::Logon, record.time, number);
                    attempt.session = id;
                }
            }
            22 => {
                if let Some(attempt) = self.alive(id) {
                    attempt.reach(Stage::Desktop, record.time, number);
                }
            }
            23 | 24 | 39 | 40 => self.session_end(record, id),
            _ => {}
        }
    }

    fn logon(&mut self, record: &Record, id: Option<u32>) {
        let address = record.field("Address").and_then(address_of);
        let Some(address) = address else { return };
        let user = record.field("User").map(str::to_owned);
        let fits = |attempt: &Attempt| {
            attempt.stage < Stage::Session
                && !attempt.is_refused
                && (attempt.address == Some(address) || attempt.address.is_none())
        };
        let same = |attempt: &Attempt| fits(attempt) && attempt.stage >= Stage::Authentication;
        let at = self
            .same(record)
            .or_else(|| self.find(record.time, SETUP, same))
            .or_else(|| self.find(record.time, SETUP, fits))
            .unwrap_or_else(|| self.start(record.time, 1));
        let number = self.number;
        if let Some(attempt) = self.all.get_mut(at) {
            attempt.reach(Stage::Session, record.time, number);
            attempt.address = Some(address);
            attempt.user = user.or(attempt.user.take());
            attempt.session = id;
        }
        if let Some(id) = id {
            self.sessions.insert(id, at);
        }
    }

    fn session_end(&mut self, record: &Record, id: Option<u32>) {
        let reason = record.field("Reason").or_else(|| record.field("Source")).and_then(number_of);
        let number = self.number;
        let Some(attempt) = self.alive_or_waiting(record, id) else { return };
        attempt.ends(record.time, number);
        if record.event_id != 39 && attempt.stage >= Stage::Session {
            attempt.left.get_or_insert(record.time);
        }
        match (record.event_id, reason) {
            (40, Some(reason)) => {
                attempt.code = Some(("rdp-disconnect", reason));
                if LICENSING.contains(&reason) && attempt.stage < Stage::Session {
                    attempt.stage = Stage::Licence;
                }
            }
            (23, _) => attempt.closed_by = Some("logoff".to_owned()),
            (39, _) => attempt.closed_by = Some("another session".to_owned()),
            _ => {}
        }
        if record.event_id == 23
            && let Some(id) = id
        {
            self.sessions.remove(&id);
        }
    }

    /// The attempt whose session it is, or that waits for a session of this number.
    fn alive_or_waiting(&mut self, record: &Record, id: Option<u32>) -> Option<&mut Attempt> {
        let waits = |attempt: &Attempt| attempt.session == id && attempt.stage < Stage::Session;
        let waiting = || self.find(record.time, SETUP, waits).filter(|_| id.is_some());
        let at = waiting().or_else(|| self.sessions.get(&id?).copied())?;
        self.all.get_mut(at)
    }

    /// A client whose credentials were accepted gets no licence.
    fn no_licence(&mut self, record: &Record) {
        let number = self.number;
        let fits = |attempt: &Attempt| (Stage::Authentication..Stage::Session).contains(&attempt.stage);
        let found = self.same(record).or_else(|| self.find(record.time, SETUP, fits));
        let found = found.and_then(|at| self.all.get_mut(at)).filter(|attempt| fits(attempt));
        if let Some(attempt) = found {
            attempt.stage = Stage::Licence;
            attempt.ends(record.time, number);
            attempt.closed_by = Some("licensing".to_owned());
        }
    }

    /// The security log tells of a remote logon: it names the user, and stands for the session where no other log does.
    fn granted(&mut self, record: &Record) {
        let Some(address) = record.field("IpAddress").and_then(address_of) else { return };
        if !matches!(record.field("LogonType"), Some("7" | "10")) {
            return;
        }
        let user = joined_name(record.field("TargetDomainName"), record.field("TargetUserName"));
        let number = self.number;
        let is_same = |attempt: &Attempt| attempt.address == Some(address) && !attempt.is_refused;
        // Windows writes one for each of the two tokens of an administrator.
        let at = self.find(record.time, SETUP, is_same).unwrap_or_else(|| self.start(record.time, 1));
        if let Some(attempt) = self.all.get_mut(at) {
            attempt.is_granted = true;
            attempt.address = Some(address);
            attempt.user = attempt.user.take().or(user);
            attempt.reach(Stage::Logon, record.time, number);
        }
    }

    fn refused(&mut self, record: &Record) {
        let address = record.field("IpAddress").and_then(address_of);
        let kind = record.field("LogonType").unwrap_or_default();
        if address.is_none() || !matches!(kind, "3" | "10" | "7") {
            return;
        }
        let status = record.field("SubStatus").and_then(number_of).filter(|code| *code != 0);
        let status = status.or_else(|| record.field("Status").and_then(number_of));
        let user = joined_name(record.field("TargetDomainName"), record.field("TargetUserName"));
        let number = self.number;
        let found = self
            .find(record.time, SETUP, |attempt| attempt.address == address && attempt.stage < Stage::Session);
        if let Some(attempt) = found.and_then(|at| self.all.get_mut(at)) {
            attempt.is_refused = true;
            attempt.ends(record.time, number);
            attempt.code = status.map(|code| ("ntstatus", code));
            attempt.user = attempt.user.take().or(user);
            attempt.closed_by = Some("the logon was refused".to_owned());
        }
    }

    fn alive(&mut self, id: Option<u32>) -> Option<&mut Attempt> {
        let at = *self.sessions.get(&id?)?;
        self.all.get_mut(at)
    }

    fn start(&mut self, time: Time, weight: u64) -> usize {
        self.open.retain(|at| self.all.get(*at).is_some_and(|attempt| time.since(attempt.start) <= SETUP));
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        let at = self.all.len();
        self.all.push(Attempt::new(time, weight, self.number));
        self.open.push(at);
        at
    }

    /// The newest open attempt that fits and began at most `span` ago.
    fn find(&self, time: Time, span: Span, fits: impl Fn(&Attempt) -> bool) -> Option<usize> {
        self.open.iter().rev().copied().find(|at| {
            self.all.get(*at).is_some_and(|attempt| time.since(attempt.start) <= span && fits(attempt))
        })
    }

    /// The attempt with the record's activity id.
    fn same(&self, record: &Record) -> Option<usize> {
        self.by_activity.get(record.activity_id.as_deref()?).copied()
    }

    /// The attempt that a record of RdpCoreTS belongs to: by activity id, address, or the same second.
    fn of(&self, record: &Record, address: Option<IpAddr>) -> Option<usize> {
        let by_address = || {
            let address = address?;
            self.find(record.time, SETUP, |attempt| attempt.address == Some(address))
        };
        let by_time =
            || record.activity_id.is_none().then(|| self.find(record.time, TOGETHER, |_| true)).flatten();
        self.same(record).or_else(by_address).or_else(by_time)
    }

    fn finish(self, coverage: &Coverage) -> Vec<Attempt> {
        let mut all = self.all;
        let known: BTreeSet<IpAddr> = all
            .iter()
            .filter(|attempt| attempt.stage >= Stage::Session)
            .filter_map(|attempt| attempt.address)
            .collect();
        for attempt in &mut all {
            if attempt.closed_by.is_none() {
                attempt.closed_by = attempt.code.and_then(closer).map(str::to_owned);
            }
            let is_own =
                attempt.address.is_some_and(|address| known.contains(&address) || is_inside(address));
            // Without the log that a further step would stand in, not having got there means nothing.
            let next = if attempt.stage < Stage::Authentication { RCM } else { LSM };
            let is_told = attempt.is_refused || coverage.reaches(next, attempt.start) == Covered::Yes;
            attempt.settle(is_own, is_told);
        }
        all
    }
}

fn joined_name(domain: Option<&str>, user: Option<&str>) -> Option<String> {
    let user = user.filter(|user| !user.is_empty() && *user != "-")?;
    Some(match domain.filter(|domain| !domain.is_empty() && *domain != "-") {
        Some(domain) => format!("{domain}\\{user}"),
        None => user.to_owned(),
    })
}
