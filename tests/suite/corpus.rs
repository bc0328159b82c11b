//! Real logs that are no part of the project: read in place, and tests that need them pass without them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rdpwhy::evtx::{
    CHUNK_SIZE, Counts, Data, FILE_HEADER_SIZE, Fault, Head, Place, Record, Visitor, read_chunk,
};

use crate::lanes::Stored;

/// One log of the corpus, as its manifest describes it.
pub(crate) struct Log {
    /// Path below the corpus.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Records that the `evtx` crate reads.
    pub(crate) records: u64,
}

impl Log {
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (Place, &[u8])> {
        let bytes = self.bytes.get(FILE_HEADER_SIZE..).unwrap_or_default();
        bytes.chunks(CHUNK_SIZE).enumerate().map(|(index, chunk)| {
            let offset = u64::try_from(FILE_HEADER_SIZE + index * CHUNK_SIZE).unwrap();
            (Place { log: Arc::from(&*self.name), offset }, chunk)
        })
    }
}

pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("RDPWHY_CORPUS").map_or_else(beside, PathBuf::from);
    folder.join("MANIFEST.tsv").is_file().then_some(folder)
}

/// The logs of the corpus; none, with a message, when it is not there.
pub(crate) fn logs() -> Vec<Log> {
    let Some(folder) = folder() else {
        eprintln!("skipped: no corpus (set RDPWHY_CORPUS to a folder with MANIFEST.tsv)");
        return Vec::new();
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut lines = manifest.lines();
    let titles: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |title: &str| titles.iter().position(|own| *own == title).unwrap();
    let (local, records) = (column("local"), column("events_rust_evtx_0.15.1"));
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let bytes = std::fs::read(folder.join(cells[local])).ok()?;
        Some(Log { name: cells[local].to_owned(), bytes, records: cells[records].parse().ok()? })
    };
    lines.filter_map(read).collect()
}

/// A visitor that wants and keeps everything.
#[derive(Default)]
pub(crate) struct Everything {
    pub(crate) heads: usize,
    pub(crate) records: Vec<Record>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) counts: Counts,
    pub(crate) stored: Stored,
}

impl Visitor for Everything {
    fn head(&mut self, _head: &Head<'_>) -> bool {
        self.heads += 1;
        true
    }

    fn data(&mut self, data: &mut Data<'_, '_>) -> bool {
        self.stored.take(data);
        true
    }

    fn record(&mut self, record: Record) {
        self.stored.compare(&record);
        self.records.push(record);
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn counts(&mut self, counts: &Counts) {
        self.counts.read += counts.read;
        self.counts.recovered += counts.recovered;
        self.counts.lost += counts.lost;
    }
}

/// Everything in one chunk.
pub(crate) fn read(bytes: &[u8], place: &Place) -> Everything {
    let mut all = Everything::default();
    read_chunk(bytes, place, &mut all);
    all
}
