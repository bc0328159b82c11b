//! Which Windows updates a host has: installed, waiting, failed, rolled back, removed, or known from its build alone.
//!
//! Setup (Servicing) and the update client tell of the same installation in records of their own, before and after
//! the restart; they are put together by KB number. Store packages, definitions and what Windows cleans up after
//! newer updates are left out.

use std::collections::BTreeMap;

use super::builds;
use super::changes::{is_minor_update, kb_numbers};
use super::identity::Identity;
use crate::evtx::{Record, Span, Time};
use crate::report::{UpdateState, WindowsUpdate};
use crate::scan::Item;
use crate::text::codes;

/// How long the two writers may be apart about one installation: weeks may pass before somebody restarts.
const TOGETHER: Span = Span::days(60);
/// Failures of one update with one code that are this near are one failure.
const SAME_FAILURE: Span = Span::hours(1);

/// The history of a host, oldest first.
pub(crate) fn history(items: &[Item], identity: &Identity) -> Vec<WindowsUpdate> {
    let mut builder = Builder { boots: &identity.boots, ..Builder::default() };
    for item in items {
        builder.take(&item.record);
    }
    let mut updates: Vec<WindowsUpdate> =
        builder.all.iter().filter_map(|operation| finished(operation, identity)).collect();
    name_builds(&mut updates, identity);
    from_builds(&mut updates, identity);
    taken_back(&mut updates, identity);
    updates.sort_by(|left, right| {
        (left.time, &left.kb, &left.title, left.state).cmp(&(
            right.time,
            &right.kb,
            &right.title,
            right.state,
        ))
    });
    updates
}

/// One installation or removal of one update.
#[derive(Debug, Clone, Default)]
struct Operation {
    kb: String,
    title: String,
    begun: Time,
    /// Since when it waits for a restart.
    waits: Option<Time>,
    /// How it ended, and when.
    end: Option<(UpdateState, Time)>,
    code: Option<String>,
    is_removal: bool,
    /// The update client says that it succeeded, though it still waits.
    is_confirmed: bool,
    /// Windows cleans up, or installs again what is there.
    is_hidden: bool,
}

#[derive(Default)]
struct Builder<'a> {
    boots: &'a [Time],
    all: Vec<Operation>,
    latest: BTreeMap<String, usize>,
}

impl Builder<'_> {
    fn take(&mut self, record: &Record) {
        if record.provider.eq_ignore_ascii_case("Microsoft-Windows-Servicing") {
            self.servicing(record);
        } else if record.provider.eq_ignore_ascii_case("Microsoft-Windows-WindowsUpdateClient") {
            self.client(record);
        }
    }

    fn servicing(&mut self, record: &Record) {
        let package = record.field("PackageIdentifier").or_else(|| record.field("identifier"));
        let Some((key, kb)) = package.and_then(package_key) else { return };
        let intended = package_state(record, "Intended");
        let time = record.time;
        match (record.event_id, intended) {
            (1, "Installed" | "Absent") => self.begin(&key, kb, record),
            (2, "Installed" | "Permanent") => self.end(&key, &kb, UpdateState::Installed, time),
            (2, "Absent") => self.end(&key, &kb, UpdateState::Uninstalled, time),
            (3 | 6, _) => {
                let code = record.field("ErrorCode").map(named);
                self.fail(&key, &kb, time, code);
            }
            (4, "Installed" | "Absent") => {
                let operation = self.open(&key, &kb, time);
                operation.waits.get_or_insert(time);
                operation.is_removal |= intended == "Absent";
            }
            _ => {}
        }
    }

    /// Servicing 1: a package leaves one state for another.
    fn begin(&mut self, key: &str, kb: String, record: &Record) {
        let (initial, intended) = (package_state(record, "Initial"), package_state(record, "Intended"));
        if initial == "Absent"
            && let Some(before) = self.latest.get(key).and_then(|at| self.all.get_mut(*at))
            && before.end.is_none()
            && before
                .waits
                .is_some_and(|waits| self.boots.iter().any(|boot| (waits..record.time).contains(boot)))
        {
            before.end = Some((UpdateState::RolledBack, record.time));
        }
        let operation = Operation {
            kb,
            title: String::new(),
            begun: record.time,
            is_removal: intended == "Absent",
            is_hidden: initial == intended || initial == "Superseded",
            ..Operation::default()
        };
        self.push(key, operation);
    }

    fn push(&mut self, key: &str, operation: Operation) {
        self.latest.insert(key.to_owned(), self.all.len());
        self.all.push(operation);
    }

    /// The operation that is under way, or one that begins here because the log does not reach back to its beginning.
    fn open(&mut self, key: &str, kb: &str, time: Time) -> &mut Operation {
        let known = self.latest.get(key).copied();
        let is_open = known
            .and_then(|at| self.all.get(at))
            .is_some_and(|own| own.end.is_none() && time.since(own.begun) <= TOGETHER);
        if !is_open {
            self.push(key, Operation { kb: kb.to_owned(), begun: time, ..Operation::default() });
        }
        let at = self.latest.get(key).copied().unwrap_or_default();
        self.all.get_mut(at).expect("the place of an operation is kept when it is added")
    }

    /// Whether the latest operation ended in this state not long ago: two writers tell of one end.
    fn is_told(&self, key: &str, state: UpdateState, time: Time, span: Span) -> bool {
        let latest = self.latest.get(key).and_then(|at| self.all.get(*at));
        latest.and_then(|own| own.end).is_some_and(|(own, at)| own == state && time.since(at) <= span)
    }

    fn end(&mut self, key: &str, kb: &str, state: UpdateState, time: Time) {
        if self.is_told(key, state, time, TOGETHER) {
            return;
        }
        self.open(key, kb, time).end = Some((state, time));
    }

    fn fail(&mut self, key: &str, kb: &str, time: Time, code: Option<String>) {
        let boots = self.boots;
        let latest = self.latest.get(key).and_then(|at| self.all.get(*at));
        let is_same = latest.is_some_and(|own| own.code == code);
        let is_told = |state| is_same && self.is_told(key, state, time, SAME_FAILURE);
        if is_told(UpdateState::Failed) || is_told(UpdateState::RolledBack) {
            return;
        }
        let operation = self.open(key, kb, time);
        let has_restarted =
            operation.waits.is_some_and(|waits| boots.iter().any(|boot| (waits..=time).contains(boot)));
        let state = if has_restarted { UpdateState::RolledBack } else { UpdateState::Failed };
        operation.end = Some((state, time));
        operation.code = code;
    }

    fn client(&mut self, record: &Record) {
        let title = record.field("updateTitle").or_else(|| record.field("updatelist"));
        let place = if record.event_id == 20 { 2 } else { 1 };
        let title = title.or_else(|| record.insert(place)).unwrap_or_default().trim();
        if title.is_empty() || is_minor_update(title) {
            return;
        }
        if matches!(record.event_id, 21 | 22) {
            for kb in kb_numbers(title) {
                if let Some(own) = self.latest.get(&kb).and_then(|at| self.all.get_mut(*at))
                    && own.end.is_none()
                {
                    own.waits.get_or_insert(record.time);
                }
            }
            return;
        }
        if !matches!(record.event_id, 19 | 20 | 23 | 43 | 212) {
            return;
        }
        let kbs = kb_numbers(title);
        let kb =
            kbs.iter().find(|kb| self.latest.contains_key(*kb)).or(kbs.first()).cloned().unwrap_or_default();
        let key = if kb.is_empty() { title.to_owned() } else { kb.clone() };
        self.told(&key, &kb, record);
        if let Some(own) = self.latest.get(&key).and_then(|at| self.all.get_mut(*at)) {
            title.clone_into(&mut own.title);
        }
    }

    fn told(&mut self, key: &str, kb: &str, record: &Record) {
        let time = record.time;
        match record.event_id {
            20 => {
                let code = record.field("errorCode").or_else(|| record.insert(1)).map(named);
                self.fail(key, kb, time, code);
            }
            23 => self.end(key, kb, UpdateState::Uninstalled, time),
            212 => self.end(key, kb, UpdateState::RolledBack, time),
            19 if self.is_told(key, UpdateState::Installed, time, TOGETHER) => {}
            19 => {
                let boots = self.boots;
                let own = self.open(key, kb, time);
                own.is_confirmed = true;
                let is_waiting =
                    own.waits.is_some_and(|waits| !boots.iter().any(|boot| (waits..=time).contains(boot)));
                if !is_waiting {
                    own.end = Some((UpdateState::Installed, time));
                }
            }
            _ if self.is_told(key, UpdateState::Installed, time, SAME_FAILURE) => {}
            _ => drop(self.open(key, kb, time)),
        }
    }
}

/// What identifies the update of a package, and its KB; `None` for features, languages and parts of Windows.
fn package_key(package: &str) -> Option<(String, String)> {
    if let Some(kb) = kb_numbers(package).into_iter().next() {
        return Some((kb.clone(), kb));
    }
    let version = package.strip_prefix("Package_for_RollupFix~")?.rsplit('~').next()?;
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let info =
        numbers.next().zip(numbers.next()).and_then(|(build, revision)| builds::lookup(build, revision));
    let kb = info.and_then(|info| info.updates.first().copied()).unwrap_or_default().to_owned();
    Some((if kb.is_empty() { package.to_owned() } else { kb.clone() }, kb))
}

/// The state of a package as the word that all versions of Windows know it by.
fn package_state<'a>(record: &'a Record, which: &str) -> &'a str {
    let textized = record.field(&format!("{which}PackageStateTextized"));
    let state = textized.or_else(|| record.field(&format!("{which}PackageState"))).unwrap_or_default();
    match state {
        "5112" => "Installed",
        "5000" => "Absent",
        "5080" => "Superseded",
        "5128" => "Permanent",
        other => other,
    }
}

/// A code with its name.
fn named(code: &str) -> String {
    let Some(value) = codes::parse(code) else { return code.to_owned() };
    let known = codes::lookup_in("windows-update", value).or_else(|| codes::lookup(value).into_iter().next());
    let name = known.map(|code| format!(" {}", code.label())).unwrap_or_default();
    format!("0x{value:08X}{name}")
}

/// An operation as a line of the history; `None` when it came to nothing.
fn finished(operation: &Operation, identity: &Identity) -> Option<WindowsUpdate> {
    if operation.is_hidden {
        return None;
    }
    let from = operation.waits.unwrap_or(operation.begun);
    let restart = identity.boots.iter().copied().find(|boot| *boot >= from);
    let (state, time) = match (operation.end, operation.waits, restart) {
        (Some(end), ..) => end,
        (None, Some(_), Some(boot)) if operation.is_confirmed || is_new_build(boot, identity) => {
            let state = if operation.is_removal { UpdateState::Uninstalled } else { UpdateState::Installed };
            (state, boot)
        }
        (None, Some(waits), _) => (UpdateState::Pending, waits),
        (None, None, _) => return None,
    };
    let restart = restart.filter(|_| matches!(state, UpdateState::Installed | UpdateState::Uninstalled));
    Some(WindowsUpdate {
        time,
        kb: operation.kb.clone(),
        title: operation.title.clone(),
        state,
        code: operation.code.clone(),
        build: None,
        restart,
    })
}

/// Whether the kernel that started here is another one than that of the start before.
fn is_new_build(boot: Time, identity: &Identity) -> bool {
    identity.builds.windows(2).any(|pair| match pair {
        [before, after] => (before.1, before.2) != (after.1, after.2) && is_same_boot(after.0, boot),
        _ => false,
    })
}

fn is_same_boot(left: Time, right: Time) -> bool {
    let apart = left.since(right);
    apart < Span::minutes(10) && apart > Span::minutes(-10)
}

/// Fills in the build that an update leads to: from the table, else from the start that put it in force.
fn name_builds(updates: &mut [WindowsUpdate], identity: &Identity) {
    for update in updates.iter_mut() {
        let own = identity.build.unwrap_or_default();
        let listed = builds::kb_build(&update.kb)
            .into_iter()
            .find(|(build, _)| *build == own || builds::kernel_build(*build) == own);
        let Some((build, revision)) = listed else { continue };
        update.build = Some(format!("{build}.{revision}"));
        if update.state != UpdateState::Installed {
            continue;
        }
        let first = identity.builds.iter().find(|(_, _, running)| *running >= revision);
        // The record of the installation can come after the start that put it in force.
        if let Some((boot, ..)) =
            first.filter(|(boot, ..)| update.restart.is_none_or(|restart| *boot < restart))
        {
            update.restart =
                Some(*boot).filter(|boot| update.time.since(*boot) < TOGETHER).or(update.restart);
        }
    }
    for pair in identity.builds.windows(2) {
        let [before, after] = pair else { continue };
        if (before.1, before.2) == (after.1, after.2) {
            continue;
        }
        let put = |update: &WindowsUpdate| {
            update.state == UpdateState::Installed
                && update.build.is_none()
                && update.restart.is_some_and(|boot| is_same_boot(boot, after.0))
        };
        let is_cumulative = |update: &WindowsUpdate| update.title.to_lowercase().contains("umulativ");
        let count = updates.iter().filter(|update| put(update)).count();
        let named = updates.iter_mut().filter(|update| put(update) && (count == 1 || is_cumulative(update)));
        for update in named {
            update.build = Some(format!("{}.{}", after.1, after.2));
        }
    }
}

/// Updates that only the build shows, because the log of their installation is gone.
fn from_builds(updates: &mut Vec<WindowsUpdate>, identity: &Identity) {
    let mut before = None;
    for (time, build, revision) in &identity.builds {
        let is_new = before.replace((*build, *revision)) != Some((*build, *revision));
        let is_known = updates.iter().any(|update| {
            let is_there = matches!(update.state, UpdateState::Installed | UpdateState::FromBuild);
            let is_this = update.build.as_deref().is_some_and(|own| own.ends_with(&format!(".{revision}")));
            is_there && is_this
        });
        if !is_new || is_known {
            continue;
        }
        let listed = builds::lookup(*build, *revision);
        let kbs = listed.map(|info| info.updates).unwrap_or_default();
        let title = match builds::newest_listed(*build, *revision).filter(|_| kbs.is_empty()) {
            Some(listed) => {
                let kbs =
                    builds::lookup(*build, listed).map(|info| info.updates.join(", ")).unwrap_or_default();
                format!("an update after {build}.{listed} ({kbs})")
            }
            None if kbs.is_empty() => continue,
            None => kbs.join(", "),
        };
        updates.push(WindowsUpdate {
            time: *time,
            kb: kbs.first().copied().unwrap_or_default().to_owned(),
            title,
            state: UpdateState::FromBuild,
            code: None,
            build: Some(format!("{build}.{revision}")),
            restart: Some(*time),
        });
    }
}

/// A kernel older than that of the start before: its update was removed.
fn taken_back(updates: &mut Vec<WindowsUpdate>, identity: &Identity) {
    for pair in identity.builds.windows(2) {
        let [before, after] = pair else { continue };
        if before.1 != after.1 || after.2 >= before.2 {
            continue;
        }
        let end = format!(".{}", before.2);
        let is_this =
            |update: &&WindowsUpdate| update.build.as_deref().is_some_and(|own| own.ends_with(&end));
        let is_told = updates.iter().filter(is_this).any(|update| {
            matches!(update.state, UpdateState::Uninstalled | UpdateState::RolledBack)
                && update.time >= before.0
                && update.time.since(after.0) < Span::days(1)
        });
        let Some(known) = updates.iter().find(is_this).filter(|_| !is_told) else { continue };
        let state = UpdateState::Uninstalled;
        updates.push(WindowsUpdate { time: after.0, state, restart: Some(after.0), ..known.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity;
    use super::history;
    use crate::rule::case::records_of;
    use crate::scan::{HostScan, Item};

    /// State, KB, day and hour, code, build, of each update.
    fn told(text: &str) -> Vec<String> {
        let items = records_of(text).into_iter().map(|record| Item { record, atoms: Vec::new(), weight: 1 });
        let host = HostScan { items: items.collect(), ..HostScan::default() };
        let identity = identity::identify(&host);
        let lines = history(&host.items, &identity).into_iter().map(|update| {
            let restart = update.restart.map(minute).unwrap_or_default();
            let parts = [
                format!("{:?}", update.state),
                update.kb,
                minute(update.time),
                restart,
                update.code.unwrap_or_default(),
                update.build.unwrap_or_default(),
            ];
            parts.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
        });
        lines.collect()
    }

    fn minute(time: crate::evtx::Time) -> String {
        time.rfc3339().chars().skip(5).take(11).collect()
    }

    fn servicing(at: &str, event_id: u32, kb: &str, state: &str, more: &str) -> String {
        format!(
            "- {{at: '2026-01-{at}:00', provider: Microsoft-Windows-Servicing, event_id: {event_id}, \
             data: {{PackageIdentifier: '{kb}', IntendedPackageStateTextized: {state}{more}}}}}\n"
        )
    }

    fn client(at: &str, event_id: u32, title: &str, more: &str) -> String {
        format!(
            "- {{at: '2026-01-{at}:00', provider: Microsoft-Windows-WindowsUpdateClient, event_id: {event_id}, \
             data: {{updateTitle: '{title}'{more}}}}}\n"
        )
    }

    fn boot(at: &str, revision: u32) -> String {
        format!(
            "- {{at: '2026-01-{at}:00', provider: Microsoft-Windows-Kernel-General, event_id: 12, \
             data: {{BuildVersion: '17763', QfeVersion: '{revision}'}}}}\n"
        )
    }

    const KB: &str = "KB5041578";
    const TITLE: &str = "Kumulatives Update (KB5041578)";
    const ABSENT: &str = ", InitialPackageStateTextized: Absent";

    #[test]
    fn two_writers_tell_of_one_installation() {
        let text = [
            client("02 02:00", 43, TITLE, ""),
            servicing("02 02:10", 1, KB, "Installed", ABSENT),
            servicing("02 02:20", 4, KB, "Installed", ""),
            client("02 02:21", 19, TITLE, ""),
            boot("05 03:00", 6189),
            servicing("05 03:01", 2, KB, "Installed", ""),
        ];
        assert_eq!(told(&text.concat()), ["Installed KB5041578 01-05T03:01 01-05T03:00 17763.6189"]);
        assert_eq!(told(&text[..4].concat()), ["Pending KB5041578 01-02T02:20"]);
        assert_eq!(told(&text[..5].concat()), ["Installed KB5041578 01-05T03:00 01-05T03:00 17763.6189"]);
    }

    #[test]
    fn installation_told_after_its_restart_is_paired_with_it() {
        let text = [
            boot("01 03:00", 6054),
            boot("05 03:00", 6189),
            client("05 03:10", 19, TITLE, ""),
            boot("09 03:00", 6189),
        ];
        assert_eq!(
            told(&text.concat()),
            [
                "FromBuild KB5040430 01-01T03:00 01-01T03:00 17763.6054",
                "Installed KB5041578 01-05T03:10 01-05T03:00 17763.6189"
            ]
        );
    }

    #[test]
    fn failures_name_their_code_once() {
        let code = ", errorCode: '0x800f0922'";
        let text = [
            client("02 02:00", 20, TITLE, code),
            client("02 02:00", 20, TITLE, code),
            client("03 02:00", 20, TITLE, code),
        ];
        let found = told(&text.concat());
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("Failed KB5041578 01-02T02:00 0x800F0922"), "{found:?}");
    }

    #[test]
    fn failure_after_the_restart_is_a_rollback() {
        let text = [
            servicing("02 02:10", 1, KB, "Installed", ABSENT),
            servicing("02 02:20", 4, KB, "Installed", ""),
            boot("02 03:00", 6054),
            servicing("02 03:01", 3, KB, "Installed", ", ErrorCode: '0x800f0922'"),
        ];
        let found = told(&text.concat());
        assert!(
            found.iter().any(|line| line.starts_with("RolledBack KB5041578 01-02T03:01 0x800F0922")),
            "{found:?}"
        );
    }

    #[test]
    fn removal_is_told_from_cleaning_up() {
        let text = [
            boot("01 03:00", 6189),
            servicing("02 02:10", 1, KB, "Absent", ", InitialPackageStateTextized: Installed"),
            servicing("02 02:20", 4, KB, "Absent", ""),
            boot("02 03:00", 6054),
            servicing("02 03:01", 2, KB, "Absent", ""),
            servicing("03 03:00", 1, "KB5030000", "Absent", ", InitialPackageStateTextized: Superseded"),
            servicing("03 03:01", 2, "KB5030000", "Absent", ""),
        ];
        assert_eq!(
            told(&text.concat()),
            [
                "FromBuild KB5041578 01-01T03:00 01-01T03:00 17763.6189",
                "FromBuild KB5040430 01-02T03:00 01-02T03:00 17763.6054",
                "Uninstalled KB5041578 01-02T03:01 01-02T03:00 17763.6189",
            ]
        );
        assert!(
            told(&[boot("01 03:00", 6189), boot("02 03:00", 6054)].concat())
                .iter()
                .any(|line| line.starts_with("Uninstalled KB5041578"))
        );
    }

    #[test]
    fn store_packages_and_definitions_are_left_out() {
        let text = [
            client("02 02:00", 19, "9WZDNCRFJBMP-MICROSOFT.WINDOWSSTORE", ""),
            client("02 02:00", 19, "Security Intelligence Update - KB2267602", ""),
        ];
        assert_eq!(told(&text.concat()), [""; 0]);
    }
}
