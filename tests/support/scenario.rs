//! A scenario: a readable file about one or a few hosts, and the logs that follow from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rdpwhy::evtx::Time;

use super::evtx_writer::{Numbering, Record, write_log};
use super::host::Host;
use super::random::Random;
use super::story;
use super::yaml::Yaml;

/// What must be found for a host of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Its last computer name.
    pub(crate) host: String,
    /// `healthy`, `degraded`, `broken` or `unknown`.
    pub(crate) status: String,
    /// Family of the leading cause; empty for none.
    pub(crate) family: String,
    /// The update that must be named with it; empty for none.
    pub(crate) change: String,
    /// An update that must not be blamed; empty for none.
    pub(crate) innocent: String,
}

/// A scenario that was read.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    yaml: Yaml,
}

/// The logs of a scenario: file name and bytes, in the order of the names.
pub(crate) type Logs = BTreeMap<String, Vec<u8>>;

impl Scenario {
    /// Reads the text of a `scenario.yml`.
    pub(crate) fn from_yaml(text: &str) -> Self {
        Self { yaml: Yaml::read(text) }
    }

    /// What must be found for each host, as the file says.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        self.hosts().iter().map(expected).collect()
    }

    fn hosts(&self) -> &[Yaml] {
        self.yaml.get("hosts").map_or(std::slice::from_ref(&self.yaml), Yaml::items)
    }

    /// The logs as Windows exports them, one file per log.
    pub(crate) fn logs(&self) -> Logs {
        let start = Time::parse(self.yaml.need("start")).expect("`start` is a time");
        let collector = self.yaml.text("forwarded_to");
        let mut logs: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for host in self.hosts() {
            for record in number(tell(host, start), host.need("host"), collector.is_none()) {
                let log = if collector.is_some() { "ForwardedEvents" } else { &record.system.channel };
                logs.entry(file_name(log)).or_default().push(record);
            }
        }
        let numbering = match self.yaml.text("exported") {
            Some("true") => Numbering::FromOne,
            _ if collector.is_some() => Numbering::FromOne,
            _ => Numbering::Own,
        };
        if collector.is_some() {
            logs.values_mut().for_each(|records| records.sort_by_key(|record| record.system.time));
        }
        logs.into_iter().map(|(name, records)| (name, write_log(&records, numbering))).collect()
    }

    /// Writes the logs into a folder, which is made.
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("the folder can be made");
        for (name, bytes) in self.logs() {
            fs::write(folder.join(name), bytes).expect("the log can be written");
        }
    }
}

/// Writes the logs of one scenario text into a folder; what most tests need.
pub(crate) fn write_host(folder: &Path, yaml: &str) {
    Scenario::from_yaml(yaml).write(folder);
}

fn expected(host: &Yaml) -> Expected {
    let expect = host.get("expect").expect("a scenario says what must be found");
    let text = |key: &str| expect.text(key).unwrap_or_default().to_owned();
    let steps = host.get("story").map_or(&[][..], Yaml::items);
    let mut renames = steps.iter().filter_map(|step| step.get("restart")?.text("rename"));
    Expected {
        host: renames.next_back().unwrap_or_else(|| host.need("host")).to_owned(),
        status: text("status"),
        family: text("family"),
        change: text("change"),
        innocent: text("innocent"),
    }
}

/// Lets the story of a host happen and returns its records.
fn tell(host: &Yaml, start: Time) -> Vec<Record> {
    let build = story::read_build(host.need("build"));
    let mut machine = Host::new(host.need("host"), host.text("domain").unwrap_or("CORP"), build, start);
    machine.has_role = host.text("session_host") == Some("true");
    for step in host.get("story").map_or(&[][..], Yaml::items) {
        story::happen(&mut machine, start, step);
    }
    machine.into_records()
}

/// Numbers the records of each log from where an old log would stand; a machine's own records carry no text.
fn number(mut records: Vec<Record>, host: &str, is_local: bool) -> Vec<Record> {
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for record in &mut records {
        let channel = record.system.channel.clone();
        let first = Random::named(&format!("{host} {channel}")).between(900, 64_000);
        let id = next.entry(channel).or_insert(first);
        record.system.record_id = *id;
        *id += 1;
        if is_local {
            record.rendering = None;
        }
    }
    records
}

/// The name under which Windows keeps a log.
fn file_name(channel: &str) -> String {
    format!("{}.evtx", channel.replace('/', "%4"))
}
