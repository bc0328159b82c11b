//! States of the services that Remote Desktop stands on, without believing localised names.
//!
//! Service Control Manager writes the display name in the system's language; the binary data of the record holds
//! the short name (`TermService/4`). Only where it is missing are the English names and the short name taken.

use std::collections::BTreeMap;

use crate::evtx::{Record, Time};
use crate::scan::Item;

/// A state of a service, or of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    Running,
    Stopped,
    Crashed,
    StartFailed,
    Disabled,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::StartFailed => "start_failed",
            Self::Disabled => "disabled",
        }
    }
}

/// A change of state, by the number of its record in the host's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) time: Time,
    /// Short name of the service, or `RDP-Tcp` for the listener.
    pub(crate) service: String,
    pub(crate) state: State,
    /// `%%1067` and the like.
    pub(crate) code: Option<String>,
    pub(crate) item: usize,
}

/// Name of the listener among the services.
pub(crate) const LISTENER: &str = "RDP-Tcp";

/// Services that are followed, with English display names of all versions.
const NAMES: &[(&str, &[&str])] = &[
    ("TermService", &["remote desktop services", "terminal services", "termservice"]),
    ("SessionEnv", &["remote desktop configuration", "terminal services configuration", "sessionenv"]),
    (
        "UmRdpService",
        &[
            "remote desktop services usermode port redirector",
            "terminal services usermode port redirector",
            "umrdpservice",
        ],
    ),
    ("RpcSs", &["remote procedure call (rpc)", "rpcss"]),
    ("RpcEptMapper", &["rpc endpoint mapper", "rpceptmapper"]),
    ("LSM", &["local session manager", "lsm"]),
    ("mpssvc", &["windows firewall", "windows defender firewall", "mpssvc"]),
    ("BFE", &["base filtering engine", "bfe"]),
    ("nsi", &["network store interface service", "nsi"]),
    ("Dhcp", &["dhcp client", "dhcp"]),
    ("Dnscache", &["dns client", "dnscache"]),
    ("NlaSvc", &["network location awareness", "nlasvc"]),
    ("Netlogon", &["netlogon"]),
    ("CryptSvc", &["cryptographic services", "cryptsvc"]),
    ("KeyIso", &["cng key isolation", "keyiso"]),
    ("gpsvc", &["group policy client", "gpsvc"]),
    ("ProfSvc", &["user profile service", "profsvc"]),
    ("TermServLicensing", &["remote desktop licensing", "terminal services licensing", "termservlicensing"]),
    ("TSGateway", &["remote desktop gateway", "terminal services gateway", "tsgateway"]),
    ("Tssdis", &["remote desktop connection broker", "terminal services session broker", "tssdis"]),
];

/// The short name of a service by short or display name; other names stay as they are.
pub(crate) fn short_name(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&lower.as_str()))
        .map_or_else(|| name.trim().to_owned(), |(short, _)| (*short).to_owned())
}

/// The service that a record of the Service Control Manager tells of, by its short name.
pub(super) fn service_of(record: &Record) -> Option<String> {
    of_record(record, 0).into_iter().map(|step| step.service).find(|service| service != LISTENER)
}

/// All changes of state in order.
pub(crate) fn steps(items: &[Item]) -> Vec<Step> {
    items.iter().enumerate().flat_map(|(at, item)| of_record(&item.record, at)).collect()
}

fn of_record(record: &Record, item: usize) -> Option<Step> {
    let step = |service: String, state, code| Some(Step { time: record.time, service, state, code, item });
    let provider = &*record.provider;
    if provider.eq_ignore_ascii_case("Service Control Manager")
        || record
            .event_source
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("Service Control Manager"))
    {
        return service_step(record, item);
    }
    if provider.ends_with("RemoteConnectionManager") {
        let name = record.field("listenerName").or_else(|| record.insert(1)).unwrap_or(LISTENER);
        if !name.eq_ignore_ascii_case(LISTENER) {
            return None;
        }
        return match record.event_id {
            258 => step(LISTENER.to_owned(), State::Running, None),
            259 => step(LISTENER.to_owned(), State::Stopped, None),
            260 => step(LISTENER.to_owned(), State::StartFailed, record.insert(2).map(str::to_owned)),
            _ => None,
        };
    }
    if provider.ends_with("LocalSessionManager") && record.event_id == 17 {
        return step(LISTENER.to_owned(), State::StartFailed, record.insert(1).map(str::to_owned));
    }
    None
}

fn service_step(record: &Record, item: usize) -> Option<Step> {
    let binary = record.binary_text();
    let (key, number) = match binary.as_deref().map(|text| text.split_once('/').unwrap_or((text, ""))) {
        Some((key, number)) if !key.is_empty() => (Some(key.to_owned()), number.to_owned()),
        _ => (None, String::new()),
    };
    let name = key.or_else(|| record.insert(named_by(record.event_id)).map(str::to_owned));
    let service = name.map(|name| short_name(&name))?;
    let value = |at: usize| record.insert(at).unwrap_or_default().to_owned();
    let (state, code) = match record.event_id {
        7036 => (state_of(&number, &value(2))?, None),
        7031 | 7034 => (State::Crashed, None),
        7032 => (State::Crashed, Some(value(4))),
        7000 => (State::StartFailed, Some(value(2))),
        7009 | 7022 | 7041 => (State::StartFailed, None),
        7001 | 7038 => (State::StartFailed, Some(value(3))),
        7023 | 7024 => (State::Crashed, Some(value(2))),
        7040 if is_disabled(&value(3)) => (State::Disabled, None),
        _ => return None,
    };
    Some(Step { time: record.time, service, state, code, item })
}

/// The insert that names the service, where the binary data does not: 7009 begins with a number of milliseconds, 7032
/// with the action that was tried, and the last one of 7040 is the short name.
const fn named_by(event_id: u32) -> usize {
    match event_id {
        7009 => 2,
        7032 => 3,
        7040 => 4,
        _ => 1,
    }
}

/// What Windows calls the start type "disabled", lower case, in the forms that differ at their beginning.
const DISABLED: [&str; 21] = [
    "disabled",
    "deaktiv",
    "désactiv",
    "desactiv",
    "desativ",
    "deshabilitad",
    "desabilitad",
    "disabilitat",
    "disattivat",
    "devre dışı",
    "отключен",
    "wyłączon",
    "uitgeschakeld",
    "inaktiver",
    "zakázán",
    "letiltva",
    "ei käytössä",
    "無効",
    "禁用",
    "停用",
    "사용 안 함",
];

/// Whether a start type is "disabled" in any of these languages.
fn is_disabled(start_type: &str) -> bool {
    let lower = start_type.to_lowercase();
    DISABLED.iter().any(|word| lower.contains(word))
}

/// The state in the binary data (1 stopped, 4 running), else the English word.
fn state_of(number: &str, word: &str) -> Option<State> {
    match (number.trim(), word.trim().to_lowercase().as_str()) {
        ("4", _) | ("", "running") => Some(State::Running),
        ("1", _) | ("", "stopped") => Some(State::Stopped),
        _ => None,
    }
}

/// The last state of each service. A restart of the machine forgets what was before it; a session that opened
/// after the last state shows that the service and its listener work.
pub(crate) fn at_end(steps: &[Step], boots: &[Time], last_good: Option<Time>) -> BTreeMap<String, Step> {
    let mut states: BTreeMap<String, Step> = BTreeMap::new();
    for step in steps {
        // A start type says nothing of a service that runs.
        let is_running = states.get(&step.service).is_some_and(|own| own.state == State::Running);
        if step.state == State::Disabled && is_running {
            continue;
        }
        states.insert(step.service.clone(), step.clone());
    }
    let last_boot = boots.last().copied();
    states.retain(|name, step| {
        let is_before_boot = last_boot.is_some_and(|boot| step.time < boot) && step.state != State::Disabled;
        let is_refuted = (name == LISTENER || name == "TermService")
            && step.state != State::Running
            && last_good.is_some_and(|good| good > step.time);
        !is_before_boot && !is_refuted
    });
    states
}

#[cfg(test)]
mod tests {
    use super::{State, steps};
    use crate::diagnose::facts::fact;
    use crate::evtx::{Field, Time};
    use crate::scan::Item;

    fn step(event_id: u32, inserts: &[&str], binary: &str) -> Option<(String, State, Option<String>)> {
        let mut record = fact("", Time(0), "SRV", &[]);
        record.provider = "Service Control Manager".into();
        record.event_id = event_id;
        record.fields = inserts.iter().map(|value| Field { name: None, value: (*value).into() }).collect();
        let bytes: Vec<u8> = binary.encode_utf16().flat_map(u16::to_le_bytes).collect();
        record.binary = (!bytes.is_empty()).then(|| bytes.into());
        let steps = steps(&[Item { record, atoms: Vec::new(), weight: 1 }]);
        steps.into_iter().next().map(|step| (step.service, step.state, step.code))
    }

    #[test]
    fn service_is_named_where_each_event_has_it() {
        let started = |code: Option<&str>| {
            Some(("TermService".to_owned(), State::StartFailed, code.map(str::to_owned)))
        };
        assert_eq!(step(7009, &["30000", "Remote Desktop Services"], ""), started(None));
        assert_eq!(step(7038, &["TermService", "CORP\\svc", "%%1330"], ""), started(Some("%%1330")));
        let action = ["2", "Neustart", "Remotedesktopdienste", "%%1056"];
        let crashed = Some(("TermService".to_owned(), State::Crashed, Some("%%1056".to_owned())));
        assert_eq!(step(7032, &action, "TermService"), crashed);
    }

    #[test]
    fn start_type_is_disabled_in_any_language() {
        let disabled = Some(("TermService".to_owned(), State::Disabled, None));
        for word in ["disabled", "Deaktiviert", "Désactivé", "無効", "Отключена"] {
            assert_eq!(step(7040, &["Remotedesktopdienste", "Manuell", word, "TermService"], ""), disabled);
        }
        assert_eq!(step(7040, &["Remotedesktopdienste", "Deaktiviert", "Manuell", "TermService"], ""), None);
    }
}
