//! A fleet with known causes: most hosts work, one update breaks most of those that have it, three other causes hit
//! a few, and the logs are as untidy as those of a support desk.
//!
//! Fixed shares: a fifth of the hosts has the bad update, seven in eight of these are broken by it; of the others
//! one in sixteen each has an unreadable certificate key, no licences, or a service that was disabled. One host in
//! twelve was renamed, one in ten has a log twice, one in ten a damaged log.

mod damage;
mod story;

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::random::Random;
use super::scenario::Scenario;

/// The update that breaks hosts. The number is invented.
pub(crate) const BAD_UPDATE: &str = "KB5990201";
/// An update that as many working hosts have. The number is invented.
pub(crate) const GOOD_UPDATE: &str = "KB5990202";

/// What ails a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ailment {
    None,
    /// Remote Desktop Services crashes since the bad update.
    BadUpdate,
    CertificateKey,
    Licensing,
    ServiceDisabled,
}

impl Ailment {
    /// Family of the cause that must lead; empty for a working host.
    pub(crate) fn family(self) -> &'static str {
        match self {
            Self::None => "",
            Self::BadUpdate => "service-crash",
            Self::CertificateKey => "tls-certificate",
            Self::Licensing => "licensing",
            Self::ServiceDisabled => "service-not-running",
        }
    }
}

/// What is true of a generated host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Truth {
    /// Its last computer name; the folder of its logs has the short form.
    pub(crate) host: String,
    /// Its earlier name, when it was renamed.
    pub(crate) old_name: Option<String>,
    pub(crate) ailment: Ailment,
    /// Family of the leading cause; empty for a working host.
    pub(crate) family: &'static str,
    /// The update of the last night.
    pub(crate) update: Option<&'static str>,
    /// Whether one of its logs lies there twice.
    pub(crate) has_duplicate: bool,
    /// Whether one of its logs is damaged, in a place that decides nothing.
    pub(crate) is_damaged: bool,
}

/// Writes the logs of `hosts` machines into `folder`, one folder each, and says what is true of them; equal seeds
/// give equal fleets.
pub(crate) fn fleet(folder: &Path, hosts: usize, seed: u64) -> Vec<Truth> {
    let truths = plan(hosts, seed);
    truths.par_iter().for_each(|truth| write(folder, truth, seed));
    truths
}

/// Deals ailments and oddities out over the hosts.
fn plan(hosts: usize, seed: u64) -> Vec<Truth> {
    let mut random = Random::named(&format!("fleet {seed}"));
    let with_bad = hosts / 5;
    let broken_by_it = with_bad * 7 / 8;
    let few = (hosts - with_bad) / 16;
    let mut lots: Vec<(Ailment, Option<&'static str>)> = Vec::new();
    let mut deal = |count: usize, ailment, update| lots.extend(vec![(ailment, update); count]);
    deal(broken_by_it, Ailment::BadUpdate, Some(BAD_UPDATE));
    deal(with_bad - broken_by_it, Ailment::None, Some(BAD_UPDATE));
    deal(few, Ailment::CertificateKey, None);
    deal(few, Ailment::Licensing, Some(GOOD_UPDATE));
    deal(few, Ailment::ServiceDisabled, None);
    deal(with_bad, Ailment::None, Some(GOOD_UPDATE));
    lots.resize(hosts, (Ailment::None, None));
    for last in (1..lots.len()).rev() {
        let other = random.between(0, u64::try_from(last).expect("a count"));
        lots.swap(last, usize::try_from(other).expect("an index"));
    }
    (1..).zip(lots).map(|(number, (ailment, update))| truth(number, ailment, update, &mut random)).collect()
}

fn truth(number: usize, ailment: Ailment, update: Option<&'static str>, random: &mut Random) -> Truth {
    let mut one_in = |count: u64| random.between(1, count) == 1;
    Truth {
        host: format!("SRV{number:04}.corp.example"),
        old_name: one_in(12).then(|| format!("WIN-{number:04}SETUP")),
        ailment,
        family: ailment.family(),
        update,
        has_duplicate: one_in(10),
        is_damaged: one_in(10),
    }
}

fn write(folder: &Path, truth: &Truth, seed: u64) {
    let name = truth.host.split('.').next().unwrap_or_default();
    let own = folder.join(name);
    let mut logs = Scenario::from_yaml(&story::scenario(truth, seed)).logs();
    if truth.is_damaged {
        damage::damage(&mut logs, &mut Random::named(&format!("damage {seed} {name}")));
    }
    fs::create_dir_all(&own).expect("the folder can be made");
    for (file, bytes) in &logs {
        fs::write(own.join(file), bytes).expect("the log can be written");
    }
    if truth.has_duplicate {
        let copy = own.join("copy of logs");
        fs::create_dir_all(&copy).expect("the folder can be made");
        let system = logs.get("System.evtx").expect("every host has a System log");
        fs::write(copy.join("System (1).evtx"), system).expect("the log can be written");
    }
}
