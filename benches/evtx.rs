//! How long one chunk of a sample takes: its heads, its stored values, its records, and the `evtx` crate alone for
//! comparison.
//!
//! The samples are small, so the chunk that holds most of them is read over and over: times say how the code
//! changes, not how fast a disk is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rdpwhy::evtx::{
    CHUNK_SIZE, Counts, Data, FILE_HEADER_SIZE, Fault, Head, Place, Record, Visitor, carve, read_chunk,
    read_chunk_by_crate,
};

fn main() {
    divan::main();
}

/// Counts, and wants all records or none.
struct Counting {
    is_wanting: bool,
    records: u64,
    fields: usize,
}

impl Visitor for Counting {
    fn head(&mut self, head: &Head<'_>) -> bool {
        divan::black_box(head);
        self.is_wanting
    }

    fn record(&mut self, record: Record) {
        self.fields += record.fields.len();
    }

    fn fault(&mut self, _fault: Fault) {}

    fn counts(&mut self, counts: &Counts) {
        self.records += counts.read;
    }
}

fn logs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            logs(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "evtx") {
            found.push(path);
        }
    }
}

/// The chunk of the samples with the most records.
fn fullest_chunk() -> Vec<u8> {
    let mut found = Vec::new();
    logs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), &mut found);
    found.sort();
    let chunks = found.iter().filter_map(|path| std::fs::read(path).ok()).flat_map(|log| {
        let chunks = log.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE);
        chunks.map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    chunks.max_by_key(|chunk| read(chunk, false).records).expect("there are samples")
}

fn place() -> Place {
    Place { log: Arc::from("sample.evtx"), offset: 4096 }
}

fn read(chunk: &[u8], is_wanting: bool) -> Counting {
    let mut counting = Counting { is_wanting, records: 0, fields: 0 };
    read_chunk(chunk, &place(), &mut counting);
    counting
}

fn measure(bencher: Bencher<'_, '_>, work: impl Fn(&[u8]) -> usize + Sync) {
    let chunk = fullest_chunk();
    bencher
        .counter(ItemsCount::new(read(&chunk, false).records))
        .counter(BytesCount::new(chunk.len()))
        .bench(|| work(divan::black_box(&chunk)));
}

#[divan::bench]
fn heads(bencher: Bencher<'_, '_>) {
    measure(bencher, |chunk| read(chunk, false).fields);
}

/// Looks at each record's values as they are stored, and decodes none.
struct Looking {
    values: usize,
}

impl Visitor for Looking {
    fn head(&mut self, _: &Head<'_>) -> bool {
        true
    }

    fn data(&mut self, data: &mut Data<'_, '_>) -> bool {
        self.values += data.fields().map_or(0, |fields| divan::black_box(fields.values).len());
        false
    }

    fn record(&mut self, _: Record) {}

    fn fault(&mut self, _: Fault) {}
}

#[divan::bench]
fn stored_values(bencher: Bencher<'_, '_>) {
    measure(bencher, |chunk| {
        let mut looking = Looking { values: 0 };
        read_chunk(chunk, &place(), &mut looking);
        looking.values
    });
}

#[divan::bench]
fn records(bencher: Bencher<'_, '_>) {
    measure(bencher, |chunk| read(chunk, true).fields);
}

#[divan::bench]
fn records_by_the_crate(bencher: Bencher<'_, '_>) {
    measure(bencher, |chunk| read_chunk_by_crate(chunk, &place()).unwrap_or_default().len());
}

#[divan::bench]
fn carving(bencher: Bencher<'_, '_>) {
    measure(bencher, |chunk| {
        let mut counting = Counting { is_wanting: false, records: 0, fields: 0 };
        carve(chunk, &place(), &mut counting).map_or(0, |()| counting.fields)
    });
}
