//! One machine of a scenario: its name, build, processes and sessions, and the records it has written so far.

use std::collections::BTreeMap;

use rdpwhy::evtx::{Span, Time};

use super::catalogue::Known;
use super::evtx_writer::{Record, Rendering, System};
use super::random::Random;

/// A session that is open or disconnected.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) id: u32,
    pub(crate) address: String,
    pub(crate) activity: String,
}

/// A machine while its story is told.
#[derive(Debug)]
pub(crate) struct Host {
    /// Full computer name, as in `System/Computer`.
    pub(crate) name: String,
    /// NetBIOS name of the domain.
    pub(crate) domain: String,
    /// Build and revision of the running kernel.
    pub(crate) build: (u32, u32),
    /// Whether the session host role is installed; without it two administrators may connect.
    pub(crate) has_role: bool,
    pub(crate) random: Random,
    pub(crate) sessions: Vec<Session>,
    pub(crate) booted: Time,
    processes: BTreeMap<String, u32>,
    written: Vec<(Time, Record)>,
    last_session: u32,
    last_connection: u32,
}

impl Host {
    pub(crate) fn new(name: &str, domain: &str, build: (u32, u32), start: Time) -> Self {
        let mut host = Self {
            name: name.into(),
            domain: domain.into(),
            build,
            has_role: false,
            random: Random::named(name),
            sessions: Vec::new(),
            booted: start,
            processes: BTreeMap::new(),
            written: Vec::new(),
            last_session: 1,
            last_connection: 0,
        };
        host.restart_processes();
        host
    }

    /// The name without its domain.
    pub(crate) fn short_name(&self) -> String {
        self.name.split('.').next().unwrap_or_default().to_uppercase()
    }

    /// Writes a record of an event of the catalogue, with its values in order.
    pub(crate) fn write(&mut self, at: Time, event: (&str, u16), values: &[&str]) -> &mut Record {
        let known = Known::find(event.0, event.1, None)
            .unwrap_or_else(|| panic!("{event:?} is not in the catalogue"));
        self.write_known(at, event, known, values)
    }

    /// Writes a record whose place in the log is that of `order`: what the kernel noted before the log service
    /// ran comes after the service's own first records.
    pub(crate) fn write_late(&mut self, at: Time, order: Time, event: (&str, u16), values: &[&str]) {
        self.write(at, event, values);
        if let Some(last) = self.written.last_mut() {
            last.0 = order;
        }
    }

    /// Writes a record of an event that was looked up before.
    pub(crate) fn write_known(
        &mut self,
        at: Time,
        event: (&str, u16),
        known: Known,
        values: &[&str],
    ) -> &mut Record {
        let number = |key: &str| known.number(key, 0);
        let text = |key: &str| known.text(key).map(str::to_owned);
        let qualifiers = known.text("qualifiers").map(|text| text.parse().expect("16 bits"));
        let guid = text("guid");
        let is_terse = qualifiers.is_some() && guid.is_none() && self.build.0 < 20_348;
        let process_id = self.process(known.text("process").unwrap_or("svchost"));
        let thread_id = if process_id == 0 { 0 } else { self.random.id() };
        let system = System {
            provider: event.0.into(),
            guid,
            event_source: text("source"),
            event_id: event.1,
            qualifiers,
            version: u8::try_from(number("version")).expect("a byte"),
            level: u8::try_from(known.number("level", 4)).expect("a byte"),
            task: u16::try_from(number("task")).expect("16 bits"),
            opcode: u8::try_from(number("opcode")).expect("a byte"),
            keywords: number("keywords"),
            time: at,
            record_id: 0,
            activity: None,
            process_id,
            thread_id,
            channel: text("log").expect("every provider has a log"),
            computer: self.name.clone(),
            user: text("user"),
            is_terse,
        };
        let rendering = Some(Rendering { culture: "en-US".into(), message: known.message(values) });
        let record = Record { system, data: known.data(values, None), rendering };
        self.push(record)
    }

    fn push(&mut self, record: Record) -> &mut Record {
        self.written.push((record.system.time, record));
        let last = self.written.last_mut().expect("just pushed");
        &mut last.1
    }

    /// All records in the order of the log.
    pub(crate) fn into_records(self) -> Vec<Record> {
        let mut written = self.written;
        written.sort_by_key(|(order, _)| *order);
        written.into_iter().map(|(_, record)| record).collect()
    }

    /// The id of a process by what it is in the catalogue.
    pub(crate) fn process(&mut self, what: &str) -> u32 {
        match what {
            "none" => 0,
            "kernel" => 4,
            _ => {
                let fresh = self.random.id();
                *self.processes.entry(what.to_owned()).or_insert(fresh)
            }
        }
    }

    /// Gives every process another id, as a boot does.
    pub(crate) fn restart_processes(&mut self) {
        self.processes.clear();
        for what in ["services", "lsass", "lsm", "termservice", "winlogon", "wininit", "svchost"] {
            self.process(what);
        }
    }

    /// Gives the process of Remote Desktop Services another id, as a crash or a restart of it does.
    pub(crate) fn restart_service(&mut self) {
        self.processes.remove("termservice");
        self.process("termservice");
    }

    pub(crate) fn next_session(&mut self) -> u32 {
        self.last_session += 1;
        self.last_session
    }

    pub(crate) fn next_connection(&mut self) -> u32 {
        self.last_connection += 1;
        self.last_connection - 1
    }

    /// An activity id as Remote Desktop makes them for a connection.
    pub(crate) fn next_activity(&mut self) -> String {
        let guid = self.random.guid();
        let rest: String = guid.chars().skip(5).collect();
        format!("{{f420{rest}")
    }

    /// The SID of a domain account: the same for the same name.
    pub(crate) fn sid(&self, user: &str) -> String {
        let account = user.rsplit('\\').next().unwrap_or_default().to_lowercase();
        let mut domain = Random::named(&self.domain);
        let mut number = || domain.between(100_000_000, 4_200_000_000);
        let (first, second, third) = (number(), number(), number());
        let own = Random::named(&account).between(1103, 9800);
        format!("S-1-5-21-{first}-{second}-{third}-{own}")
    }

    /// A moment up to `millis` after `at`.
    pub(crate) fn soon(&mut self, at: Time, millis: u64) -> Time {
        let ticks = self.random.between(3_000, 10_000 * millis.max(1));
        at.plus(Span(i64::try_from(ticks).expect("short")))
    }
}
