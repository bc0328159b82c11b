//! What the fuzz targets for logs do with their bytes; the tests replay the seeds with it.
#![allow(dead_code, reason = "each fuzz target uses its part")]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::sync::Arc;

use rdpwhy::evtx::{
    CHUNK_SIZE, Counts, Data, FILE_HEADER_SIZE, Fault, Head, Place, Record, Visitor, carve, read_chunk,
    read_chunk_by_crate,
};

/// A visitor that wants and keeps everything.
#[derive(Default)]
pub(crate) struct Everything {
    pub(crate) heads: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) counts: Counts,
    pub(crate) lost: u64,
    /// A record was refused for what it would cost; the crate alone may read it.
    is_refused: bool,
    /// A head was shown, and neither its record nor a fault has come.
    is_open: bool,
    faults_after_head: u64,
    /// What the record's bytes said of its data before it was decoded.
    stored: Stored,
}

/// A field's name and text.
type Named = (Option<Arc<str>>, Option<String>);

/// Values of a record as they are stored: names and texts, where the layout is known and the text can be told.
#[derive(Default)]
pub(crate) struct Stored {
    fields: Option<Vec<Named>>,
    binary: Option<Box<[u8]>>,
    version: u8,
    /// Records whose values could be looked at.
    pub(crate) known: u64,
}

impl Stored {
    pub(crate) fn take(&mut self, data: &mut Data<'_, '_>) {
        self.fields = data.fields().map(|fields| {
            self.binary = fields.binary.map(Into::into);
            self.version = fields.version;
            let name = |element: usize| fields.names.get(element).cloned().flatten();
            fields.values.iter().map(|field| (name(field.element), field.value.text())).collect()
        });
    }

    /// Holds what the bytes said against the decoded record.
    pub(crate) fn compare(&mut self, record: &Record) {
        let Some(stored) = self.fields.take() else { return };
        self.known += 1;
        assert_eq!(stored.len(), record.fields.len(), "{record:#?}");
        for ((name, text), field) in stored.iter().zip(&record.fields) {
            assert_eq!(*name, field.name, "{record:#?}");
            assert!(text.as_deref().is_none_or(|text| *text == *field.value), "{text:?} {record:#?}");
        }
        assert_eq!(
            (self.binary.take(), self.version),
            (record.binary.clone(), record.version),
            "{record:#?}"
        );
    }
}

impl Everything {
    /// Records of which only the head could be read.
    pub(crate) fn lost_after_head(&self) -> u64 {
        self.faults_after_head
    }
}

impl Visitor for Everything {
    fn head(&mut self, _head: &Head<'_>) -> bool {
        self.heads += 1;
        self.is_open = true;
        true
    }

    fn data(&mut self, data: &mut Data<'_, '_>) -> bool {
        self.stored.take(data);
        true
    }

    fn record(&mut self, record: Record) {
        self.is_open = false;
        self.stored.compare(&record);
        self.records.push(record);
    }

    fn fault(&mut self, fault: Fault) {
        self.lost += fault.lost;
        self.is_refused |= fault.found.contains("made to take much");
        self.faults_after_head += u64::from(std::mem::take(&mut self.is_open));
        self.stored = Stored::default();
    }

    fn counts(&mut self, counts: &Counts) {
        self.counts.read += counts.read;
        self.counts.recovered += counts.recovered;
        self.counts.lost += counts.lost;
    }
}

pub(crate) fn place() -> Place {
    Place { log: Arc::from("fuzz.evtx"), offset: 4096 }
}

pub(crate) fn read(bytes: &[u8]) -> Everything {
    let mut all = Everything::default();
    read_chunk(bytes.get(..CHUNK_SIZE).unwrap_or(bytes), &place(), &mut all);
    all
}

/// Reads each chunk of a file, and carves all of it.
pub(crate) fn read_file(bytes: &[u8]) {
    for chunk in bytes.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE) {
        read(chunk);
    }
    let mut all = Everything::default();
    assert!(carve(bytes, &place(), &mut all).is_ok(), "bytes in memory can be read");
}

/// Holds what is read of a chunk against what the crate reads of it.
pub(crate) fn compare(bytes: &[u8]) {
    let mut chunk = bytes.to_vec();
    chunk.resize(CHUNK_SIZE, 0);
    let all = read(&chunk);
    if all.is_refused {
        return;
    }
    let own = all.records;
    let mut left = own.iter();
    for theirs in read_chunk_by_crate(&chunk, &place()).unwrap_or_default().into_iter().flatten() {
        if is_blank(&theirs) {
            continue;
        }
        if !left.any(|record| *record == theirs) {
            let same: Vec<&Record> = own.iter().filter(|own| own.record_id == theirs.record_id).collect();
            panic!("the crate has {theirs:#?}\nnot {same:#?}");
        }
    }
}

/// Any bytes as a template and the values of its instance, in a chunk that is else in order: the first two bytes
/// are the length of the template, the rest is the number of values, their descriptors and the values.
pub(crate) fn compare_template(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (template, values) = rest.split_at(length);
    let chunk = chunk_of(template, values);
    if chunk.len() <= CHUNK_SIZE {
        compare(&chunk);
    }
}

const RECORD: usize = 512;

/// A chunk with one record, whose template is `template`.
fn chunk_of(template: &[u8], values: &[u8]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut chunk = vec![0; RECORD];
    chunk.extend_from_slice(&[0x2a, 0x2a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    chunk.extend_from_slice(&132_576_067_630_000_000_u64.to_le_bytes());
    chunk.extend_from_slice(&[0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0]);
    let definition = chunk.len() + 4;
    chunk.extend_from_slice(&number(definition));
    chunk.extend_from_slice(&[0; 4]);
    chunk.extend_from_slice(&[7, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    chunk.extend_from_slice(&number(template.len()));
    chunk.extend_from_slice(template);
    chunk.extend_from_slice(values);
    chunk.push(0);
    let size = number(chunk.len() + 4 - RECORD);
    chunk.extend_from_slice(&size);
    let end = number(chunk.len());
    let mut put = |at: usize, bytes: &[u8]| chunk[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"ElfChnk\0");
    put(RECORD + 4, &size);
    for at in [8, 16, 24, 32] {
        put(at, &1_u64.to_le_bytes());
    }
    put(40, &number(128));
    put(44, &number(RECORD));
    put(48, &end);
    chunk
}

/// What the crate makes of a stream without elements; here it is damage.
pub(crate) fn is_blank(record: &Record) -> bool {
    record.provider.is_empty()
        && record.event_id == 0
        && record.fields.is_empty()
        && record.channel.is_empty()
}
