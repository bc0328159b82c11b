//! Kinds of records as exactly as they can be told apart: provider, event, service and code, each with its times.
//!
//! Only of records that are kept whole; of the others `scan` counts provider and event by day.

use std::collections::BTreeMap;

use super::facts::is_fact;
use super::services;
use super::timeline::Timeline;
use crate::evtx::{Record, Span, Time};
use crate::text::codes::{self, Code};

/// Services without which there is no Remote Desktop.
const SERVICES: [&str; 4] = ["TermService", "SessionEnv", "UmRdpService", "TSGateway"];

/// Parts of providers' names that have to do with Remote Desktop.
const PROVIDERS: [&str; 7] =
    ["terminalservices", "remotedesktop", "termdd", "rdp", "schannel", "lsasrv", "termservice"];

/// Parts of values that name Remote Desktop's own programs.
const PROGRAMS: [&str; 4] = ["termservice", "termsrv", "rdpcorets", "rdpwrap"];

/// Classes of codes that speak for a fault even where Windows calls the record informational.
const FAULTS: [&str; 6] = ["fault", "look", "network", "tls", "client", "policy"];

/// How long after a start of the machine its records count as one: what comes with each start comes at once.
const START: Span = Span::minutes(10);

/// What makes records alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signature {
    pub(super) provider: String,
    pub(super) event_id: u32,
    /// The service and the code, in words; empty when a record has neither.
    pub(super) detail: String,
}

/// The records of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// Minutes in which some came, counted from the change; those right after a start of the machine once.
    pub(super) minutes: BTreeMap<i64, u64>,
    /// The log that the first one is in.
    pub(super) channel: String,
    pub(super) is_near: bool,
}

/// Whether a provider has to do with Remote Desktop.
pub(super) fn is_near(provider: &str) -> bool {
    let lower = provider.to_lowercase();
    PROVIDERS.iter().any(|part| lower.contains(part))
}

/// All kinds of errors, warnings and telling codes among the kept records.
pub(super) fn signatures(timeline: &Timeline, boots: &[Time], change: Time) -> BTreeMap<Signature, Course> {
    let mut all: BTreeMap<Signature, Course> = BTreeMap::new();
    for item in &timeline.items {
        let Some((signature, is_near)) = signature(&item.record) else { continue };
        let course = all.entry(signature).or_insert_with(|| Course {
            channel: item.record.channel.to_string(),
            is_near,
            ..Course::default()
        });
        let minute = minute(item.record.time, boots, change);
        *course.minutes.entry(minute).or_default() += item.weight;
    }
    all
}

fn minute(time: Time, boots: &[Time], change: Time) -> i64 {
    let boot = boots.partition_point(|boot| *boot <= time).checked_sub(1).and_then(|at| boots.get(at));
    let is_start = |boot: &Time| time.since(*boot) <= START && (*boot >= change) == (time >= change);
    let counted = boot.copied().filter(is_start).unwrap_or(time);
    counted.since(change).0.div_euclid(Span::minutes(1).0)
}

fn signature(record: &Record) -> Option<(Signature, bool)> {
    if is_fact(record) {
        return None;
    }
    let is_error = (1..=3).contains(&record.level);
    let mut codes: Vec<Code> = codes::codes_of(record).into_iter().map(|(_, code)| code).collect();
    codes.retain(|code| code.value != 0);
    codes.sort_by_key(|code| code.name.is_empty());
    let code = codes.into_iter().next();
    let is_telling = code.as_ref().is_some_and(|code| FAULTS.contains(&code.class.as_str()));
    if !is_error && !is_telling {
        return None;
    }
    let service = services::service_of(record);
    let is_near = match &service {
        Some(service) => SERVICES.contains(&service.as_str()),
        None => is_near(&record.provider) || names_program(record),
    };
    let detail: Vec<String> = service.into_iter().chain(code.as_ref().map(name)).collect();
    let provider = record.provider.to_string();
    Some((Signature { provider, event_id: record.event_id, detail: detail.join(", ") }, is_near))
}

fn names_program(record: &Record) -> bool {
    let names = |value: &str| {
        let lower = value.to_lowercase();
        PROGRAMS.iter().any(|part| lower.contains(part))
    };
    record.level <= 2 && record.fields.iter().any(|field| names(&field.value))
}

fn name(code: &Code) -> String {
    let number = if code.value < 0x1_0000 { code.value.to_string() } else { format!("0x{:08X}", code.value) };
    if code.name.is_empty() { number } else { format!("{number} {}", code.name) }
}
