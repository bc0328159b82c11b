//! The fast lane against the `evtx` crate, on every record of the corpus.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use rdpwhy::evtx::{Record, read_chunk_by_crate};

use crate::corpus;

/// Where a record differs, in few words.
fn difference(fast: &Record, slow: &Record) -> Option<String> {
    if fast == slow {
        return None;
    }
    let (fast, slow) = (format!("{fast:#?}"), format!("{slow:#?}"));
    let lines = fast.lines().zip(slow.lines()).filter(|(own, other)| own != other);
    Some(
        lines
            .take(4)
            .map(|(own, other)| format!("{} != {}", own.trim(), other.trim()))
            .collect::<Vec<_>>()
            .join("; "),
    )
}

#[test]
fn every_record_equals_that_of_the_crate() {
    let mut differences = Vec::new();
    for log in corpus::logs() {
        for (place, chunk) in log.chunks() {
            let slow = read_chunk_by_crate(chunk, &place).unwrap_or_default();
            let slow: Vec<Record> = slow.into_iter().flatten().collect();
            let fast = corpus::read(chunk, &place).records;
            let at = format!("{} at {}", log.name, place.offset);
            if fast.len() != slow.len() {
                differences.push(format!("{at}: {} records, crate {}", fast.len(), slow.len()));
            }
            for (own, other) in fast.iter().zip(&slow) {
                if let Some(text) = difference(own, other) {
                    differences.push(format!("{at}: record {}: {text}", other.record_id));
                }
            }
        }
    }
    differences.truncate(40);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn record_counts_equal_those_of_the_manifest() {
    for log in corpus::logs() {
        let read: u64 = log.chunks().map(|(place, chunk)| corpus::read(chunk, &place).counts.read).sum();
        assert_eq!(read, log.records, "{}", log.name);
    }
}

/// Reading a chunk holds the values that a record's bytes tell against those of the decoded record.
#[test]
fn nearly_all_records_tell_their_values_before_they_are_decoded() {
    let (mut known, mut all) = (0, 0);
    for log in corpus::logs() {
        for (place, chunk) in log.chunks() {
            let read = corpus::read(chunk, &place);
            known += read.stored.known;
            all += read.counts.read;
        }
    }
    assert!(known * 100 >= all * 95, "{known} of {all}");
}
