//! What changed on a host: updates, restarts, services and drivers, start types, policy, certificates, network,
//! firewall, clock, name, programs, logs that were cleared.

use super::services::short_name;
use crate::evtx::{Record, Time};
use crate::scan::Item;

/// One change, by the number of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) time: Time,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) kb: Vec<String>,
    pub(crate) item: usize,
    /// How near to Remote Desktop the kind is: 0 nearest.
    pub(crate) distance: u8,
}

/// Titles of updates that change nothing of Windows: Store packages and definitions.
pub(super) fn is_minor_update(title: &str) -> bool {
    let upper = title.to_uppercase();
    let is_store = upper
        .split_whitespace()
        .next()
        .is_some_and(|word| word.len() > 12 && word.starts_with("9") && word.contains('-'));
    is_store
        || [
            "KB2267602",
            "KB4052623",
            "KB890830",
            "KB915597",
            "KB5007651",
            "DEFENDER",
            "SECURITY INTELLIGENCE",
        ]
        .iter()
        .any(|word| upper.contains(word))
}

/// Titles of drivers and firmware: maker, class and version with hyphens between, and no number of an article.
fn is_driver(title: &str) -> bool {
    title.contains(" - ") && kb_numbers(title).is_empty()
}

/// KB numbers in a text, in order, once each.
pub(crate) fn kb_numbers(text: &str) -> Vec<String> {
    let upper = text.to_uppercase();
    let mut found: Vec<String> = Vec::new();
    for part in upper.split("KB").skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let kb = format!("KB{digits}");
        if (6..=7).contains(&digits.len()) && !found.contains(&kb) {
            found.push(kb);
        }
    }
    found
}

/// All changes in order of time.
pub(crate) fn steps(items: &[Item]) -> Vec<Step> {
    let mut steps: Vec<Step> =
        items.iter().enumerate().filter_map(|(at, item)| of_record(&item.record, at)).collect();
    steps.dedup_by(|later, earlier| {
        later.kind == earlier.kind
            && later.text == earlier.text
            && later.time.since(earlier.time).as_seconds() < 120
    });
    steps
}

fn of_record(record: &Record, item: usize) -> Option<Step> {
    let provider = record.provider.to_ascii_lowercase();
    let (kind, text, distance) = match provider.as_str() {
        "microsoft-windows-windowsupdateclient" => update(record)?,
        "microsoft-windows-servicing" => servicing(record)?,
        "service control manager" => service(record)?,
        "user32" if record.event_id == 1074 => restart(record),
        "eventlog" => eventlog(record)?,
        "microsoft-windows-eventlog" if matches!(record.event_id, 104 | 1102) => {
            ("log", format!("the log {} was cleared", record.field("Channel").unwrap_or(&record.channel)), 3)
        }
        "microsoft-windows-kernel-power" if record.event_id == 41 => {
            ("restart", "the machine restarted without shutting down cleanly".to_owned(), 1)
        }
        "microsoft-windows-kernel-general" if record.event_id == 1 => clock(record)?,
        "microsoft-windows-networkprofile" if record.event_id == 10000 => network(record),
        "microsoft-windows-windows firewall with advanced security" => firewall(record)?,
        "microsoft-windows-terminalservices-remoteconnectionmanager" if record.event_id == 1056 => {
            ("certificate", "a new self-signed certificate for Remote Desktop was made".to_owned(), 1)
        }
        "microsoft-windows-grouppolicy" if record.event_id == 1502 => {
            ("policy", "new computer policy was applied".to_owned(), 2)
        }
        "microsoft-windows-security-auditing" => security(record)?,
        "msiinstaller" if matches!(record.event_id, 1033 | 1034 | 11707 | 11724) => program(record)?,
        _ => return None,
    };
    let kb = if kind == "update" {
        kb_numbers(&record.fields.iter().map(|field| &*field.value).collect::<Vec<_>>().join(" "))
    } else {
        Vec::new()
    };
    Some(Step { time: record.time, kind, text, kb, item, distance })
}

type Found = (&'static str, String, u8);

fn update(record: &Record) -> Option<Found> {
    let title = record.field("updateTitle").or_else(|| record.insert(1)).unwrap_or_default();
    if record.event_id != 19 || is_minor_update(title) {
        return None;
    }
    if is_driver(title) {
        return Some(("driver", format!("driver or firmware installed by Windows Update: {title}"), 1));
    }
    Some(("update", format!("update installed: {title}"), 0))
}

fn servicing(record: &Record) -> Option<Found> {
    let package = record.field("PackageIdentifier").unwrap_or_default();
    let state = record
        .field("IntendedPackageStateTextized")
        .or_else(|| record.field("IntendedPackageState"))
        .unwrap_or_default();
    match record.event_id {
        2 | 4 => {
            let word = match state {
                "Installed" | "5112" => "installed",
                "Absent" | "5000" => "removed",
                _ => return None,
            };
            let waits = if record.event_id == 4 { " (in force after a restart)" } else { "" };
            Some(("update", format!("package {package} {word}{waits}"), 0))
        }
        8..=10 => {
            let name = record.field("UpdateName").unwrap_or_default();
            let word = if record.event_id == 9 { "switched on" } else { "switched off" };
            Some(("feature", format!("Windows feature {name} {word}"), 1))
        }
        _ => None,
    }
}

fn service(record: &Record) -> Option<Found> {
    let value = |at: usize| record.insert(at).unwrap_or_default();
    match record.event_id {
        7045 => {
            let is_driver =
                value(3).to_lowercase().contains("driver") || value(2).to_lowercase().ends_with(".sys");
            let kind = if is_driver { "driver" } else { "service" };
            Some((kind, format!("{kind} installed: {} ({})", value(1), value(2)), 1))
        }
        7040 => {
            let name = short_name(record.insert(4).unwrap_or(value(1)));
            let is_near =
                matches!(name.as_str(), "TermService" | "SessionEnv" | "UmRdpService" | "mpssvc" | "BFE");
            if matches!(name.as_str(), "BITS" | "TrustedInstaller" | "wuauserv") {
                return None;
            }
            let text = format!("start type of {name} changed from {} to {}", value(2), value(3));
            Some(("start_type", text, if is_near { 0 } else { 3 }))
        }
        _ => None,
    }
}

fn restart(record: &Record) -> Found {
    let value = |at: usize| record.insert(at).unwrap_or_default().trim();
    let process = value(1).rsplit('\\').next().unwrap_or_default().split(" (").next().unwrap_or_default();
    let user = if value(7).is_empty() { String::new() } else { format!(" for {}", value(7)) };
    let reason = if value(3).is_empty() { String::new() } else { format!(": {}", value(3)) };
    (
        "restart",
        format!(
            "{} asked for by {process}{user}{reason}",
            if value(5).is_empty() { "restart" } else { value(5) }
        ),
        1,
    )
}

fn eventlog(record: &Record) -> Option<Found> {
    match record.event_id {
        6005 => Some(("restart", "the machine started".to_owned(), 1)),
        6008 => Some(("restart", "the shutdown before was unexpected".to_owned(), 1)),
        6011 => Some((
            "rename",
            format!(
                "the computer was renamed from {} to {}",
                record.insert(1).unwrap_or("?"),
                record.insert(2).unwrap_or("?")
            ),
            1,
        )),
        _ => None,
    }
}

/// Jumps of the clock of a minute or more; smaller ones are ordinary synchronisation.
fn clock(record: &Record) -> Option<Found> {
    let time = |name: &str| record.field(name).and_then(Time::parse);
    let (new, old) = time("NewTime").zip(time("OldTime"))?;
    let seconds = new.since(old).as_seconds();
    (seconds.abs() >= 60).then(|| ("clock", format!("the clock was set by {seconds} seconds"), 2))
}

fn network(record: &Record) -> Found {
    let name = record.field("Name").unwrap_or("a network");
    let category = match record.field("Category").unwrap_or_default() {
        "0" => "public",
        "1" => "private",
        "2" => "domain",
        other => other,
    };
    ("network", format!("connected to {name}, category {category}"), 1)
}

fn firewall(record: &Record) -> Option<Found> {
    let rule = record.field("RuleName").unwrap_or_default();
    let word = match record.event_id {
        2004 | 2071 | 2097 => "added",
        2005 | 2073 | 2099 => "changed",
        2006 | 2052 => "deleted",
        2033 => return Some(("firewall", "all firewall rules were deleted".to_owned(), 0)),
        2008 => return Some(("policy", "new policy of the firewall was applied".to_owned(), 2)),
        2032 | 2060 => {
            return Some(("firewall", "all firewall rules were put back to their defaults".to_owned(), 0));
        }
        2003 => return Some(("firewall", "a firewall profile's setting changed".to_owned(), 1)),
        2010 => {
            return Some(("network", "the firewall profile of a network interface changed".to_owned(), 1));
        }
        _ => return None,
    };
    let port = record.field("LocalPorts").unwrap_or_default();
    let is_near = port.split(',').any(|port| port.trim() == "3389")
        || rule.to_lowercase().contains("remote desktop")
        || record.field("ApplicationPath").is_some_and(|path| path.to_lowercase().contains("termsrv"));
    is_near.then(|| ("firewall", format!("firewall rule {word}: {rule}"), 0))
}

/// Rights, audit and domain policy; only what says which.
fn security(record: &Record) -> Option<Found> {
    let text = match record.event_id {
        4704 | 4717 => "a right of an account was granted",
        4705 | 4718 => "a right of an account was taken away",
        4719 => "the audit policy changed",
        4739 => "the domain policy changed",
        _ => return None,
    };
    Some(("policy", text.to_owned(), 2))
}

fn program(record: &Record) -> Option<Found> {
    let name = record.insert(1).filter(|name| !name.is_empty())?;
    let word = if matches!(record.event_id, 1034 | 11724) { "removed" } else { "installed" };
    Some(("program", format!("program {word}: {name}"), 3))
}

#[cfg(test)]
mod tests {
    use super::{is_minor_update, kb_numbers};

    #[test]
    fn kb_numbers_in_any_language() {
        assert_eq!(
            kb_numbers("2024-01 Kumulatives Update (KB5034127), kb5034129"),
            ["KB5034127", "KB5034129"]
        );
        assert!(kb_numbers("KB12 KBabc").is_empty());
    }

    #[test]
    fn store_packages_and_definitions_are_minor() {
        assert!(is_minor_update("9WZDNCRFJBMP-MICROSOFT.WINDOWSSTORE"));
        assert!(is_minor_update("Security Intelligence Update for Microsoft Defender Antivirus - KB2267602"));
        assert!(!is_minor_update("2024-01 Cumulative Update for Windows Server 2019 (KB5034127)"));
    }
}
