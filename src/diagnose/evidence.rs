//! Records that show something, as lines of evidence: alike ones in one line with their count.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::is_fact;
use super::finding::Scene;
use crate::evtx::Record;
use crate::report::Evidence;
use crate::text::{Texts, with_code_names};

/// Most lines of one cause.
const MAX_LINES: usize = 12;

/// Lines for some records, in order of time.
pub(crate) fn lines(scene: &Scene<'_>, hits: &BTreeSet<usize>) -> Vec<Evidence> {
    let mut groups: BTreeMap<(String, String, u32), Evidence> = BTreeMap::new();
    for at in hits {
        let Some(item) = scene.timeline.item(*at) else { continue };
        let record = &item.record;
        if is_fact(record) {
            continue;
        }
        let key = (record.channel.to_string(), record.provider.to_string(), record.event_id);
        groups
            .entry(key)
            .and_modify(|line| {
                line.count += item.weight;
                line.last_time = line.last_time.max(record.time);
            })
            .or_insert_with(|| line(record, item.weight, scene.texts, scene.identity.build));
    }
    let mut lines: Vec<Evidence> = groups.into_values().collect();
    lines.sort_by(|left, right| {
        (left.time, &left.channel, left.record_id).cmp(&(right.time, &right.channel, right.record_id))
    });
    lines.truncate(MAX_LINES);
    lines
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
