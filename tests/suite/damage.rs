//! Damaged logs: never a panic, never fewer records than the `evtx` crate reads, and what is lost is counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::sync::Arc;

use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE, Place, Record, carve, read_chunk_by_crate};

use crate::corpus::{self, Everything};
use crate::{lanes, support};

const MAGIC: &[u8] = b"ElfChnk\0";
const FREE_SPACE: usize = 48;
const HEADER: usize = 512;
const RECORDS_CHECKSUM: usize = 52;
const HEADER_CHECKSUM: usize = 124;

fn place() -> Place {
    Place { log: Arc::from("damaged.evtx"), offset: 4096 }
}

/// Each chunk of each sample.
fn chunks() -> Vec<Vec<u8>> {
    let logs = support::samples().into_iter().flat_map(|(_, scenario)| scenario.logs().into_values());
    let split =
        |log: Vec<u8>| log[FILE_HEADER_SIZE..].chunks(CHUNK_SIZE).map(<[u8]>::to_vec).collect::<Vec<_>>();
    logs.flat_map(split).collect()
}

/// The chunks that have most to lose, for damage of which there is much.
fn full_chunks() -> Vec<Vec<u8>> {
    let mut chunks = chunks();
    chunks.sort_by_key(|chunk| std::cmp::Reverse(free_space(chunk)));
    chunks.truncate(3);
    chunks
}

fn free_space(chunk: &[u8]) -> usize {
    let number = chunk[FREE_SPACE..FREE_SPACE + 4].first_chunk().unwrap();
    usize::try_from(u32::from_le_bytes(*number)).unwrap()
}

fn put(chunk: &mut [u8], at: usize, bytes: &[u8]) {
    chunk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The places of a chunk's records.
fn records_of(chunk: &[u8]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut at = HEADER;
    while chunk[at..].starts_with(&[0x2a, 0x2a, 0, 0]) {
        let size = u32::from_le_bytes(*chunk[at + 4..].first_chunk().unwrap());
        places.push((at, at + usize::try_from(size).unwrap()));
        at = places[places.len() - 1].1;
    }
    places
}

/// Reads damaged bytes, and holds them against what the crate reads.
fn read(bytes: &[u8], what: &str) -> Everything {
    let own = corpus::read(bytes, &place());
    assert_eq!(own.counts.read, own.records.len() as u64, "{what}: count");
    assert_eq!(own.counts.lost, own.faults.iter().map(|fault| fault.lost).sum::<u64>(), "{what}: lost");
    if bytes.len() < CHUNK_SIZE {
        // The crate reads whole chunks only.
        return own;
    }
    let mut left = own.records.iter();
    for theirs in read_chunk_by_crate(bytes, &place()).unwrap_or_default().into_iter().flatten() {
        if lanes::is_blank(&theirs) {
            continue;
        }
        let is_read = left.any(|record| *record == theirs);
        let same = own.records.iter().find(|record| record.record_id == theirs.record_id);
        assert!(is_read, "{what}: the crate has {theirs:?}, not {same:?}");
    }
    own
}

fn ids(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.record_id).collect()
}

/// A small generator of numbers that look random (xorshift), the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

#[test]
fn a_chunk_cut_anywhere_keeps_its_whole_records() {
    for (index, chunk) in full_chunks().iter().enumerate() {
        let places = records_of(chunk);
        for cut in (1024..=CHUNK_SIZE).step_by(1024) {
            let whole = places.iter().filter(|(_, end)| *end <= cut).count();
            let all = read(&chunk[..cut], &format!("chunk {index} cut at {cut}"));
            assert_eq!(all.records.len(), whole, "chunk {index} cut at {cut}");
            assert_eq!(all.counts.recovered, if cut < free_space(chunk) { whole as u64 } else { 0 });
            assert_eq!(all.counts.lost, (places.len() - whole) as u64, "chunk {index} cut at {cut}");
        }
    }
}

#[test]
fn flipped_bytes_cost_no_more_than_with_the_crate() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (index, chunk) in full_chunks().iter().enumerate() {
        let end = free_space(chunk);
        for round in 0..120 {
            let mut damaged = chunk.clone();
            let mut what = format!("chunk {index} round {round}:");
            for _ in 0..=round % 4 {
                let at = if round % 5 == 0 { numbers.below(HEADER) } else { numbers.below(end) };
                damaged[at] ^= u8::try_from(1 + numbers.below(255)).unwrap();
                what = format!("{what} {at}={:02x}", damaged[at]);
            }
            read(&damaged, &what);
        }
    }
}

#[test]
fn zeroed_and_overwritten_ranges_cost_no_more_than_with_the_crate() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for (index, chunk) in full_chunks().iter().enumerate() {
        for round in 0..60 {
            let mut damaged = chunk.clone();
            let len = 1 << numbers.below(14);
            let at = numbers.below(CHUNK_SIZE - len);
            damaged[at..at + len].fill(if round % 2 == 0 { 0 } else { 0xff });
            read(&damaged, &format!("chunk {index}: {len} bytes at {at} in round {round}"));
        }
    }
}

#[test]
fn a_zeroed_record_costs_itself() {
    let chunk = full_chunks().remove(0);
    let before = read(&chunk, "whole").records;
    let places = records_of(&chunk);
    let (at, end) = places[places.len() / 2];
    let mut damaged = chunk.clone();
    damaged[at..end].fill(0);
    let after = read(&damaged, "one record zeroed");
    assert_eq!(after.counts.lost, 1 + before.len() as u64 - 1 - after.records.len() as u64);
    assert_eq!(after.records.first(), before.first());
    assert_eq!(after.records.last(), before.last());
}

#[test]
fn a_chunk_without_magic_gives_its_records() {
    for chunk in chunks() {
        let before = read(&chunk, "whole");
        let mut damaged = chunk.clone();
        damaged[..MAGIC.len()].fill(0);
        let after = read(&damaged, "no magic");
        assert_eq!(after.records, before.records);
        assert_eq!(after.counts.recovered, after.counts.read);
        assert_eq!(after.faults.len(), 1, "the chunk's own");
    }
}

#[test]
fn a_chunk_without_header_gives_its_records() {
    let chunk = full_chunks().remove(0);
    let before = read(&chunk, "whole");
    let mut damaged = chunk.clone();
    damaged[..HEADER].fill(0);
    assert_eq!(read(&damaged, "no header").records, before.records);
}

#[test]
fn an_empty_chunk_is_no_damage() {
    let all = corpus::read(&vec![0; CHUNK_SIZE], &place());
    assert!(all.records.is_empty() && all.faults.is_empty());
}

#[test]
fn free_space_that_begins_too_early_hides_no_record() {
    let chunk = full_chunks().remove(0);
    let before = read(&chunk, "whole");
    let places = records_of(&chunk);
    for free in [0, HEADER, places[1].0, places[1].0 + 5, places[places.len() - 1].0] {
        let mut damaged = chunk.clone();
        put(&mut damaged, FREE_SPACE, &u32::try_from(free).unwrap().to_le_bytes());
        let after = read(&damaged, &format!("free space at {free}"));
        assert_eq!(ids(&after.records), ids(&before.records), "free space at {free}");
        assert!(after.counts.recovered > 0, "free space at {free}");
    }
}

#[test]
fn free_space_that_begins_too_late_adds_no_record() {
    let chunk = full_chunks().remove(0);
    let before = read(&chunk, "whole");
    for free in [65_536, 70_000, u32::MAX] {
        let mut damaged = chunk.clone();
        put(&mut damaged, FREE_SPACE, &free.to_le_bytes());
        assert_eq!(read(&damaged, &format!("free space at {free}")).records, before.records);
    }
}

#[test]
fn wrong_checksums_are_told_and_cost_no_record() {
    let chunk = full_chunks().remove(0);
    let before = read(&chunk, "whole");
    assert!(before.faults.is_empty(), "{:?}", before.faults);
    for (flags, is_told) in [(0_u32, true), (1, true), (4, false), (5, false), (0x1b97_0000, true)] {
        let mut damaged = chunk.clone();
        put(&mut damaged, RECORDS_CHECKSUM, &[0xaa; 4]);
        put(&mut damaged, 120, &flags.to_le_bytes());
        put(&mut damaged, HEADER_CHECKSUM, &[0xbb; 4]);
        let after = read(&damaged, &format!("flags {flags:#x}"));
        assert_eq!(after.records, before.records);
        let told: Vec<(u64, bool)> = after
            .faults
            .iter()
            .map(|fault| (fault.offset - 4096, fault.expected.contains("0xbbbbbbbb")))
            .collect();
        let both = vec![(HEADER_CHECKSUM as u64, true), (RECORDS_CHECKSUM as u64, false)];
        assert_eq!(told, if is_told { both } else { Vec::new() }, "flags {flags:#x}");
        assert_eq!((after.counts.lost, after.counts.recovered), (0, 0));
    }
}

#[test]
fn a_changed_byte_is_told_by_the_checksum_that_covers_it() {
    let chunk = full_chunks().remove(0);
    let behind = free_space(&chunk);
    let covered = [(9, HEADER_CHECKSUM), (300, HEADER_CHECKSUM), (behind - 1, RECORDS_CHECKSUM)];
    for (at, checksum) in covered {
        let mut damaged = chunk.clone();
        damaged[at] ^= 1;
        let faults = read(&damaged, &format!("{at} flipped")).faults;
        assert!(faults.iter().any(|fault| fault.offset == 4096 + checksum as u64), "{at}: {faults:?}");
        let of_both = faults.iter().filter(|fault| fault.expected.contains("checksum")).count();
        assert_eq!(of_both, 1, "{at}: {faults:?}");
    }
    let mut leftover = chunk.clone();
    leftover[behind..].fill(0x77);
    assert!(read(&leftover, "leftovers").faults.is_empty(), "what is behind the records is not covered");
}

#[test]
fn a_cut_chunk_is_not_blamed_for_its_records_checksum() {
    let chunk = full_chunks().remove(0);
    let all = read(&chunk[..free_space(&chunk) - 1000], "cut");
    assert!(all.counts.lost > 0);
    assert!(all.faults.iter().all(|fault| !fault.expected.contains("checksum")), "{:?}", all.faults);
}

#[test]
fn damaged_string_and_template_tables_do_not_matter() {
    let chunk = full_chunks().remove(0);
    let before = corpus::read(&chunk, &place());
    for fill in [0_u8, 0xff, 0x80] {
        let mut damaged = chunk.clone();
        damaged[128..HEADER].fill(fill);
        assert_eq!(corpus::read(&damaged, &place()).records, before.records, "tables of {fill:#x}");
    }
}

#[test]
fn leftovers_of_an_earlier_use_are_passed_over() {
    // A chunk with few records over one that was full, as when a log wraps.
    let mut chunks = chunks();
    chunks.sort_by_key(|chunk| free_space(chunk));
    let (few, full) = (chunks[0].clone(), chunks[chunks.len() - 1].clone());
    let mut reused = few.clone();
    let end = free_space(&few);
    reused[end..].copy_from_slice(&full[end..]);
    assert_eq!(read(&reused, "reused").records, read(&few, "few").records);
}

#[test]
fn carving_finds_chunks_wherever_they_stand() {
    let chunks = chunks();
    let mut image = vec![0x55; 12_345];
    let mut expected = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        image.extend_from_slice(chunk);
        image.extend(vec![0xaa; index * 777]);
        expected.extend(read(chunk, "whole").records);
    }
    let mut all = Everything::default();
    carve(image.as_slice(), &place(), &mut all).unwrap();
    assert_eq!(ids(&all.records), ids(&expected));
    assert!(all.records == expected);
    assert!(all.faults.is_empty());
}

#[test]
fn carving_finds_records_of_a_chunk_that_lost_its_header() {
    let chunk = full_chunks().remove(0);
    let expected = read(&chunk, "whole").records;
    let mut image = vec![0; 3 << 20];
    let at = (1 << 20) - 700;
    put(&mut image, at, &chunk);
    image[at..at + HEADER].fill(0x11);
    let mut all = Everything::default();
    carve(image.as_slice(), &place(), &mut all).unwrap();
    assert_eq!(ids(&all.records), ids(&expected));
}

#[test]
fn carving_a_cut_chunk_stops_at_the_next() {
    let chunk = full_chunks().remove(0);
    let all = read(&chunk, "whole").records;
    let half = 32 * 1024;
    let image = [&chunk[..half], &chunk[..]].concat();
    let mut carved = Everything::default();
    carve(image.as_slice(), &place(), &mut carved).unwrap();
    let whole = records_of(&chunk).iter().filter(|(_, end)| *end <= half).count();
    assert_eq!(ids(&carved.records), [&ids(&all)[..whole], &ids(&all)[..]].concat());
}

#[test]
fn carving_noise_ends() {
    let mut numbers = Numbers(88_172_645_463_325_252);
    let mut noise: Vec<u8> = (0..200_000).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
    for _ in 0..2000 {
        let at = numbers.below(noise.len() - 40);
        put(&mut noise, at, if at.is_multiple_of(2) { MAGIC } else { &[0x2a, 0x2a, 0, 0, 28, 0, 0, 0] });
    }
    let mut all = Everything::default();
    carve(noise.as_slice(), &place(), &mut all).unwrap();
    assert!(all.records.is_empty());
}

#[test]
fn a_record_with_a_wrong_time_does_not_lead_past_those_behind_it() {
    // Behind it stands a record whose size is wrong, so that the next ones seem to be its content.
    let chunk = full_chunks().remove(0);
    let mut before = read(&chunk, "whole").records;
    let places = records_of(&chunk);
    let mut damaged = chunk.clone();
    damaged[places[5].0 + 23] = 0xe2;
    let size = u32::try_from(places[9].1 - places[6].0).unwrap() - 8;
    put(&mut damaged, places[6].0 + 4, &size.to_le_bytes());
    let after = read(&damaged, "a wrong time and a wrong size");
    before.remove(6);
    assert_eq!(ids(&after.records), ids(&before));
    assert_eq!(after.counts.lost, 1);
}
