//! What hosts may have in common: updates, builds, restarts, and whatever else changed on them.
//!
//! A property is only taken from a time at which it can have mattered: on a host with an outage, from before the first
//! failure. Whether it did matter is left to `associate`.

use std::collections::{BTreeMap, BTreeSet};

use super::first_failure;
use crate::report::{Host, UpdateState};

/// Kinds of properties in the order in which a merged line names them; what a host calls otherwise comes last.
const KINDS: [&str; 8] =
    ["update", "build", "restart", "policy", "driver", "service", "certificate", "agent"];

/// Kinds of changes that are a matter of one host, or that are taken from a better place.
const SKIPPED: [&str; 3] = ["update", "build", "rename"];

/// Longest text of a property, in characters; a log may hold any.
const TEXT_LENGTH: usize = 200;

/// A property of hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Property {
    rank: usize,
    /// Such as `update`.
    pub(super) kind: String,
    /// Such as `KB5012345`.
    pub(super) name: String,
}

impl Property {
    fn new(kind: &str, name: &str) -> Self {
        let rank = KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len());
        Self { rank, kind: kind.to_owned(), name: name.to_owned() }
    }
}

/// The properties of one host.
pub(super) fn properties(host: &Host) -> BTreeSet<Property> {
    let mut found = BTreeSet::new();
    found.extend(updates(host).into_iter().map(|name| Property::new("update", &name)));
    found.extend(builds(host).into_iter().map(|name| Property::new("build", &name)));
    let failure = first_failure(host);
    let names = own_names(host);
    for change in host.changes.iter().filter(|change| failure.is_none_or(|failure| change.time <= failure)) {
        if change.kind == "restart" {
            found.insert(Property::new("restart", "restart"));
        } else if !SKIPPED.contains(&change.kind.as_str()) {
            found.insert(Property::new(&change.kind, &without_names(&change.text, &names)));
        }
    }
    found
}

/// The updates in force before the first failure: the last word of the list counts, and updates that only the list of
/// changes knows are added.
fn updates(host: &Host) -> BTreeSet<String> {
    let failure = first_failure(host);
    let is_early = |time| failure.is_none_or(|failure| time <= failure);
    let mut states: BTreeMap<&str, UpdateState> = BTreeMap::new();
    for update in host.updates.iter().filter(|update| is_early(update.time)) {
        let name = if update.kb.is_empty() { &update.title } else { &update.kb };
        states.insert(name, update.state);
    }
    let listed: BTreeSet<&str> = host.updates.iter().map(|update| update.kb.as_str()).collect();
    let changed = host.changes.iter().filter(|change| change.kind == "update" && is_early(change.time));
    let unlisted = changed.flat_map(|change| &change.kb).filter(|kb| !listed.contains(kb.as_str()));
    let in_force = |state: &UpdateState| matches!(state, UpdateState::Installed | UpdateState::FromBuild);
    states
        .iter()
        .filter(|(name, state)| !name.is_empty() && in_force(state))
        .map(|(name, _)| (*name).to_owned())
        .chain(unlisted.cloned())
        .map(|name| cut(&name))
        .collect()
}

/// The exact build and the version of Windows that it belongs to.
fn builds(host: &Host) -> Vec<String> {
    let Some(exact) = host.build.as_deref().filter(|build| !build.is_empty()) else {
        return Vec::new();
    };
    match exact.split_once('.') {
        Some((version, _)) => vec![format!("build {version}"), format!("build {exact}")],
        None => vec![format!("build {exact}")],
    }
}

/// The names of a host in lower case, long and short.
fn own_names(host: &Host) -> Vec<String> {
    let mut names = Vec::new();
    for name in host.other_names.iter().chain([&host.name]) {
        let name = name.to_lowercase();
        names.extend(name.split_once('.').map(|(short, _)| short.to_owned()));
        names.push(name);
    }
    names
}

/// A text with the host's own names replaced and white space folded, so that the same change reads the same on all.
fn without_names(text: &str, names: &[String]) -> String {
    let mut folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    folded.push(' '); // ends the last word, and is cut off again
    let (mut out, mut word) = (String::new(), String::new());
    for letter in folded.chars() {
        if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.') {
            word.push(letter);
            continue;
        }
        let bare = word.trim_end_matches('.').to_lowercase();
        out.push_str(if names.contains(&bare) { "<host>" } else { &word });
        out.push(letter);
        word.clear();
    }
    cut(out.trim_end())
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_LENGTH).collect()
}
