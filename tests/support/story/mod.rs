//! What can happen to a host: each kind of step of a scenario writes the records that Windows writes for it.

mod boot;
mod connection;
mod service;
mod update;
mod week;

use rdpwhy::evtx::{Span, Time};

pub(crate) use boot::read_build;

use super::catalogue::Known;
use super::evtx_writer::{Data, Value};
use super::host::Host;
use super::yaml::Yaml;

/// Providers by their short names.
pub(crate) const SCM: &str = "Service Control Manager";
pub(crate) const EVENTLOG: &str = "EventLog";
pub(crate) const KERNEL: &str = "Microsoft-Windows-Kernel-General";
pub(crate) const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
pub(crate) const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager";
pub(crate) const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
pub(crate) const UPDATE: &str = "Microsoft-Windows-WindowsUpdateClient";
pub(crate) const SERVICING: &str = "Microsoft-Windows-Servicing";

/// Lets one step of the story happen; `start` is day 0 of the scenario.
pub(crate) fn happen(host: &mut Host, start: Time, step: &Yaml) {
    let at = moment(start, step.need("at"));
    let every = step.text("every").map_or(Span(0), span);
    let times = step.number("times", 1);
    let mut now = at;
    for _ in 0..times {
        for (kind, detail) in step.entries() {
            if !matches!(kind.as_str(), "at" | "every" | "times" | "note") {
                once(host, now, kind, detail);
            }
        }
        now = now.plus(every);
    }
}

fn once(host: &mut Host, at: Time, kind: &str, detail: &Yaml) {
    match kind {
        "healthy_week" => week::healthy_week(host, at, detail),
        "boot" => boot::boot(host, at, detail),
        "restart" => boot::restart(host, at, detail),
        "connection" => connection::connect(host, at, detail),
        "disconnect_all" => connection::disconnect_all(host, at, detail),
        "service_state" => service::state(host, at, detail),
        "service_crash" => service::crash(host, at, detail),
        "start_type" => service::start_type(host, at, detail),
        "update" => update::update(host, at, detail),
        "uptime" => boot::uptime(host, at),
        "event" => raw_event(host, at, detail),
        other => panic!("no kind of step: {other}"),
    }
}

/// A record as the scenario spells it out: `{log, provider, id, data, binary, level, user, activity}`.
fn raw_event(host: &mut Host, at: Time, detail: &Yaml) {
    let provider = detail.need("provider");
    let event_id = u16::try_from(detail.number("id", 0)).expect("16 bits");
    let known = Known::find(provider, event_id, detail.text("log"))
        .unwrap_or_else(|| panic!("{provider} {event_id} is not in the catalogue"));
    let caller = host.process("termservice").to_string();
    let fill = |text: &str| text.replace("{termservice}", &caller);
    let values: Vec<String> = match detail.get("data") {
        Some(Yaml::List(items)) => items.iter().map(|item| fill(item.as_text())).collect(),
        Some(data @ Yaml::Map(_)) => known.names().map(|name| fill(data.need(name))).collect(),
        _ => Vec::new(),
    };
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let record = host.write_known(at, (provider, event_id), known, &values);
    if let Some(level) = detail.text("level") {
        record.system.level = level.parse().expect("a level");
    }
    if let Some(user) = detail.text("user") {
        record.system.user = Some(user.into());
    }
    if let Some(text) = detail.text("binary") {
        set_binary(&mut record.data, text);
    }
}

/// Puts `Binary` beside the values.
pub(crate) fn set_binary(data: &mut Data, text: &str) {
    let Value::Binary(bytes) = Value::read("bin", text) else { return };
    match data {
        Data::Named { binary, .. } | Data::Strings { binary, .. } => *binary = Some(bytes),
        Data::User { .. } => panic!("user data has no Binary"),
    }
}

/// `d6 03:12:41.250`: a time of a day counted from the start of the scenario.
pub(crate) fn moment(start: Time, text: &str) -> Time {
    let (day, clock) = text.split_once(' ').unwrap_or_else(|| panic!("`{text}` is not like `d6 03:12:41`"));
    let day: i64 = day.trim_start_matches('d').parse().expect("a day");
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().expect("a time of day"));
    let mut next = || parts.next().unwrap_or_default();
    let seconds = next() * 3600.0 + next() * 60.0 + next();
    start.plus(Span::days(day)).plus(millis(seconds))
}

/// `90s`, `7m`, `2h` or `1d`.
pub(crate) fn span(text: &str) -> Span {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = digits.parse().unwrap_or_else(|_| panic!("`{text}` is no length of time"));
    match text.chars().last() {
        Some('m') => Span::minutes(number),
        Some('h') => Span::hours(number),
        Some('d') => Span::days(number),
        _ => Span::seconds(number),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "seconds of a few weeks are exact in both types")]
fn millis(seconds: f64) -> Span {
    Span((seconds * 1000.0).round() as i64 * 10_000)
}
