//! What separates broken hosts from working ones, with the counts that say so.
//!
//! Every property that enough hosts have and enough lack is tried, whatever it shows, and the correction counts all of
//! them; only those that go with being broken are told. Holm's correction is used because updates come together:
//! unlike Benjamini and Hochberg's it holds whatever the properties have to do with each other. Association is not
//! proof: a property that only goes along with a stronger one says so, and the verdict on a host is left to `diagnose`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::property::{Property, properties};
use super::statistics::{Table, holm, rounded};
use crate::report::{Association, Host, Status};

/// Fewest broken hosts, and fewest working ones, for anything to be said.
const FEWEST_HOSTS: u64 = 3;

/// A property must be on so many hosts, and missing on so many, to be tried. It looks at broken and working hosts
/// alike, so it does not bend the test.
const FEWEST_WITH: u64 = 3;

/// Corrected probability above which nothing is said.
const LEVEL: f64 = 0.05;

/// How many properties of a merged line are named one by one.
const NAMED: usize = 5;

/// With how many stronger properties a weaker one is compared.
const COMPARED: usize = 10;

/// A host whose state is clear, and whether it is broken.
struct Judged {
    is_broken: bool,
    has_changes: bool,
    properties: BTreeSet<Property>,
}

/// Properties that are on exactly the same hosts, so that no count can tell them apart.
struct Candidate {
    properties: Vec<Property>,
    /// The places of the judged hosts that have them, in order.
    places: Vec<usize>,
    table: Table,
    p_value: f64,
    corrected: f64,
}

/// The properties that go with being broken, strongest first; none when there are too few hosts to tell.
pub(super) fn associations(hosts: &[Host]) -> Vec<Association> {
    let judged: Vec<Judged> = hosts.iter().filter_map(judge).collect();
    let broken = judged.iter().filter(|host| host.is_broken).count();
    let working = judged.len() - broken;
    if count(broken) < FEWEST_HOSTS || count(working) < FEWEST_HOSTS {
        return Vec::new();
    }
    let mut tried = candidates(&judged);
    let values: Vec<f64> = tried.iter().map(|candidate| candidate.p_value).collect();
    for (candidate, corrected) in tried.iter_mut().zip(holm(&values)) {
        candidate.corrected = corrected;
    }
    let number = tried.len();
    tried.retain(|candidate| candidate.table.raises_risk() && candidate.corrected <= LEVEL);
    tried.sort_by(stronger);
    let places = tried.iter().enumerate();
    let told = places.map(|(place, candidate)| {
        let mut before = tried.iter().take(place.min(COMPARED));
        association(candidate, before.find(|stronger| accounts_for(stronger, candidate, &judged)), number)
    });
    told.collect()
}

/// Broken hosts, those that were out for a while among them, against working ones. A degraded host without an outage
/// is neither, and hosts that the logs cannot judge are left out.
fn judge(host: &Host) -> Option<Judged> {
    let is_broken = match host.status {
        Status::Broken => true,
        Status::Degraded if host.outage.is_some() => true,
        Status::Healthy => false,
        Status::Degraded | Status::Unknown => return None,
    };
    Some(Judged { is_broken, has_changes: !host.changes.is_empty(), properties: properties(host) })
}

/// The properties worth trying, merged where they are on the same hosts.
fn candidates(judged: &[Judged]) -> Vec<Candidate> {
    // Without a single change on a working host, changes were only looked for on broken ones.
    let compares_changes = judged.iter().any(|host| !host.is_broken && host.has_changes);
    let mut places: BTreeMap<&Property, Vec<usize>> = BTreeMap::new();
    for (place, host) in judged.iter().enumerate() {
        for property in &host.properties {
            if compares_changes || matches!(property.kind.as_str(), "update" | "build") {
                places.entry(property).or_default().push(place);
            }
        }
    }
    let mut merged: BTreeMap<Vec<usize>, Vec<Property>> = BTreeMap::new();
    for (property, places) in places {
        let with = count(places.len());
        if with >= FEWEST_WITH && count(judged.len()) - with >= FEWEST_WITH {
            merged.entry(places).or_default().push(property.clone());
        }
    }
    merged.into_iter().map(|(places, properties)| candidate(judged, places, properties)).collect()
}

fn candidate(judged: &[Judged], places: Vec<usize>, properties: Vec<Property>) -> Candidate {
    let broken = judged.iter().filter(|host| host.is_broken).count();
    let broken_with = places.iter().filter(|place| is_broken(judged, **place)).count();
    let table = Table {
        broken_with: count(broken_with),
        working_with: count(places.len() - broken_with),
        broken_without: count(broken - broken_with),
        working_without: count(judged.len() - broken - (places.len() - broken_with)),
    };
    Candidate { properties, places, table, p_value: table.fisher(), corrected: 1.0 }
}

fn is_broken(judged: &[Judged], place: usize) -> bool {
    judged.get(place).is_some_and(|host| host.is_broken)
}

/// A total order: the smaller probability, the larger ratio, then the names.
fn stronger(left: &Candidate, right: &Candidate) -> Ordering {
    let ratio = |candidate: &Candidate| candidate.table.risk_ratio().unwrap_or(f64::INFINITY);
    left.p_value
        .total_cmp(&right.p_value)
        .then_with(|| ratio(right).total_cmp(&ratio(left)))
        .then_with(|| left.properties.cmp(&right.properties))
}

/// Whether `weak` says nothing more once `strong` is known: neither among the hosts with `strong` nor among those
/// without it does it go with being broken.
fn accounts_for(strong: &Candidate, weak: &Candidate, judged: &[Judged]) -> bool {
    let mut parts = [Table::default(); 2];
    for (place, host) in judged.iter().enumerate() {
        let side = usize::from(strong.places.binary_search(&place).is_ok());
        if let Some(part) = parts.get_mut(side) {
            part.count(host.is_broken, weak.places.binary_search(&place).is_ok());
        }
    }
    parts.iter().all(|part| !part.raises_risk() || part.fisher() > LEVEL)
}

fn association(candidate: &Candidate, stronger: Option<&Candidate>, tried: usize) -> Association {
    let table = candidate.table;
    Association {
        kind: candidate.properties.first().map_or_else(String::new, |property| property.kind.clone()),
        property: names(candidate),
        broken_with: table.broken_with,
        working_with: table.working_with,
        broken_without: table.broken_without,
        working_without: table.working_without,
        risk_ratio: table.risk_ratio().map(rounded),
        interval: table.interval().map(|(low, high)| (rounded(low), rounded(high))),
        p_value: rounded(candidate.p_value),
        corrected: rounded(candidate.corrected),
        text: text(candidate, stronger, tried),
    }
}

/// The names of all merged properties, the most telling kind first.
fn names(candidate: &Candidate) -> String {
    let names: Vec<&str> = candidate.properties.iter().map(|property| property.name.as_str()).collect();
    let named = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 | 1 => named,
        2..=NAMED => format!("{named} (always together)"),
        more => format!("{named} and {} more (always together)", more - NAMED),
    }
}

fn text(candidate: &Candidate, stronger: Option<&Candidate>, tried: usize) -> String {
    let table = &candidate.table;
    let mut text = format!(
        "{} of {} hosts with {} are broken, {} of {} without: ",
        table.broken_with,
        table.with(),
        names(candidate),
        table.broken_without,
        table.without(),
    );
    text.push_str(&match (table.risk_ratio(), table.interval()) {
        (Some(ratio), Some((low, high))) => {
            format!(
                "{} times likelier (95 % sure: between {} and {} times). ",
                plain(ratio),
                plain(low),
                plain(high)
            )
        }
        (_, Some((low, _))) => {
            format!("no host without is broken (95 % sure: at least {} times likelier). ", plain(low))
        }
        _ => String::new(),
    });
    text.push_str(&format!(
        "Chance alone would do this {} ({tried} {} tried).",
        odds(candidate.corrected),
        if tried == 1 { "property" } else { "properties" },
    ));
    if let Some(stronger) = stronger {
        text.push_str(&format!(
            " It goes along with {}; among hosts that are alike in that, it makes no clear difference.",
            names(stronger)
        ));
    }
    text
}

/// A ratio as people write it: two or three digits.
fn plain(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 10.0 => format!("{ratio:.0}"),
        ratio if ratio >= 0.95 => format!("{ratio:.1}"),
        ratio => format!("{ratio:.2}"),
    }
}

/// A probability in words.
fn odds(probability: f64) -> String {
    let chances = 1.0 / probability;
    match chances {
        chances if chances >= 1e9 => "less than once in a billion times".to_owned(),
        chances if chances >= 1e6 => format!("once in {:.0} million times", chances / 1e6),
        chances if chances >= 1e3 => format!("once in {:.0} 000 times", chances / 1e3),
        chances => format!("once in {chances:.0} times"),
    }
}

fn count(hosts: usize) -> u64 {
    u64::try_from(hosts).unwrap_or(u64::MAX)
}
