//! Chunks that lie outside of the period that is asked for are passed over, and counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;

use rdpwhy::evtx::{self, CHUNK_SIZE, Counts, FILE_HEADER_SIZE, Fault, Head, Place, Record, Time, Visitor};

#[derive(Default)]
struct Seen {
    period: (Option<Time>, Option<Time>),
    times: Vec<Time>,
    counts: Counts,
}

impl Visitor for Seen {
    fn head(&mut self, head: &Head<'_>) -> bool {
        self.times.push(head.time);
        false
    }

    fn record(&mut self, _: Record) {}

    fn fault(&mut self, _: Fault) {}

    fn period(&self) -> (Option<Time>, Option<Time>) {
        self.period
    }

    fn counts(&mut self, counts: &Counts) {
        self.counts = *counts;
    }
}

fn read(chunk: &[u8], since: Option<Time>, until: Option<Time>) -> Seen {
    let mut seen = Seen { period: (since, until), ..Seen::default() };
    evtx::read_chunk(chunk, &Place { log: "a log".into(), offset: 0 }, &mut seen);
    seen
}

fn later(time: Time, days: i64) -> Time {
    Time(time.0 + days * 86_400 * evtx::TICKS_PER_SECOND)
}

#[test]
fn chunks_outside_of_the_period_are_passed_over_and_counted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/termservice-crash/System.evtx");
    let log = fs::read(path).unwrap();
    let chunk = log[FILE_HEADER_SIZE..FILE_HEADER_SIZE + CHUNK_SIZE].to_vec();
    let all = read(&chunk, None, None);
    let (first, last) = (*all.times.iter().min().unwrap(), *all.times.iter().max().unwrap());
    let count = all.counts.read;
    assert!(count > 10 && all.counts.passed_over == 0);

    for (since, until) in [(Some(later(last, 2)), None), (None, Some(later(first, -2)))] {
        let seen = read(&chunk, since, until);
        assert!(seen.times.is_empty());
        assert_eq!((seen.counts.read, seen.counts.passed_over), (count, count));
    }
    for (since, until) in [(Some(last), None), (None, Some(first)), (Some(first), Some(last))] {
        let seen = read(&chunk, since, until);
        assert_eq!((seen.times.len() as u64, seen.counts.passed_over), (count, 0));
    }

    // When records were written says nothing of their events where the two are far apart.
    let mut moved = chunk.clone();
    let places: Vec<usize> = (0..moved.len() - 24).filter(|at| moved[*at..].starts_with(b"**\0\0")).collect();
    for at in places {
        moved[at + 16..at + 24].copy_from_slice(&116_444_736_000_000_000_u64.to_le_bytes());
    }
    let seen = read(&moved, Some(first), None);
    assert_eq!((seen.times.len() as u64, seen.counts.passed_over), (count, 0));
}
