//! Clocks that jumped: where records of one log have times that contradict their numbers.
//!
//! Windows numbers the records of a channel in the order in which they were written, whatever its clock says. Where a
//! time contradicts that order, the fewer records are taken to be wrong and are put at the time of their neighbour.

use std::collections::BTreeMap;

use crate::evtx::{Span, Time};
use crate::report::Note;
use crate::scan::Item;

/// Steps back that are ordinary synchronisation, or two writers at once.
const ORDINARY: Span = Span::minutes(2);
/// Most steps of one log that are mended; above it, the numbers are not those of one clock.
const MAX_STEPS: usize = 8;
/// Most remarks of one host.
const MAX_NOTES: usize = 3;

/// Puts records in the order of their numbers where their times contradict it, and says so.
pub(super) fn mend(items: &mut [Item]) -> Vec<Note> {
    let mut logs: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.record.record_id > 0) {
        let key = (item.record.log.to_string(), item.record.channel.to_string());
        logs.entry(key).or_default().push(at);
    }
    let mut notes = Vec::new();
    for ((_, channel), mut places) in logs {
        let id = |at: &usize| items.get(*at).map_or(0, |item| item.record.record_id);
        places.sort_by_key(id);
        let times: Vec<Time> =
            places.iter().filter_map(|at| items.get(*at)).map(|item| item.record.time).collect();
        let steps: Vec<usize> = (1..times.len()).filter(|at| step(&times, *at) > ORDINARY).collect();
        if steps.is_empty() || steps.len() > MAX_STEPS {
            continue;
        }
        let mended = mended(times.clone(), &steps);
        for (at, time) in places.iter().zip(&mended) {
            if let Some(item) = items.get_mut(*at) {
                item.record.time = *time;
            }
        }
        let number = |at: usize| {
            places.get(at).and_then(|place| items.get(*place)).map_or(0, |item| item.record.record_id)
        };
        notes.extend(steps.iter().map(|at| note(&channel, &times, *at, number(*at))));
    }
    if !notes.is_empty() {
        items.sort_by(|left, right| position(left).cmp(&position(right)));
    }
    notes.truncate(MAX_NOTES);
    notes
}

fn position(item: &Item) -> (Time, &str, u64, &str, u32) {
    let record = &item.record;
    (record.time, &record.channel, record.record_id, &record.provider, record.event_id)
}

/// How far the time goes back from the record before.
fn step(times: &[Time], at: usize) -> Span {
    let before = at.checked_sub(1).and_then(|before| times.get(before));
    before.zip(times.get(at)).map_or(Span(0), |(before, own)| before.since(*own))
}

fn mended(mut times: Vec<Time>, steps: &[usize]) -> Vec<Time> {
    for at in steps {
        let Some((before, after)) =
            at.checked_sub(1).and_then(|before| times.get(before)).copied().zip(times.get(*at).copied())
        else {
            continue;
        };
        let (earlier, later) = times.split_at_mut(*at);
        let ahead = earlier.iter().rev().take_while(|time| **time > after).count();
        let behind = later.iter().take_while(|time| **time < before).count();
        if ahead <= behind {
            earlier.iter_mut().rev().take(ahead).for_each(|time| *time = after);
        } else {
            later.iter_mut().take(behind).for_each(|time| *time = before);
        }
    }
    times
}

fn note(channel: &str, times: &[Time], at: usize, record_id: u64) -> Note {
    let seconds = step(times, at).as_seconds();
    let length = match seconds {
        ..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    let time = times.get(at).map(|time| time.rfc3339()).unwrap_or_default();
    Note {
        kind: "clock".to_owned(),
        text: format!(
            "the clock went back by {length} at record {record_id} of {channel} ({time}): times near it are not \
             reliable, and these records are told in the order of their numbers"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::mend;
    use crate::rule::case::records_of;
    use crate::scan::Item;

    /// Times of records in the order of their numbers, and how many remarks there are.
    fn mended(times: &[&str]) -> (Vec<String>, usize) {
        let line = |time: &&str| format!("- {{at: '{time}:00', provider: EventLog, event_id: 6013}}\n");
        let records = records_of(&times.iter().map(line).collect::<String>());
        let mut items: Vec<Item> = records
            .into_iter()
            .zip(1..)
            .map(|(mut record, id)| {
                record.record_id = id;
                Item { record, atoms: Vec::new(), weight: 1 }
            })
            .collect();
        let notes = mend(&mut items);
        assert!(items.windows(2).all(|pair| pair[0].record.time <= pair[1].record.time));
        assert!(items.windows(2).all(|pair| pair[0].record.record_id < pair[1].record.record_id));
        let shown = items.iter().map(|item| item.record.time.rfc3339().chars().skip(11).take(5).collect());
        (shown.collect(), notes.len())
    }

    #[test]
    fn clock_that_was_ahead_is_told_by_number() {
        let found = mended(&["08:00", "11:00", "09:00", "09:10", "09:20"]);
        assert_eq!(found, (["08:00", "09:00", "09:00", "09:10", "09:20"].map(str::to_owned).to_vec(), 1));
    }

    #[test]
    fn clock_that_was_behind_for_a_while_moves_nothing_else() {
        let found = mended(&["08:00", "08:10", "08:20", "01:00", "08:30"]);
        assert_eq!(found, (["08:00", "08:10", "08:20", "08:20", "08:30"].map(str::to_owned).to_vec(), 1));
    }

    #[test]
    fn clocks_that_are_right_are_left_alone() {
        assert_eq!(mended(&["08:00", "08:10"]).1, 0);
    }
}
