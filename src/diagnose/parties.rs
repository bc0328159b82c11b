//! Outages of single clients and users that are none of the host: others got in meanwhile.
//!
//! One bad client is not a bad server, and who was not affected says as much as who was.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::{Attempt, Fate};
use super::outage;
use crate::evtx::{Span, Time};
use crate::report::{Party, PartyKind};

/// Failed attempts, and the time from the first to the last or to the next good one, that make an outage: less is a
/// password typed wrong.
const MIN_FAILURES: u64 = 3;
const MIN_LENGTH: Span = Span::minutes(10);
/// Clients and users that are told of, at most.
const MAX_PARTIES: usize = 8;
/// Of how many it is looked whether they are the same.
const MAX_COMPARED: usize = 256;
/// Names of others that are told.
const MAX_NAMES: usize = 5;

/// Those that failed while others got in: those that still fail first, then those that failed the most; and their
/// failed attempts by number, which say nothing of the host.
pub(super) fn parties(attempts: &[Attempt]) -> (Vec<Party>, BTreeSet<usize>) {
    let mut of: BTreeMap<(PartyKind, String), Vec<usize>> = BTreeMap::new();
    for (at, attempt) in attempts.iter().enumerate() {
        if matches!(attempt.fate, Fate::Good | Fate::Failed) {
            for key in names(attempt) {
                of.entry(key).or_default().push(at);
            }
        }
    }
    let mut found: Vec<(Party, BTreeSet<usize>)> =
        of.iter().filter_map(|(key, own)| party(attempts, key, own)).collect();
    found.sort_by(|(left, _), (right, _)| order(left).cmp(&order(right)));
    found.truncate(MAX_COMPARED);
    // The same failures make one party: the user, unless the client failed with others too.
    let all: Vec<(PartyKind, BTreeSet<usize>)> =
        found.iter().map(|(party, failed)| (party.kind, failed.clone())).collect();
    found.retain(|(party, failed)| {
        !all.iter().any(|(kind, other)| {
            failed.is_subset(other) && (failed.len() < other.len() || *kind > party.kind)
        })
    });
    let failed = found.iter().flat_map(|(_, failed)| failed).copied().collect();
    (found.into_iter().map(|(party, _)| party).take(MAX_PARTIES).collect(), failed)
}

fn order(party: &Party) -> (bool, std::cmp::Reverse<u64>, PartyKind, &str) {
    let outage = &party.outage;
    (outage.end.is_some(), std::cmp::Reverse(outage.failed_attempts), party.kind, &party.name)
}

/// The client and the user of an attempt.
fn names(attempt: &Attempt) -> impl Iterator<Item = (PartyKind, String)> {
    let client = attempt.address.map(|address| (PartyKind::Client, address.to_string()));
    // The same user stands with and without domain in different logs.
    let user = attempt.user.as_deref().filter(|user| !user.is_empty());
    client.into_iter().chain(user.map(|user| (PartyKind::User, user.to_owned())))
}

fn party(
    attempts: &[Attempt],
    (kind, name): &(PartyKind, String),
    own: &[usize],
) -> Option<(Party, BTreeSet<usize>)> {
    let failures = own.iter().filter(|at| is(attempts, **at, Fate::Failed)).count();
    if failures == 0 {
        return None;
    }
    let its: Vec<Attempt> = own.iter().filter_map(|at| attempts.get(*at)).cloned().collect();
    let mut outage = outage::of_attempts(&its)?;
    let first = outage.first_failure?;
    let is_within = |time: Time| time >= first && outage.end.is_none_or(|end| time < end);
    let start = |at: &usize| attempts.get(*at).map(|attempt| attempt.start);
    let failed: BTreeSet<usize> = own
        .iter()
        .copied()
        .filter(|at| is(attempts, *at, Fate::Failed) && start(at).is_some_and(is_within))
        .collect();
    let last = failed.iter().filter_map(start).max()?;
    let until = outage.end.unwrap_or(last);
    if outage.failed_attempts < MIN_FAILURES || until.since(first) < MIN_LENGTH {
        return None;
    }
    let is_other = |attempt: &&Attempt| {
        attempt.fate == Fate::Good
            && attempt.start >= first
            && attempt.start <= until
            && !names(attempt).any(|key| key == (*kind, name.clone()))
    };
    let others: Vec<&Attempt> = attempts.iter().filter(is_other).collect();
    if others.is_empty() {
        return None;
    }
    let with = match kind {
        PartyKind::Client => std::mem::take(&mut outage.users),
        PartyKind::User => std::mem::take(&mut outage.addresses),
    };
    (outage.users, outage.addresses) = (Vec::new(), Vec::new());
    let unaffected: BTreeSet<String> = others.iter().filter_map(|attempt| shown(attempt)).collect();
    let party = Party {
        kind: *kind,
        name: name.clone(),
        with,
        outage,
        others: others.iter().map(|attempt| attempt.weight).sum(),
        unaffected: unaffected.into_iter().take(MAX_NAMES).collect(),
    };
    Some((party, failed))
}

fn is(attempts: &[Attempt], at: usize, fate: Fate) -> bool {
    attempts.get(at).is_some_and(|attempt| attempt.fate == fate)
}

/// Somebody who got in: the user, else the address.
fn shown(attempt: &Attempt) -> Option<String> {
    attempt.user.clone().or_else(|| attempt.address.map(|address| address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::attempt::{Attempt, Fate};
    use std::collections::BTreeSet;

    use super::{outage, parties};
    use crate::evtx::{Span, Time};
    use crate::report::PartyKind;

    fn attempt(minute: i64, address: &str, user: &str, fate: Fate) -> Attempt {
        let start = Time(17_672_256_000_000_000).plus(Span::minutes(minute));
        let mut attempt = Attempt::new(start, 1, 0);
        attempt.address = address.parse().ok();
        attempt.user = (!user.is_empty()).then(|| user.to_owned());
        attempt.fate = fate;
        attempt
    }

    fn told(attempts: &[Attempt]) -> Vec<(PartyKind, String, u64, u64, bool)> {
        let parties = parties(attempts).0.into_iter();
        let row = |party: crate::report::Party| {
            let outage = party.outage;
            (party.kind, party.name, outage.failed_attempts, party.others, outage.end.is_none())
        };
        parties.map(row).collect()
    }

    #[test]
    fn user_who_fails_while_others_get_in_is_told() {
        let mut all: Vec<Attempt> =
            (0..4).map(|turn| attempt(turn * 10, "10.0.0.1", "CORP\\bob", Fate::Failed)).collect();
        all.insert(2, attempt(12, "10.0.0.2", "CORP\\ann", Fate::Good));
        assert_eq!(told(&all), [(PartyKind::User, "CORP\\bob".to_owned(), 4, 1, true)]);
    }

    #[test]
    fn client_that_fails_with_several_users_is_the_client() {
        let users = ["CORP\\bob", "CORP\\eve", "CORP\\bob", "CORP\\eve"];
        let mut all: Vec<Attempt> = (0..4)
            .zip(users)
            .map(|(turn, user)| attempt(turn * 10, "10.0.0.1", user, Fate::Failed))
            .collect();
        all.insert(2, attempt(12, "10.0.0.2", "CORP\\bob", Fate::Good));
        assert_eq!(told(&all), [(PartyKind::Client, "10.0.0.1".to_owned(), 4, 1, true)]);
    }

    #[test]
    fn one_who_fails_at_the_end_is_no_outage_of_the_host() {
        let mut all: Vec<Attempt> =
            (0..6).map(|turn| attempt(turn * 10, "10.0.0.1", "CORP\\bob", Fate::Failed)).collect();
        all.insert(2, attempt(12, "10.0.0.2", "CORP\\ann", Fate::Good));
        let (steps, at_end) = (Vec::new(), std::collections::BTreeMap::new());
        let states = outage::States { steps: &steps, at_end: &at_end, boots: &[] };
        let told =
            |apart| outage::course(&all, &apart, &states, None).outage.map(|outage| outage.failed_attempts);
        assert_eq!((told(parties(&all).1), told(BTreeSet::new())), (None, Some(4)));
    }

    #[test]
    fn outage_of_all_is_nobodys_own() {
        let all: Vec<Attempt> =
            (0..6).map(|turn| attempt(turn * 10, "10.0.0.1", "CORP\\bob", Fate::Failed)).collect();
        assert_eq!(told(&all), []);
    }
}
