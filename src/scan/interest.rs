//! The events that diagnosis needs whatever the rules say: connections, sessions, services, boots, changes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::evtx::{Head, Record};
use crate::rule::{Plan, RuleSet};

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
    // Titles of Store packages are one word; those of updates, drivers and firmware are several or name a KB.
    ("microsoft-windows-windowsupdateclient", &[17, 18, 19, 20, 21, 22, 27, 43, 44], &["KB", " "]),
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

/// The words of which a record of an event must hold one for facts to be made of it, none for all records; `None`
/// when no facts are made of the event.
fn words(head: &Head<'_>) -> Option<&'static [&'static str]> {
    let is_named = |provider: &str| {
        provider.eq_ignore_ascii_case(head.provider) || provider.eq_ignore_ascii_case(head.event_source)
    };
    let found = ALL.iter().find(|(provider, ids, _)| is_named(provider) && ids.contains(&head.event_id));
    found.map(|(_, _, words)| *words)
}

impl Interest {
    /// Whether a record with these bytes may be of interest.
    pub(super) fn may_hold(&self, bytes: &[u8]) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::Words(finder) => finder.is_match(bytes),
        }
    }
}

/// Whether a record is kept though no rule matches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    No,
    Always,
    /// Its values decide, see [`is_sign`].
    Perhaps,
}

/// What facts and rules want of an event.
pub(super) fn interest(head: &Head<'_>, plan: &Plan, rules: &RuleSet) -> (Interest, Sign) {
    let of_facts = words(head);
    if of_facts.is_some_and(<[_]>::is_empty) {
        return (Interest::Always, Sign::Always);
    }
    if rules.updates.wants(head) {
        return (Interest::Always, Sign::Perhaps);
    }
    let sign = if of_facts.is_some() { Sign::Perhaps } else { Sign::No };
    let Some(mut all) = plan.words(rules, head) else { return (Interest::Always, sign) };
    all.extend(of_facts.unwrap_or_default().iter().map(|word| (*word).to_owned()));
    if all.is_empty() {
        return (Interest::No, sign);
    }
    let patterns = all.iter().map(|word| word.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    match AhoCorasick::builder().ascii_case_insensitive(true).prefilter(false).build(patterns) {
        Ok(finder) => (Interest::Words(Box::new(finder)), sign),
        Err(_) => (Interest::Always, sign),
    }
}

/// Whether a decoded record of an event with [`Sign::Perhaps`] is kept though no rule matches it: the same choice for
/// logs and for exports.
pub(super) fn is_sign(record: &Record, rules: &RuleSet) -> bool {
    let names_one = || {
        let Some(words) = words(&record.head()) else { return false };
        let binary = record.binary_text().unwrap_or_default();
        let mut texts = record.fields.iter().map(|field| &*field.value).chain([binary.as_str()]);
        let names = |text: &str| {
            let text = text.to_lowercase();
            words.iter().any(|word| text.contains(&word.to_lowercase()))
        };
        texts.any(names)
    };
    rules.updates.is_sign(record) || names_one()
}
