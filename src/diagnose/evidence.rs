//! Records that show something, as lines of evidence: alike ones in one line with their count. A derived fact is shown
//! by the records that it was made of.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::is_fact;
use super::finding::Scene;
use crate::evtx::{Record, Time};
use crate::report::Evidence;
use crate::text::{Texts, with_code_names};

/// Most lines of one cause.
const MAX_LINES: usize = 12;

/// Lines for some records, in order of time.
pub(crate) fn lines(scene: &Scene<'_>, hits: &BTreeSet<usize>) -> Vec<Evidence> {
    let is_fact = |at: &&usize| scene.timeline.item(**at).is_some_and(|item| is_fact(&item.record));
    let direct: BTreeSet<usize> = hits.iter().filter(|at| !is_fact(at)).copied().collect();
    let of_facts = hits.iter().filter(is_fact).flat_map(|at| scene.timeline.sources(*at)).copied();
    let all: BTreeSet<usize> = of_facts.chain(direct.iter().copied()).collect();
    let mut groups: BTreeMap<(String, String, u32), (bool, Evidence)> = BTreeMap::new();
    for at in all {
        let Some(item) = scene.timeline.item(at) else { continue };
        let record = &item.record;
        let key = (record.channel.to_string(), record.provider.to_string(), record.event_id);
        let is_direct = direct.contains(&at);
        groups
            .entry(key)
            .and_modify(|(is_any_direct, line)| {
                *is_any_direct |= is_direct;
                line.count += item.weight;
                line.last_time = line.last_time.max(record.time);
            })
            .or_insert_with(|| (is_direct, line(record, item.weight, scene.texts, scene.identity.build)));
    }
    let mut lines: Vec<(bool, Evidence)> = groups.into_values().collect();
    // What a rule asks for by name comes before what facts were made of.
    lines.sort_by(|left, right| (!left.0, order(&left.1)).cmp(&(!right.0, order(&right.1))));
    lines.truncate(MAX_LINES);
    lines.sort_by(|left, right| order(&left.1).cmp(&order(&right.1)));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn order(line: &Evidence) -> (Time, &str, u64) {
    (line.time, &line.channel, line.record_id)
}

/// One record as a line.
pub(crate) fn line(record: &Record, count: u64, texts: &Texts, build: Option<u32>) -> Evidence {
    let sentence = texts.sentence(record, build);
    Evidence {
        time: record.time,
        last_time: record.time,
        log: record.log.to_string(),
        channel: record.channel.to_string(),
        provider: record.provider.to_string(),
        event_id: record.event_id,
        record_id: record.record_id,
        text: with_code_names(record, &sentence.text),
        text_source: sentence.source.as_str().to_owned(),
        count,
    }
}
