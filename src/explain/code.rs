//! What a code means in each table that has it.

use super::{Kind, Library, Pointer, Topic};
use crate::rule::Rule;
use crate::text::codes::{self, Code};

/// Tables in the order in which they matter, with what their codes are.
const TABLES: &[(&str, &str)] = &[
    ("rdp-client", "code that Remote Desktop clients show"),
    ("rdp-disconnect", "reason of a disconnect (LocalSessionManager 40) and extended code of clients"),
    ("win32", "Win32 error"),
    ("wsa", "Windows Sockets error"),
    ("hresult", "HRESULT"),
    ("ntstatus", "NTSTATUS"),
    ("sspi", "SSPI and Schannel status"),
    ("logon-status", "logon status (Security 4625)"),
    ("kerberos", "Kerberos error"),
    ("schannel-alert", "TLS alert (Schannel 36887, 36888)"),
    ("schannel-state", "inner state of Schannel (36871, 36888)"),
    ("termdd", "status in TermDD 50 and 56"),
    ("windows-update", "Windows Update error"),
    ("logon-type", "logon type"),
];

/// Tables of codes that clients show: alone, and behind the slash.
const CLIENT: [&str; 2] = ["rdp-client", "rdp-disconnect"];

/// Tables whose rows say little without a record of theirs.
const MINOR: [&str; 5] = ["logon-type", "shutdown-flag", "shutdown-major", "shutdown-minor", "kerberos"];

/// The topics of a code, one a table; with an extended code, that one's too.
pub(super) fn topics(value: u32, extended: Option<u32>, library: &Library<'_>) -> Vec<Topic> {
    let mut found = codes::lookup(value);
    if extended.is_some() {
        found.retain(|code| code.table == "rdp-client");
    }
    let mut topics: Vec<Topic> = found.iter().map(|code| topic(code, library)).collect();
    if topics.is_empty()
        && let Some(topic) = unnamed(value, library)
    {
        topics.push(topic);
    }
    if let Some(extended) = extended {
        pair(value, extended, &mut topics, library);
    }
    topics.sort_by_key(|topic| {
        TABLES.iter().position(|(_, what)| topic.title.ends_with(what)).unwrap_or(TABLES.len())
    });
    topics
}

/// What one table knows of a code.
pub(super) fn topic(code: &Code, library: &Library<'_>) -> Topic {
    let number = TABLES.iter().find(|(table, _)| *table == code.table);
    let kind = number.map_or_else(|| table_name(code.table), |(_, what)| (*what).to_owned());
    let title = if code.name.is_empty() { kind } else { format!("{}, {kind}", code.name) };
    let mut topic = Topic::new(Kind::Code, spelled(code.value), title);
    let notes = || {
        library.notes.iter().filter(|note| {
            note.codes.contains(&code.value) && (note.table.is_empty() || note.table == code.table)
        })
    };
    let is_noted = notes().any(|note| !note.what.is_empty());
    let own = [&code.meaning, &code.short].into_iter().filter(|_| !is_noted);
    for text in own.chain([&code.text]) {
        let is_new = !topic.what.iter().any(|own| own.contains(text.as_str()));
        if !text.is_empty() && is_new {
            topic.what.push(text.trim().to_owned());
        }
    }
    if code.is_unsure {
        topic.what.push("Nothing official says so: do not build on it alone.".to_owned());
    }
    topic.causes = causes(code, library);
    let is_plain = topic.causes.is_empty() && code.class.is_empty();
    topic.is_minor = MINOR.contains(&code.table) || is_plain && code.value < 0x8000_0000;
    topic.is_about_rdp = code.table.starts_with("rdp");
    for note in notes() {
        note.add_to(&mut topic, library);
    }
    let side = side(&code.side);
    if !side.is_empty() {
        topic.what.push(side.to_owned());
    }
    topic
}

/// A code in no table that rules or notes speak of.
fn unnamed(value: u32, library: &Library<'_>) -> Option<Topic> {
    let mut topic = Topic::new(Kind::Code, spelled(value), "code without a name in any table");
    let has_code =
        |rule: &&Rule| rule.cause.as_ref().is_some_and(|cause| cause.client_errors.contains(&value));
    let shown = library.rules.rules().filter(has_code);
    topic.causes = shown.map(|rule| library.pointer(&rule.name, "clients can show the code then")).collect();
    topic.causes.extend(mentioned(value, library));
    for note in library.notes.iter().filter(|note| note.codes.contains(&value)) {
        topic.title.clone_from(&note.title);
        note.add_to(&mut topic, library);
    }
    let is_known = !topic.causes.is_empty() || !topic.what.is_empty();
    is_known.then_some(topic)
}

/// Adds what an extended code says to its code's topics.
fn pair(value: u32, extended: u32, topics: &mut Vec<Topic>, library: &Library<'_>) {
    let known = library.notes.iter().flat_map(|note| &note.pairs);
    let known = known.filter(|(code, own, _)| (*code, *own) == (value, extended));
    if let Some(first) = topics.first_mut() {
        let contexts = known.map(|(_, _, context)| context.clone()).collect::<Vec<_>>();
        first.contexts.splice(0..0, contexts);
    }
    let behind = codes::lookup_in("rdp-disconnect", extended);
    topics.extend(behind.map(|code| {
        let mut topic = topic(&code, library);
        topic.is_minor = false;
        topic.title = format!("extended code: {}", topic.title);
        topic
    }));
}

fn causes(code: &Code, library: &Library<'_>) -> Vec<Pointer> {
    let mut causes: Vec<Pointer> = code
        .points_to
        .iter()
        .map(|name| library.pointer(name, "the code is known to come with it"))
        .collect();
    let mut add = |pointer: Pointer| {
        if !causes.iter().any(|own| own.rule == pointer.rule) {
            causes.push(pointer);
        }
    };
    let is_shown = |table: &str| codes::lookup_in(table, code.value).is_some();
    let is_elsewhere = !CLIENT.into_iter().any(is_shown);
    if CLIENT.contains(&code.table) || is_elsewhere {
        for rule in library.rules.rules() {
            let has_code = rule.cause.as_ref().is_some_and(|cause| cause.client_errors.contains(&code.value));
            let is_here = client_code(&rule.name, code.value).is_none_or(|own| own.table == code.table);
            if has_code && is_here {
                add(library.pointer(&rule.name, "clients can show the code then"));
            }
        }
    }
    if code.table != "rdp-client" && !MINOR.contains(&code.table) {
        mentioned(code.value, library).into_iter().for_each(add);
    }
    causes
}

/// What a code is that clients show with a cause: a code, or an extended one where that is known to lead there.
pub(super) fn client_code(rule: &str, value: u32) -> Option<Code> {
    let [code, extended] = CLIENT.map(|table| codes::lookup_in(table, value));
    let leads = |code: &Option<Code>| {
        code.as_ref().is_some_and(|code| code.points_to.iter().any(|name| name == rule))
    };
    if code.is_none() || leads(&extended) && !leads(&code) { extended } else { code }
}

/// Causes whose rules look for a code.
fn mentioned(value: u32, library: &Library<'_>) -> Vec<Pointer> {
    let mut causes: Vec<Pointer> = Vec::new();
    for mention in &library.mentions {
        let Some((field, _)) = mention.codes.iter().find(|(_, code)| *code == value) else { continue };
        let events = mention.event_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for rule in library.causes_of(mention) {
            if !causes.iter().any(|own| *own.rule == *rule.name) {
                let why = match (field.as_str(), events.as_str()) {
                    ("", _) => "its rule looks for the code".to_owned(),
                    (field, "") => format!("its rule looks for the code in {field}"),
                    (field, events) => format!("its rule looks for the code in {field} of event {events}"),
                };
                causes.push(library.pointer(&rule.name, why));
            }
        }
    }
    causes
}

/// A code in both spellings.
pub(super) fn spelled(value: u32) -> String {
    if value >= 0x8000_0000 {
        return format!("0x{value:08X} ({value}, {})", value.cast_signed());
    }
    format!("0x{value:X} ({value})")
}

fn table_name(table: &str) -> String {
    match table.strip_prefix("rdpcorets-") {
        Some(event) => format!("code in RdpCoreTS {event}"),
        None => table.replace('-', " "),
    }
}

fn side(side: &str) -> &'static str {
    match side {
        "ask-server" => "Ask the server's logs: the client does not know more.",
        "server-or-path" => {
            "Ask the server's logs and the path to it: nothing listens, or nothing gets through."
        }
        "path" => "Ask the path between client and server.",
        "auth" => "The path and the listener work; ask about account and credentials.",
        "tls" => "The path and the listener work; ask about certificate, key and TLS settings.",
        "client" => "Ask the client: the server cannot know.",
        "licensing" => {
            "Ask about licences: the session host, its licence server and the client's stored licence."
        }
        "policy" => "Ask about policies: somebody set this limit.",
        "normal" => "This is no error.",
        _ => "",
    }
}
