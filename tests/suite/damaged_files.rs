//! Whole logs whose chunks are swapped, repeated, wrapped or cut, and whose header is wrong: every record that the `evtx`
//! crate reads is read, and the report counts what was read, recovered and lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use evtx::{EvtxParser, ParserSettings};
use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE};
use rdpwhy::input::{self, Options};
use rdpwhy::scan::{self, Builds, Flow, Progress, Query};
use rdpwhy::text::Texts;
use serde_json::Value;

use crate::support;

struct Quiet;

impl Progress for Quiet {
    fn log(&self, _name: &str) {}
    fn bytes(&self, _count: u64) {}
}

/// A log in parts.
#[derive(Clone)]
struct Log {
    header: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl Log {
    fn bytes(&self) -> Vec<u8> {
        [self.header.clone(), self.chunks.concat()].concat()
    }
}

/// The samples' logs of two chunks and more, and one of a chunk.
fn logs() -> Vec<Log> {
    let all = support::samples().into_iter().flat_map(|(_, scenario)| scenario.logs().into_values());
    let mut logs: Vec<Log> = all
        .map(|bytes| {
            let (header, chunks) = bytes.split_at(FILE_HEADER_SIZE);
            Log { header: header.to_vec(), chunks: chunks.chunks(CHUNK_SIZE).map(<[u8]>::to_vec).collect() }
        })
        .collect();
    logs.sort_by_key(|log| std::cmp::Reverse(log.chunks.len()));
    logs.truncate(4);
    assert!(logs[2].chunks.len() > 1 && logs[3].chunks.len() == 1, "the samples have logs of each size");
    logs
}

/// What was read of a file.
struct Read {
    /// How often each record id was read.
    ids: BTreeMap<u64, usize>,
    faults: Vec<String>,
    lost: u64,
}

impl Read {
    fn count(&self) -> usize {
        self.ids.values().sum()
    }
}

/// Reads many files at once, each as `what` says, and holds each against what the crate reads of it.
fn read_all(files: &[(String, Vec<u8>)]) -> Vec<Read> {
    let folder = tempfile::tempdir().unwrap();
    let texts = Texts::builtin();
    let (builds, query, stop) = (Builds::default(), Query::default(), AtomicBool::new(false));
    let path = folder.path().join("damaged.evtx");
    files
        .iter()
        .map(|(what, bytes)| {
            fs::write(&path, bytes).unwrap();
            let found = input::find(std::slice::from_ref(&path), &Options::default());
            let ids = Mutex::new(BTreeMap::<u64, usize>::new());
            let flow = Flow {
                query: &query,
                texts: &texts,
                builds: &builds,
                carve: false,
                progress: &Quiet,
                stop: &stop,
                show: &|record, _, _| *ids.lock().unwrap().entry(record.record_id).or_default() += 1,
            };
            let flowed = scan::flow(&found.sources, &flow, &mut |_| Ok(())).unwrap();
            assert!(flowed.problems.is_empty(), "{what}: {:?}", flowed.problems);
            let lost = flowed.faults.iter().map(|fault| fault.lost).sum();
            let faults = flowed.faults.iter().map(|fault| fault.found.to_string()).collect();
            let read = Read { ids: ids.into_inner().unwrap(), faults, lost };
            for (id, count) in by_crate(bytes) {
                let own = read.ids.get(&id).copied().unwrap_or(0);
                assert!(own >= count, "{what}: record {id} is read {own} times, by the crate {count} times");
            }
            read
        })
        .collect()
}

/// How often the crate reads each record, by the number in its XML.
fn by_crate(bytes: &[u8]) -> BTreeMap<u64, usize> {
    let mut ids = BTreeMap::new();
    let Ok(mut parser) = EvtxParser::from_buffer(bytes.to_vec()) else { return ids };
    parser = parser.with_configuration(ParserSettings::new().num_threads(1));
    for record in parser.records().flatten() {
        let number = record.data.split_once("<EventRecordID>").unwrap().1.split_once('<').unwrap().0;
        *ids.entry(number.parse().unwrap()).or_default() += 1;
    }
    ids
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn order_and_copies_of_chunks_cost_no_record() {
    for log in logs() {
        let mut files = vec![("whole".to_owned(), log.bytes())];
        let mut expected = vec![None];
        let end = log.chunks.len();
        for first in 0..end {
            for second in 0..end {
                let mut other = log.clone();
                other.chunks.swap(first, second);
                files.push((format!("chunks {first} and {second} swapped"), other.bytes()));
                expected.push(None);
            }
            let mut other = log.clone();
            other.chunks.push(log.chunks[first].clone());
            files.push((format!("chunk {first} repeated at the end"), other.bytes()));
            expected.push(Some(first));
            let mut other = log.clone();
            other.chunks.insert(first, log.chunks[first].clone());
            files.push((format!("chunk {first} repeated in place"), other.bytes()));
            expected.push(Some(first));
        }
        let read = read_all(&files);
        let whole = &read[0];
        for ((read, (what, _)), repeated) in read.iter().zip(&files).zip(expected) {
            assert!(read.faults.is_empty(), "{what}: {:?}", read.faults);
            assert_eq!(read.ids.keys().collect::<Vec<_>>(), whole.ids.keys().collect::<Vec<_>>(), "{what}");
            match repeated {
                None => assert_eq!(read.ids, whole.ids, "{what}"),
                Some(_) => assert!(read.count() > whole.count(), "{what}"),
            }
        }
    }
}

#[test]
fn wrapped_logs_are_read_whole() {
    for log in logs() {
        let mut files = vec![("whole".to_owned(), log.bytes())];
        for turn in 0..log.chunks.len() {
            for flags in [0_u32, 1, 2, 3] {
                let mut other = log.clone();
                other.chunks.rotate_left(turn);
                // The oldest and the newest chunk, and the flags: dirty, full.
                put(&mut other.header, 8, &u64::try_from(turn).unwrap().to_le_bytes());
                put(&mut other.header, 16, &u64::try_from(turn + 1).unwrap().to_le_bytes());
                put(&mut other.header, 120, &flags.to_le_bytes());
                files.push((format!("oldest chunk at {turn}, flags {flags}"), other.bytes()));
            }
        }
        let read = read_all(&files);
        for (read, (what, _)) in read.iter().zip(&files) {
            assert!(read.faults.is_empty(), "{what}: {:?}", read.faults);
            assert!(read.ids.len() > 20 && read.ids == read_ids(&log), "{what}");
        }
    }
}

fn read_ids(log: &Log) -> BTreeMap<u64, usize> {
    by_crate(&log.bytes())
}

#[test]
fn a_wrong_header_costs_no_record() {
    for log in logs() {
        let mut files = Vec::new();
        let mut add = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut other = log.clone();
            change(&mut other.header);
            files.push((what.to_owned(), other.bytes()));
        };
        add("zeros", &|header| header.fill(0));
        add("other bytes", &|header| header.fill(0x5a));
        add("no signature", &|header| header[..8].fill(0));
        add("a signature and zeros", &|header| header[8..].fill(0));
        for count in [0_u16, 1, 2, 300, 0xffff] {
            add(&format!("{count} chunks"), &|header| put(header, 42, &count.to_le_bytes()));
        }
        for chunk in [0_u64, 1, 7, u64::MAX] {
            add(&format!("first chunk {chunk}"), &|header| put(header, 8, &chunk.to_le_bytes()));
            add(&format!("last chunk {chunk}"), &|header| put(header, 16, &chunk.to_le_bytes()));
        }
        for flags in [1_u32, 2, 3, 4, 0x1b97_0000, u32::MAX] {
            add(&format!("flags {flags:#x}"), &|header| put(header, 120, &flags.to_le_bytes()));
        }
        for (at, name) in [(32, "header size"), (36, "minor version"), (38, "major version"), (40, "block")] {
            for value in [0_u16, 3, 0xffff] {
                add(&format!("{name} {value}"), &|header| put(header, at, &value.to_le_bytes()));
            }
        }
        add("checksum", &|header| put(header, 124, &[0x77; 4]));
        let whole = read_ids(&log);
        for (read, (what, _)) in read_all(&files).iter().zip(&files) {
            assert!(read.ids == whole, "{what}: {} of {} records", read.count(), whole.len());
        }
    }
}

#[test]
fn any_length_keeps_the_whole_records_in_front_of_it() {
    for log in logs() {
        let bytes = log.bytes();
        let last = bytes.len() - CHUNK_SIZE;
        let mut files = Vec::new();
        for cut in (0..CHUNK_SIZE).step_by(1024).chain([1, 7, 511, 513, 65_535]) {
            files.push((format!("cut at {cut} of the last chunk"), bytes[..last + cut].to_vec()));
        }
        for more in [1, 511, 512, 4096, 65_535] {
            files.push((format!("{more} zeros more"), [&bytes[..], &vec![0; more]].concat()));
            files.push((format!("{more} other bytes more"), [&bytes[..], &vec![0x5a; more]].concat()));
        }
        let whole = read_ids(&log);
        for (read, (what, file)) in read_all(&files).iter().zip(&files) {
            let known = read.count() as u64 + read.lost;
            let is_nothing = file.len() % CHUNK_SIZE < FILE_HEADER_SIZE + 512 && file.len() < bytes.len();
            assert!(is_nothing || known == whole.len() as u64, "{what}: {known} of {} records", whole.len());
            if file.len() >= bytes.len() {
                assert!(read.ids == whole, "{what}");
            }
        }
    }
}

#[test]
fn lost_chunks_cost_themselves() {
    for log in logs().into_iter().take(3) {
        let whole = read_ids(&log);
        let mut files = Vec::new();
        let mut left = Vec::new();
        for index in 0..log.chunks.len() {
            for fill in [0_u8, 0xff] {
                let mut other = log.clone();
                other.chunks[index].fill(fill);
                files.push((format!("chunk {index} of {fill:#x}"), other.bytes()));
                let alone = Log { header: log.header.clone(), chunks: vec![log.chunks[index].clone()] };
                left.push(whole.len() - read_ids(&alone).len());
            }
        }
        for ((read, (what, _)), left) in read_all(&files).iter().zip(&files).zip(left) {
            assert_eq!(read.count(), left, "{what}");
        }
    }
}

/// What the report of a log says: records read, recovered and lost, and places of damage.
fn counts(log: &Path) -> [u64; 4] {
    let run = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .args(["diagnose", "-q", "--format", "json"])
        .arg(log)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    let summary = |key: &str| report["summary"][key].as_u64().unwrap();
    let faults = |of: &Value| of["faults"].as_array().unwrap().len() as u64;
    let places = faults(&report) + report["hosts"].as_array().unwrap().iter().map(faults).sum::<u64>();
    [summary("records"), summary("recovered_records"), summary("lost_records"), places]
}

#[test]
fn the_report_counts_what_was_read_recovered_and_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.evtx");
    let log = &logs()[1];
    let all = read_ids(log).len() as u64;
    fs::write(&path, log.bytes()).unwrap();
    assert_eq!(counts(&path), [all, 0, 0, 0]);

    // The last chunk is cut in the middle: its whole records are there, and those behind are known by number.
    let end = FILE_HEADER_SIZE + CHUNK_SIZE * (log.chunks.len() - 1);
    fs::write(&path, &log.bytes()[..end + 20_000]).unwrap();
    let [read, recovered, lost, places] = counts(&path);
    assert!(recovered > 0 && lost > 0, "{recovered} recovered, {lost} lost");
    assert_eq!((read + lost, places), (all, 1));

    // A chunk without its signature: all of it is recovered.
    let mut other = log.clone();
    other.chunks[0][..8].fill(0);
    fs::write(&path, other.bytes()).unwrap();
    let alone = Log { header: log.header.clone(), chunks: vec![log.chunks[0].clone()] };
    assert_eq!(counts(&path), [all, read_ids(&alone).len() as u64, 0, 1]);

    // Checksums that do not match cost nothing, and are told.
    let mut other = log.clone();
    put(&mut other.chunks[0], 52, &[0x77; 4]);
    put(&mut other.chunks[0], 124, &[0x77; 4]);
    fs::write(&path, other.bytes()).unwrap();
    assert_eq!(counts(&path), [all, 0, 0, 2]);
}
