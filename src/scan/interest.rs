//! The events that diagnosis needs whatever the rules say: connections, sessions, services, boots, changes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::evtx::Head;
use crate::rule::{RuleSet, update};

/// Whether a record of an event is worth decoding.
#[derive(Debug, Clone)]
pub(super) enum Interest {
    No,
    Always,
    /// When its bytes hold one of these words.
    Words(Box<AhoCorasick>),
}

/// Providers, lower case, with the ids of their events that facts are made of.
const WANTED: &[(&str, &[u32])] = &[
    (
        "microsoft-windows-remotedesktopservices-rdpcorets",
        &[33, 65, 97, 98, 100, 102, 103, 104, 131, 139, 140, 142, 143, 153],
    ),
    ("microsoft-windows-terminalservices-remoteconnectionmanager", &[258, 259, 260, 261, 262, 1136, 1149]),
    ("microsoft-windows-terminalservices-localsessionmanager", &[17, 21, 22, 23, 24, 25, 39, 40, 41, 42]),
    ("microsoft-windows-security-auditing", &[4625]),
    (
        "service control manager",
        &[7000, 7001, 7009, 7022, 7023, 7024, 7031, 7032, 7034, 7036, 7038, 7040, 7041, 7045],
    ),
    ("microsoft-windows-kernel-general", &[1, 12, 13]),
    ("eventlog", &[6005, 6006, 6008, 6009, 6011, 6013]),
    ("microsoft-windows-eventlog", &[104, 1100, 1102]),
    ("microsoft-windows-kernel-power", &[41]),
    ("user32", &[1074]),
    ("microsoft-windows-windowsupdateclient", &[23, 24, 212, 213]),
    ("microsoft-windows-servicing", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1013, 1014]),
    ("microsoft-windows-grouppolicy", &[1502, 1503, 5312, 8004]),
    ("microsoft-windows-networkprofile", &[10000]),
    (
        "microsoft-windows-windows firewall with advanced security",
        &[2003, 2004, 2005, 2006, 2010, 2033, 2052, 2071, 2073, 2097, 2099],
    ),
    ("msiinstaller", &[1033, 1034, 11707, 11724]),
];

/// A provider in lower case, ids of its events, words of which a record must hold one (none for all records).
type Wanted = (&'static str, &'static [u32], &'static [&'static str]);

/// Events that matter only when they name one of these; their values are never part of a template.
static WORDS: &[Wanted] = &[
    (
        "service control manager",
        &[7036],
        &[
            "TermService",
            "SessionEnv",
            "UmRdpService",
            "Remote Desktop",
            "Terminal Services",
            "TermServLicensing",
            "TSGateway",
            "Tssdis",
            "mpssvc",
            "Netlogon",
        ],
    ),
    ("microsoft-windows-windowsupdateclient", &[17, 18, 19, 20, 21, 22, 27, 43, 44], &["KB"]),
    (
        "microsoft-windows-windows firewall with advanced security",
        &[2004, 2005, 2006, 2052, 2071, 2073, 2097, 2099],
        &["3389", "RemoteDesktop", "Remote Desktop", "termsrv", "RDP"],
    ),
];

static ALL: LazyLock<Vec<Wanted>> = LazyLock::new(|| {
    let plain = WANTED.iter().map(|(provider, ids)| (*provider, *ids, &[] as &[&str]));
    WORDS.iter().copied().chain(plain).collect()
});

/// What facts and rules want of an event.
pub(super) fn interest(head: &Head<'_>, rules: &RuleSet) -> Interest {
    let mut words: Vec<String> = Vec::new();
    let is_named = |provider: &str| {
        provider.eq_ignore_ascii_case(head.provider) || provider.eq_ignore_ascii_case(head.event_source)
    };
    let facts = ALL.iter().find(|(provider, ids, _)| is_named(provider) && ids.contains(&head.event_id));
    if update::wants(head) {
        return Interest::Always;
    }
    match facts {
        Some((_, _, [])) => return Interest::Always,
        Some((_, _, list)) => words.extend(list.iter().map(|word| (*word).to_owned())),
        None => {}
    }
    match rules.words(head) {
        None => return Interest::Always,
        Some(list) => words.extend(list),
    }
    if words.is_empty() {
        return Interest::No;
    }
    let patterns =
        words.iter().map(|word| word.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    match AhoCorasick::builder().ascii_case_insensitive(true).build(patterns) {
        Ok(finder) => Interest::Words(Box::new(finder)),
        Err(_) => Interest::Always,
    }
}

/// Whether facts are made of the event, whatever its values are.
pub(super) fn wants(head: &Head<'_>) -> bool {
    ALL.iter().any(|(provider, ids, _)| {
        (provider.eq_ignore_ascii_case(head.provider) || provider.eq_ignore_ascii_case(head.event_source))
            && ids.contains(&head.event_id)
    })
}

/// Whether a decoded record names what its event matters for: the same choice for logs and for exports.
pub(super) fn names(record: &crate::evtx::Record) -> bool {
    let head = record.head();
    let found = WORDS.iter().find(|(provider, ids, _)| {
        (provider.eq_ignore_ascii_case(head.provider) || provider.eq_ignore_ascii_case(head.event_source))
            && ids.contains(&head.event_id)
    });
    let Some((_, _, words)) = found else { return true };
    let binary = record.binary_text().unwrap_or_default();
    let texts = record.fields.iter().map(|field| &*field.value).chain([binary.as_str()]);
    texts.map(str::to_lowercase).any(|text| words.iter().any(|word| text.contains(&word.to_lowercase())))
}
