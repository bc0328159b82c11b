//! Sessions from logon to logoff, across disconnects and reconnects, and what they say together.
//!
//! The local session manager numbers sessions and uses a number again; a restart of the machine ends all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::facts::Facts;
use crate::evtx::{Record, Span, Time};
use crate::rule::matcher::{address_of, number_of};
use crate::scan::{HostScan, Item};

/// Sessions that must end within two seconds to have ended together.
const TOGETHER: usize = 3;
/// How long a session must be disconnected to be stale.
const STALE: Span = Span::days(3);
/// How soon after a disconnect by another connection that connection joins the session.
const TAKE_OVER: Span = Span::seconds(30);
/// How long after a logoff records of its disconnect come.
const AFTERMATH: Span = Span::minutes(2);
/// Times at which somebody was at a session that are kept one by one.
const MAX_STINTS: usize = 256;
/// Reason of a disconnect: another connection took the session (MS-RDPBCGR 2.2.5.1.1).
const TAKEN_OVER: u32 = 5;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: u32,
    /// User as the log has it.
    pub user: Option<String>,
    /// When it opened; `None` when the log begins later.
    pub logon: Option<Time>,
    /// When it ended, and how; `None` when it was there at the end of the logs.
    pub end: Option<(Time, Ending)>,
    /// When somebody was at it, in order; the first ones where there are very many.
    pub stints: Vec<Stint>,
    /// Since when nobody is at it.
    pub away_since: Option<Time>,
    /// How often another connection took it from the one before.
    pub take_overs: u64,
}

/// One time at which somebody was at a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stint {
    /// Client's address.
    pub address: Option<IpAddr>,
    /// From when.
    pub from: Time,
    /// Until when, where known.
    pub to: Option<Time>,
    /// Reason of the disconnect.
    pub reason: Option<u32>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Somebody or something logged it off.
    Logoff,
    /// The machine started again.
    Restart,
    /// Its number was given to another one.
    Unseen,
}

impl Ending {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logoff => "logoff",
            Self::Restart => "restart",
            Self::Unseen => "not in the logs",
        }
    }
}

/// All sessions of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// In order of their first records.
    pub all: Vec<Session>,
    /// The most that there were at one time, and when first.
    pub peak: Option<(usize, Time)>,
    /// Users who were let in and then had to wait for a place among the sessions (arbitration), and got none.
    pub refused: u64,
    /// The newest record of the host.
    pub last: Option<Time>,
}

impl Session {
    /// When it was first seen.
    fn first(&self) -> Option<Time> {
        self.logon.or_else(|| self.stints.first().map(|stint| stint.from)).or(self.away_since)
    }

    /// Whole days since somebody was at it, when it is stale at `last`.
    #[must_use]
    pub fn stale_days(&self, last: Time) -> Option<i64> {
        let away = self.away_since.filter(|_| self.end.is_none())?;
        (last.since(away) >= STALE).then(|| last.since(away).as_seconds() / 86_400)
    }
}

/// Rebuilds the sessions of a host.
pub(crate) fn sessions(host: &HostScan) -> Sessions {
    let mut builder = Builder::default();
    for item in &host.items {
        builder.take(item);
    }
    let mut all = builder.all;
    all.sort_by_key(|session| (session.first(), session.id));
    let peak = peak(&all);
    let refused = builder.waiting.len() as u64 + builder.refused;
    Sessions { all, peak, refused, last: host.coverage.last }
}

#[derive(Default)]
struct Builder {
    all: Vec<Session>,
    /// Sessions that are alive: number to place.
    alive: BTreeMap<u32, usize>,
    /// Logons in arbitration (LSM 41), until one of LSM 21, 25 comes or time passes: session and since when.
    waiting: BTreeMap<u32, Time>,
    refused: u64,
    /// When numbers were logged off: the disconnect is told of after the logoff.
    ended: BTreeMap<u32, Time>,
}

impl Builder {
    fn take(&mut self, item: &Item) {
        let record = &item.record;
        if record.event_id == 12 && record.provider.ends_with("Kernel-General") {
            self.restart(record.time);
        }
        if !is_lsm(record, &[21, 23, 24, 25, 40, 41]) {
            return;
        }
        let Some(id) = session_of(record).and_then(number_of) else { return };
        match record.event_id {
            21 => {
                self.close(id, record.time, Ending::Unseen);
                let at = self.open(id, Some(record.time));
                self.join(at, record);
            }
            25 => {
                let at = self.known(id);
                self.join(at, record);
            }
            24 | 40 if self.is_just_ended(id, record.time) => {}
            // The end of a connection that got no session, or of one of which nothing else is known.
            40 if !self.alive.contains_key(&id) => {
                self.refused += u64::from(self.waiting.remove(&id).is_some());
            }
            24 | 40 => {
                let at = self.known(id);
                if let Some(session) = self.all.get_mut(at) {
                    leave(session, record);
                }
            }
            23 => {
                self.known(id);
                self.close(id, record.time, Ending::Logoff);
                self.ended.insert(id, record.time);
            }
            _ => {
                self.waiting.insert(id, record.time);
            }
        }
        if matches!(record.event_id, 21 | 25) {
            // The arbitration may have had the number of a session that another one replaces.
            self.waiting.retain(|own, since| *own != id && record.time.since(*since) > TAKE_OVER);
        }
    }

    fn is_just_ended(&self, id: u32, time: Time) -> bool {
        let ended = self.ended.get(&id).filter(|_| !self.alive.contains_key(&id));
        ended.is_some_and(|ended| time.since(*ended) <= AFTERMATH)
    }

    fn restart(&mut self, time: Time) {
        let alive: Vec<u32> = self.alive.keys().copied().collect();
        alive.into_iter().for_each(|id| self.close(id, time, Ending::Restart));
        self.refused += self.waiting.len() as u64;
        self.waiting.clear();
    }

    fn close(&mut self, id: u32, time: Time, ending: Ending) {
        let Some(session) = self.alive.remove(&id).and_then(|at| self.all.get_mut(at)) else { return };
        session.end = Some((time, ending));
        if let Some(last) = session.stints.last_mut() {
            last.to.get_or_insert(time);
        }
    }

    fn open(&mut self, id: u32, logon: Option<Time>) -> usize {
        let at = self.all.len();
        self.all.push(Session {
            id,
            user: None,
            logon,
            end: None,
            stints: Vec::new(),
            away_since: None,
            take_overs: 0,
        });
        self.alive.insert(id, at);
        at
    }

    /// The session that is alive under a number, or one that opened before the log begins.
    fn known(&mut self, id: u32) -> usize {
        match self.alive.get(&id) {
            Some(at) => *at,
            None => self.open(id, None),
        }
    }

    fn join(&mut self, at: usize, record: &Record) {
        let Some(session) = self.all.get_mut(at) else { return };
        if let Some(user) = record.field("User").filter(|user| !user.is_empty()) {
            session.user = Some(user.to_owned());
        }
        let was_taken = session.stints.last().is_some_and(|stint| {
            stint.reason == Some(TAKEN_OVER) && stint.to.is_some_and(|to| record.time.since(to) <= TAKE_OVER)
        });
        session.take_overs += u64::from(was_taken);
        session.away_since = None;
        if session.stints.len() < MAX_STINTS {
            let address = record.field("Address").and_then(address_of);
            session.stints.push(Stint { address, from: record.time, to: None, reason: None });
        }
    }
}

/// Somebody leaves a session; LSM 24 and 40 tell of the same, in either order.
fn leave(session: &mut Session, record: &Record) {
    if record.event_id == 24 {
        session.away_since = Some(record.time);
        if let Some(user) = record.field("User").filter(|user| !user.is_empty()) {
            session.user.get_or_insert_with(|| user.to_owned());
        }
    }
    if let Some(last) = session.stints.last_mut() {
        last.to.get_or_insert(record.time);
        if record.event_id == 40 {
            last.reason = record.field("Reason").and_then(number_of).or(last.reason);
        }
    }
}

/// The most sessions at one time.
fn peak(all: &[Session]) -> Option<(usize, Time)> {
    let mut steps: Vec<(Time, bool)> = Vec::new();
    for session in all {
        let Some(first) = session.first() else { continue };
        steps.push((first, true));
        steps.extend(session.end.map(|(end, _)| (end, false)));
    }
    // At one moment an end comes before a beginning.
    steps.sort_unstable();
    let mut count = 0_usize;
    let mut peak: Option<(usize, Time)> = None;
    for (time, is_begin) in steps {
        count = if is_begin { count + 1 } else { count.saturating_sub(1) };
        if peak.is_none_or(|(most, _)| count > most) {
            peak = Some((count, time));
        }
    }
    peak
}

fn session_of(record: &Record) -> Option<&str> {
    record.field("SessionID").or_else(|| record.field("Session"))
}

fn is_lsm(record: &Record, ids: &[u32]) -> bool {
    ids.contains(&record.event_id) && record.provider.ends_with("TerminalServices-LocalSessionManager")
}

/// Facts: sessions that ended together, and stale ones.
pub(super) fn facts(host: &HostScan, end: Time, facts: &mut Facts<'_>) {
    dropped_together(host, facts);
    let mut stale: Vec<(u32, Time, String, i64)> = Vec::new();
    for session in sessions(host).all {
        if let (Some(days), Some(away)) = (session.stale_days(end), session.away_since) {
            stale.push((session.id, away, session.user.unwrap_or_default(), days));
        }
    }
    stale.sort();
    for (id, away, user, days) in stale {
        let left = ends(host).filter(|(_, time, own)| *time == away && *own == id).map(|(at, _, _)| at);
        let fields = [("Session", id.to_string()), ("User", user), ("Days", days.to_string())];
        facts.add("stale_session", away, &fields, left);
    }
}

/// Records of sessions that somebody left: number in the host's list, time and session.
fn ends(host: &HostScan) -> impl Iterator<Item = (usize, Time, u32)> {
    let left = |(at, item): (usize, &Item)| {
        let record = &item.record;
        let session = session_of(record).and_then(number_of).filter(|_| is_lsm(record, &[24, 40]));
        session.map(|session| (at, record.time, session))
    };
    host.items.iter().enumerate().filter_map(left)
}

/// Many sessions that end within two seconds have one cause on the server.
fn dropped_together(host: &HostScan, facts: &mut Facts<'_>) {
    let ends: Vec<(usize, Time, u32)> = ends(host).collect();
    let mut at = 0;
    while let Some((_, start, _)) = ends.get(at) {
        let together =
            || ends.iter().skip(at).take_while(|(_, time, _)| time.since(*start) <= Span::seconds(2));
        let sessions: BTreeSet<u32> = together().map(|(_, _, id)| *id).collect();
        let count = together().count();
        if sessions.len() >= TOGETHER {
            let fields = [("Sessions", sessions.len().to_string())];
            facts.add("drop_together", *start, &fields, together().map(|(number, _, _)| *number));
        }
        at += if sessions.len() >= TOGETHER { count } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, sessions};
    use crate::diagnose::facts;
    use crate::evtx::{Field, Record, Span, Time};
    use crate::scan::{HostScan, Item};

    /// A time that a clock may show.
    const START: Time = Time(17_672_256_000_000_000);

    /// A host with LSM records: minute, event id, session, reason.
    fn host(lines: &[(i64, u32, u32, u32)]) -> HostScan {
        let mut host = HostScan::default();
        for (minute, event_id, session, reason) in lines {
            let mut record: Record = facts::fact("", START.plus(Span::minutes(*minute)), "SRV", &[]);
            record.provider = "Microsoft-Windows-TerminalServices-LocalSessionManager".into();
            record.event_id = *event_id;
            let field = |name: &str, value: String| Field { name: Some(name.into()), value: value.into() };
            record.fields = vec![
                field("SessionID", session.to_string()),
                field("User", "CORP\\a".to_owned()),
                field("Address", "10.0.0.1".to_owned()),
                field("Reason", reason.to_string()),
            ];
            host.coverage.see(&record);
            host.items.push(Item { record, atoms: Vec::new(), weight: 1 });
        }
        host
    }

    #[test]
    fn session_lives_across_disconnects() {
        let found =
            sessions(&host(&[(0, 21, 2, 0), (9, 24, 2, 0), (30, 25, 2, 0), (60, 23, 2, 0), (60, 24, 2, 0)]));
        assert_eq!(found.all.len(), 1);
        let session = &found.all[0];
        assert_eq!((session.stints.len(), session.end.map(|(_, ending)| ending)), (2, Some(Ending::Logoff)));
        assert_eq!(found.peak, Some((1, START)));
    }

    #[test]
    fn connection_that_takes_a_session_over_is_counted() {
        let found = sessions(&host(&[(0, 21, 2, 0), (9, 40, 2, 5), (9, 25, 2, 0)]));
        assert_eq!((found.all[0].take_overs, found.all[0].away_since), (1, None));
    }

    #[test]
    fn session_that_nobody_comes_back_to_is_stale() {
        let days = 24 * 60;
        let found = sessions(&host(&[(0, 21, 2, 0), (5, 24, 2, 0), (0, 21, 3, 0), (4 * days, 21, 4, 0)]));
        let stale: Vec<_> = found.all.iter().map(|session| session.stale_days(found.last.unwrap())).collect();
        assert_eq!(stale, [Some(3), None, None]);
        assert_eq!(found.peak.map(|(most, _)| most), Some(3));
    }

    #[test]
    fn logon_that_waits_for_a_place_and_gets_none_is_counted() {
        let found = sessions(&host(&[(0, 41, 2, 0), (0, 21, 2, 0), (5, 41, 3, 0)]));
        assert_eq!((found.refused, found.all.len()), (1, 1));
    }
}
