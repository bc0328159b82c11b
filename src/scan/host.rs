//! Computer names become hosts: one machine under several names is one, a forwarded log with many is many.
//!
//! What tells them apart is the record id. A machine numbers the records of a channel without gaps whatever it is
//! called at the time; machines whose events were collected keep their own numbers, so that ids overlap or leave
//! large gaps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Scan;
use super::tally::{Computer, Cover, Log};
use crate::evtx::{Fault, Record, Time};
use crate::rule::AtomId;

/// One kept record with what it matched and how many it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) record: Record,
    pub(crate) atoms: Vec<AtomId>,
    pub(crate) weight: u64,
}

/// Everything that was kept of one machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostScan {
    /// The newest full name.
    pub(crate) name: String,
    /// Its other names, sorted.
    pub(crate) other_names: Vec<String>,
    /// Kept records in order of time.
    pub(crate) items: Vec<Item>,
    pub(crate) coverage: Coverage,
    pub(crate) logs: Vec<HostLog>,
    pub(crate) faults: Vec<Fault>,
    /// Errors and warnings by kind and day since 1970.
    pub(crate) signatures: BTreeMap<(Arc<str>, u32), BTreeMap<i64, u64>>,
    pub(crate) records: u64,
}

/// One log of a host.
#[derive(Debug, Clone)]
pub(crate) struct HostLog {
    pub(crate) name: Arc<str>,
    pub(crate) channels: BTreeMap<Arc<str>, Cover>,
}

/// Which times the channels of a host cover.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coverage {
    channels: BTreeMap<String, Cover>,
    pub(crate) first: Option<Time>,
    pub(crate) last: Option<Time>,
}

/// Whether a channel covers a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Covered {
    Yes,
    /// The channel is not among the logs.
    Missing,
    /// It begins later.
    StartsAt(Time),
}

impl Coverage {
    fn add(&mut self, channel: &str, cover: Cover) {
        self.channels.entry(channel.to_ascii_lowercase()).and_modify(|own| own.join(cover)).or_insert(cover);
        let Some((from, to)) = cover.times() else { return };
        self.first = Some(self.first.map_or(from, |first| first.min(from)));
        self.last = Some(self.last.map_or(to, |last| last.max(to)));
    }

    /// Takes one record into account.
    pub(crate) fn see(&mut self, record: &Record) {
        self.add(&record.channel, Cover::at(record.time, record.record_id));
    }

    /// The span of a channel.
    pub(crate) fn channel(&self, name: &str) -> Option<Cover> {
        self.channels.get(&name.to_ascii_lowercase()).copied()
    }

    /// Whether a channel reaches back to `from`. Logs of one host are exported together, so a channel that is there
    /// and says nothing until the newest record of the host has nothing to say.
    pub(crate) fn reaches(&self, channel: &str, from: Time) -> Covered {
        match self.channel(channel) {
            None => Covered::Missing,
            Some(cover) if cover.first > from => Covered::StartsAt(cover.first),
            Some(_) => Covered::Yes,
        }
    }
}

/// One machine of a scan, whose records are not unpacked yet.
pub(crate) struct Machine<'a> {
    scan: &'a Scan,
    host: HostScan,
    /// Its names as logs spell them, of which records were kept.
    computers: Vec<&'a Arc<str>>,
}

impl Machine<'_> {
    /// Everything that was kept of it.
    pub(crate) fn load(self) -> HostScan {
        let mut host = self.host;
        for name in self.computers {
            take(&mut host, self.scan.kept.computer(name));
        }
        host.items.sort_by(|left, right| position(&left.record).cmp(&position(&right.record)));
        host
    }
}

/// All machines of a scan, by name.
pub(crate) fn machines(scan: &Scan) -> Vec<Machine<'_>> {
    let logs = &scan.kept.logs;
    let mut groups = Groups::new(logs.values());
    groups.join_renamed(logs.values());
    groups.join_short_names();
    let owners = groups.owners();
    let mut builds: Vec<Build<'_>> = Vec::new();
    builds.resize_with(owners.values().max().map_or(0, |last| last + 1), Build::default);
    for (name, log) in logs {
        for ((computer, channel), cover) in &log.covers {
            let owner = owners.get(&computer.to_lowercase());
            if let Some(build) = owner.and_then(|owner| builds.get_mut(*owner)) {
                build.cover((name, log), (computer, channel), *cover);
            }
        }
    }
    for name in scan.kept.computers() {
        let owner = owners.get(&name.to_lowercase());
        if let Some(build) = owner.and_then(|owner| builds.get_mut(*owner)) {
            build.computers.push(name);
        }
    }
    let mut machines: Vec<Machine<'_>> = builds.into_iter().map(|build| build.finish(scan)).collect();
    machines.sort_by(|left, right| left.host.name.cmp(&right.host.name));
    machines
}

/// Sets of names that are one machine; names are lower case.
struct Groups {
    parent: BTreeMap<String, String>,
}

impl Groups {
    fn new<'a>(logs: impl Iterator<Item = &'a Log>) -> Self {
        let names = logs.flat_map(|log| log.covers.keys()).map(|(computer, _)| computer.to_lowercase());
        Self { parent: names.filter(|name| !name.is_empty()).map(|name| (name.clone(), name)).collect() }
    }

    fn root(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while let Some(parent) = self.parent.get(&name).filter(|parent| **parent != name) {
            name.clone_from(parent);
        }
        name
    }

    fn join(&mut self, left: &str, right: &str) {
        let (left, right) = (self.root(left), self.root(right));
        if left != right {
            let (low, high) = if left < right { (left, right) } else { (right, left) };
            self.parent.insert(high, low);
        }
    }

    /// Names whose records in one channel of one log share an unbroken numbering.
    fn join_renamed<'a>(&mut self, logs: impl Iterator<Item = &'a Log>) {
        for log in logs {
            let mut channels: BTreeMap<&str, BTreeMap<String, Cover>> = BTreeMap::new();
            for ((computer, channel), cover) in &log.covers {
                let names = channels.entry(channel).or_default();
                names.entry(computer.to_lowercase()).and_modify(|own| own.join(*cover)).or_insert(*cover);
            }
            for (channel, names) in channels {
                let is_collected = channel.eq_ignore_ascii_case("ForwardedEvents");
                if names.len() < 2 || is_collected || names.contains_key("") {
                    continue;
                }
                let covers: Vec<(&String, &Cover)> = names.iter().collect();
                if is_one_numbering(&covers) || is_renamed_in_order(&covers) {
                    let Some((first, rest)) = covers.split_first() else { continue };
                    rest.iter().for_each(|other| self.join(first.0, other.0));
                }
            }
        }
    }

    /// A short name is the long one that begins with it, when there is only one such.
    fn join_short_names(&mut self) {
        let mut long_names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.parent.keys() {
            if let Some((short, _)) =
                name.split_once('.').filter(|(short, _)| self.parent.contains_key(*short))
            {
                long_names.entry(short.to_owned()).or_default().push(name.clone());
            }
        }
        for (short, names) in long_names {
            let roots: BTreeSet<String> = names.iter().map(|name| self.root(name)).collect();
            if let (1, Some(only)) = (roots.len(), roots.first()) {
                self.join(&short, only);
            }
        }
    }

    /// The number of the machine that each name belongs to.
    fn owners(&self) -> HashMap<String, usize> {
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut owners = HashMap::new();
        for name in self.parent.keys() {
            let fresh = numbers.len();
            owners.insert(name.clone(), *numbers.entry(self.root(name)).or_insert(fresh));
        }
        owners
    }
}

/// Whether the ids of all names fill one range nearly without gaps and without overlap.
fn is_one_numbering(covers: &[(&String, &Cover)]) -> bool {
    let records: u64 = covers.iter().map(|(_, cover)| cover.records).sum();
    let lowest = covers.iter().map(|(_, cover)| cover.lowest_id).min().unwrap_or(0);
    let highest = covers.iter().map(|(_, cover)| cover.highest_id).max().unwrap_or(0);
    let range = (highest - lowest).saturating_add(1);
    records <= range && records.saturating_mul(10) >= range.saturating_mul(9)
}

/// Whether a log that was filtered on export shows a few names one after another, first a name that Windows makes up.
fn is_renamed_in_order(covers: &[(&String, &Cover)]) -> bool {
    let mut sorted: Vec<&(&String, &Cover)> = covers.iter().collect();
    sorted.sort_by_key(|(_, cover)| cover.lowest_id);
    let in_order = sorted.windows(2).all(|pair| match pair {
        [(_, left), (_, right)] => left.highest_id < right.lowest_id && left.last <= right.first,
        _ => true,
    });
    let count = sorted.len();
    in_order && sorted.iter().take(count - 1).all(|(name, _)| is_made_up(name))
}

/// Names that Windows Setup and cloud images give before somebody names the machine.
fn is_made_up(name: &str) -> bool {
    let short = name.split('.').next().unwrap_or(name);
    ["win-", "desktop-", "ec2amaz-", "minint-", "laptop-"].iter().any(|start| short.starts_with(start))
        || short == "minwinpc"
}

/// A machine, log by log.
#[derive(Default)]
struct Build<'a> {
    host: HostScan,
    /// When each spelling of its names was seen last.
    spelled: BTreeMap<&'a str, Time>,
    computers: Vec<&'a Arc<str>>,
}

impl<'a> Build<'a> {
    /// Takes in what one log, which may have been the last one too, covers under one name.
    fn cover(
        &mut self,
        (name, log): (&'a Arc<str>, &'a Log),
        place: (&'a Arc<str>, &Arc<str>),
        cover: Cover,
    ) {
        let host = &mut self.host;
        let (computer, channel) = place;
        if host.logs.last().is_none_or(|last| last.name != *name) {
            host.logs.push(HostLog { name: Arc::clone(name), channels: BTreeMap::new() });
            host.faults.extend(log.faults.iter().cloned());
        }
        host.coverage.add(channel, cover);
        host.records += cover.records;
        if let Some(last) = host.logs.last_mut() {
            let channels = &mut last.channels;
            channels.entry(Arc::clone(channel)).and_modify(|own| own.join(cover)).or_insert(cover);
        }
        let last = self.spelled.entry(computer).or_insert(cover.last);
        *last = (*last).max(cover.last);
    }

    fn finish(mut self, scan: &'a Scan) -> Machine<'a> {
        name_host(&mut self.host, &self.spelled);
        Machine { scan, host: self.host, computers: self.computers }
    }
}

fn position(record: &Record) -> (Time, &str, u64, &str, u32) {
    (record.time, &record.channel, record.record_id, &record.provider, record.event_id)
}

fn take(host: &mut HostScan, computer: Computer) {
    for ((kind, _), bucket) in computer.buckets {
        for (record, weight) in bucket.weighted() {
            host.items.push(Item { record, atoms: kind.atoms.clone(), weight });
        }
    }
    for (key, days) in computer.signatures {
        let own = host.signatures.entry(key).or_default();
        days.into_iter().for_each(|(day, count)| *own.entry(day).or_default() += count);
    }
}

/// The name is the one seen last; a full name wins over its own short form.
fn name_host(host: &mut HostScan, spelled: &BTreeMap<&str, Time>) {
    let newest = spelled.iter().max_by(|left, right| left.1.cmp(right.1).then_with(|| right.0.cmp(left.0)));
    let Some((newest, _)) = newest else { return };
    let full = spelled
        .keys()
        .find(|name| name.split_once('.').is_some_and(|(short, _)| short.eq_ignore_ascii_case(newest)));
    host.name = (*full.unwrap_or(newest)).to_owned();
    let others = spelled.keys().filter(|name| !name.eq_ignore_ascii_case(&host.name));
    host.other_names = others.map(|name| (*name).to_owned()).collect();
}

#[cfg(test)]
mod tests {
    use super::{Cover, Scan, machines};
    use crate::evtx::Time;
    use std::sync::Arc;

    fn names(covers: &[(&str, u64, u64, u64)]) -> Vec<(String, Vec<String>)> {
        let mut scan = Scan::default();
        let log = scan.kept.logs.entry(Arc::from("System.evtx")).or_default();
        for (at, (name, lowest_id, highest_id, records)) in (0i64..).zip(covers) {
            let time = Time(at * 1_000_000);
            let cover = Cover {
                records: *records,
                first: time,
                last: time,
                lowest_id: *lowest_id,
                highest_id: *highest_id,
            };
            log.cover(&Arc::from(*name), &Arc::from("System"), cover);
        }
        let hosts = machines(&scan).into_iter().map(super::Machine::load);
        hosts.map(|host| (host.name, host.other_names)).collect()
    }

    #[test]
    fn a_renamed_machine_is_one_host_under_its_last_full_name() {
        let found = names(&[("WIN-ABC", 1, 10, 10), ("SRV1", 11, 20, 10), ("SRV1.corp.example", 21, 30, 10)]);
        assert_eq!(found, [("SRV1.corp.example".to_owned(), vec!["SRV1".to_owned(), "WIN-ABC".to_owned()])]);
    }

    #[test]
    fn collected_logs_are_many_hosts() {
        let found = names(&[
            ("A.corp.example", 6433, 6433, 1),
            ("B.corp.example", 99456, 99456, 1),
            ("C", 318, 318, 1),
        ]);
        assert_eq!(found.len(), 3);
        assert_eq!(names(&[("A", 1, 100, 100), ("B", 1, 100, 100)]).len(), 2);
    }
}
