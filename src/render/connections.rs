//! Attempts to connect, and sessions: a table, JSON lines or lines for a spreadsheet.

use std::io::{self, Write};

use chrono::FixedOffset;
use serde_json::{Map, Value, json};

use super::events::{EventForm, padded};
use super::{Style, clock, csv, escape, json};
use crate::diagnose::{Attempt, Session, Sessions};
use crate::evtx::{Span, Time};
use crate::text::codes;

/// Columns of attempts: title and width; the last one takes the rest.
const ATTEMPTS: [(&str, usize); 8] = [
    ("START", 19),
    ("ADDRESS", 15),
    ("USER", 22),
    ("SESSION", 7),
    ("STAGE", 14),
    ("OUTCOME", 7),
    ("LASTED", 12),
    ("ENDED", 0),
];
/// Columns of sessions.
const SESSIONS: [(&str, usize); 7] =
    [("LOGON", 19), ("USER", 24), ("ID", 5), ("STATE", 12), ("LASTED", 12), ("JOINED", 6), ("FROM", 0)];
/// Addresses of a session that are shown in a table.
const MAX_ADDRESSES: usize = 4;

/// Writes the attempts of each host.
///
/// # Errors
///
/// Those of `out`.
pub fn connections(
    hosts: &[(String, Vec<Attempt>)],
    form: EventForm,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let objects = hosts
        .iter()
        .flat_map(|(host, attempts)| attempts.iter().map(move |attempt| attempt_object(host, attempt)));
    match form {
        EventForm::JsonLines => objects.into_iter().try_for_each(|object| json::line(&object, out)),
        EventForm::Csv => spreadsheet(objects, &ATTEMPT_KEYS, out),
        EventForm::Table => {
            let with = hosts.iter().filter(|(_, attempts)| !attempts.is_empty());
            for (number, (host, attempts)) in with.enumerate() {
                attempt_table(number, (host, attempts), style, out)?;
            }
            without(hosts.iter().filter(|(_, attempts)| attempts.is_empty()).count(), "attempt", out)
        }
    }
}

fn attempt_table(
    number: usize,
    (host, attempts): (&str, &[Attempt]),
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    heading(number, host, out)?;
    row(&ATTEMPTS.map(|(title, _)| title.to_owned()), &ATTEMPTS, out)?;
    for attempt in attempts {
        row(&attempt_cells(attempt, style.tz), &ATTEMPTS, out)?;
    }
    let all: u64 = attempts.iter().map(|attempt| attempt.weight).sum();
    let count = attempts.len() as u64;
    match all > count {
        true => writeln!(
            out,
            "{count} of {all} attempts: of floods, the first and the last of each hour are kept"
        ),
        false => writeln!(out, "{count} {}", if count == 1 { "attempt" } else { "attempts" }),
    }
}

/// Says how many hosts had nothing to list.
fn without(count: usize, what: &str, out: &mut dyn Write) -> io::Result<()> {
    match count {
        0 => Ok(()),
        1 => writeln!(out, "no {what} on one host"),
        _ => writeln!(out, "no {what} on {count} hosts"),
    }
}

/// Writes the sessions of each host.
///
/// # Errors
///
/// Those of `out`.
pub fn sessions(
    hosts: &[(String, Sessions)],
    form: EventForm,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let objects = hosts.iter().flat_map(|(host, sessions)| {
        let last = sessions.last.unwrap_or_default();
        sessions.all.iter().map(move |session| session_object(host, session, last))
    });
    match form {
        EventForm::JsonLines => objects.into_iter().try_for_each(|object| json::line(&object, out)),
        EventForm::Csv => spreadsheet(objects, &SESSION_KEYS, out),
        EventForm::Table => {
            let with = hosts.iter().filter(|(_, sessions)| !sessions.all.is_empty());
            for (number, (host, sessions)) in with.enumerate() {
                session_table(number, (host, sessions), style, out)?;
            }
            without(hosts.iter().filter(|(_, sessions)| sessions.all.is_empty()).count(), "session", out)
        }
    }
}

fn session_table(
    number: usize,
    (host, sessions): (&str, &Sessions),
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    heading(number, host, out)?;
    row(&SESSIONS.map(|(title, _)| title.to_owned()), &SESSIONS, out)?;
    let last = sessions.last.unwrap_or_default();
    for session in &sessions.all {
        row(&session_cells(session, last, style.tz), &SESSIONS, out)?;
    }
    summary(sessions, style.tz, out)
}

fn summary(sessions: &Sessions, tz: FixedOffset, out: &mut dyn Write) -> io::Result<()> {
    let last = sessions.last.unwrap_or_default();
    let open = sessions.all.iter().filter(|session| session.end.is_none()).count();
    let stale = sessions.all.iter().filter(|session| session.stale_days(last).is_some()).count();
    let count = sessions.all.len();
    let mut parts = vec![format!("{count} {}", if count == 1 { "session" } else { "sessions" })];
    if let Some((most, time)) = sessions.peak {
        parts.push(format!("at most {most} at one time (first {})", shown_time(time, tz)));
    }
    parts.push(format!("{open} there at the end of the logs"));
    if stale > 0 {
        parts.push(format!("{stale} of these stale: nobody at them for three days or more"));
    }
    if sessions.refused > 0 {
        parts.push(format!("{} logons got no session", sessions.refused));
    }
    writeln!(out, "{}", parts.join(" · "))
}

fn heading(number: usize, host: &str, out: &mut dyn Write) -> io::Result<()> {
    if number > 0 {
        writeln!(out)?;
    }
    writeln!(out, "{}", escape::line(host, escape::NAME))
}

fn row(cells: &[String], columns: &[(&str, usize)], out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for (cell, (_, width)) in cells.iter().zip(columns) {
        // The last cell is long where it matters; a terminal may wrap it.
        let shown = if *width > 0 { padded(cell, *width) } else { escape::line(cell, escape::SENTENCE) };
        line.push_str(&shown);
    }
    writeln!(out, "{}", line.trim_end())
}

const ATTEMPT_KEYS: [&str; 15] = [
    "host",
    "start",
    "end",
    "seconds",
    "address",
    "user",
    "session",
    "stage",
    "outcome",
    "code_table",
    "code",
    "code_name",
    "code_meaning",
    "closed_by",
    "count",
];

fn attempt_object(host: &str, attempt: &Attempt) -> Map<String, Value> {
    let code = attempt.code.and_then(|(table, value)| codes::lookup_in(table, value));
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let end = attempt.left.unwrap_or(attempt.end);
    object(
        &ATTEMPT_KEYS,
        [
            json!(host),
            json!(attempt.start.rfc3339()),
            json!(end.rfc3339()),
            json!(end.since(attempt.start).as_seconds()),
            json!(attempt.address.map(|address| address.to_string())),
            json!(attempt.user),
            json!(attempt.session),
            json!(attempt.stage.as_str()),
            json!(attempt.fate.as_str()),
            json!(attempt.code.map(|(table, _)| table)),
            json!(attempt.code.map(|(_, value)| value)),
            json!(text(code.as_ref().map(|code| code.name.clone()))),
            json!(text(code.as_ref().map(meaning))),
            json!(attempt.closed_by),
            json!(attempt.weight),
        ],
    )
}

fn meaning(code: &codes::Code) -> String {
    let texts = [&code.short, &code.meaning, &code.text];
    texts.into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default()
}

const SESSION_KEYS: [&str; 13] = [
    "host",
    "session",
    "user",
    "logon",
    "end",
    "ended_by",
    "state",
    "seconds",
    "joined",
    "take_overs",
    "addresses",
    "away_since",
    "stale_days",
];

fn session_object(host: &str, session: &Session, last: Time) -> Map<String, Value> {
    let times = |time: Option<Time>| time.map(Time::rfc3339);
    object(
        &SESSION_KEYS,
        [
            json!(host),
            json!(session.id),
            json!(session.user),
            json!(times(session.logon)),
            json!(times(session.end.map(|(end, _)| end))),
            json!(session.end.map(|(_, ending)| ending.as_str())),
            json!(state(session, last)),
            json!(lasted(session, last).map(Span::as_seconds)),
            json!(session.stints.len()),
            json!(session.take_overs),
            json!(addresses(session)),
            json!(times(session.away_since.filter(|_| session.end.is_none()))),
            json!(session.stale_days(last)),
        ],
    )
}

fn object<const N: usize>(keys: &[&str; N], values: [Value; N]) -> Map<String, Value> {
    keys.iter().map(|key| (*key).to_owned()).zip(values).collect()
}

/// Objects as lines whose cells stand in the order of the keys.
fn spreadsheet(
    objects: impl Iterator<Item = Map<String, Value>>,
    keys: &[&str],
    out: &mut dyn Write,
) -> io::Result<()> {
    csv::row(keys, out)?;
    for object in objects {
        let cells: Vec<String> = keys.iter().map(|key| plain(object.get(*key))).collect();
        csv::row(&cells, out)?;
    }
    Ok(())
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| plain(Some(item))).collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    }
}

fn attempt_cells(attempt: &Attempt, tz: FixedOffset) -> [String; 8] {
    let end = attempt.left.unwrap_or(attempt.end);
    let code = attempt.code.and_then(|(table, value)| {
        let name = codes::lookup_in(table, value)
            .map(|code| if code.short.is_empty() { code.label().to_owned() } else { code.short.clone() });
        let number = if value > 0xFFFF { format!("0x{value:08X}") } else { value.to_string() };
        // A number without a name adds nothing to who closed it.
        let is_telling = name.is_some() || attempt.closed_by.is_none();
        is_telling.then(|| format!("{number} {}", name.unwrap_or_default()).trim_end().to_owned())
    });
    // "licensing: no licence server" says already who closed it.
    let is_said = |by: &&String| code.as_ref().is_some_and(|code| code.contains(by.as_str()));
    let closed_by = attempt.closed_by.iter().filter(|by| !is_said(by)).cloned();
    let mut ended: Vec<String> = closed_by.chain(code.clone()).collect();
    if attempt.weight > 1 {
        ended.push(format!("and {} more like it", attempt.weight - 1));
    }
    [
        shown_time(attempt.start, tz),
        attempt.address.map_or_else(String::new, |address| address.to_string()),
        attempt.user.clone().unwrap_or_default(),
        attempt.session.map_or_else(String::new, |id| id.to_string()),
        attempt.stage.as_str().to_owned(),
        attempt.fate.as_str().to_owned(),
        clock::span(end.since(attempt.start)),
        ended.join(": "),
    ]
}

fn session_cells(session: &Session, last: Time, tz: FixedOffset) -> [String; 7] {
    let mut from = addresses(session);
    let hidden = from.len().saturating_sub(MAX_ADDRESSES);
    from.truncate(MAX_ADDRESSES);
    if hidden > 0 {
        from.push(format!("and {hidden} more"));
    }
    [
        session.logon.map_or_else(|| "before these logs".to_owned(), |time| shown_time(time, tz)),
        session.user.clone().unwrap_or_default(),
        session.id.to_string(),
        state(session, last).to_owned(),
        lasted(session, last).map_or_else(String::new, clock::span),
        session.stints.len().to_string(),
        from.join(", "),
    ]
}

/// `ended`, `stale`, `disconnected` or `active`, at the end of the logs.
fn state(session: &Session, last: Time) -> &'static str {
    match session.end {
        Some((_, ending)) => ending.as_str(),
        None if session.stale_days(last).is_some() => "stale",
        None if session.away_since.is_some() => "disconnected",
        None => "active",
    }
}

fn lasted(session: &Session, last: Time) -> Option<Span> {
    let end = session.end.map_or(last, |(end, _)| end);
    session.logon.map(|logon| end.since(logon))
}

fn addresses(session: &Session) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for stint in &session.stints {
        let address = stint.address.map_or_else(|| "local".to_owned(), |address| address.to_string());
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn shown_time(time: Time, tz: FixedOffset) -> String {
    let local = time.to_chrono().map(|time| time.with_timezone(&tz));
    local.map_or_else(|| time.rfc3339(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}
