//! One 64 KiB chunk: records with their headers, tables of names and templates, checksums.

use super::binxml::{Encoder, Tables, patch};
use super::record::Record;
use super::value::filetime;
use super::{CHUNK_SIZE, crc32};

const HEADER_SIZE: usize = 512;
const RECORD_MAGIC: [u8; 4] = *b"**\0\0";

/// A chunk that is being filled.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    tables: Tables,
    first: Option<(u64, u64)>,
    last: (u64, u64),
    last_offset: usize,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEADER_SIZE], tables: Tables::new(), first: None, last: (0, 0), last_offset: 0 }
    }

    /// Adds a record; false when it does not fit, then the chunk is as it was.
    pub(super) fn push(&mut self, record: &Record, number: u64, id: u64) -> bool {
        let start = self.bytes.len();
        let mark = self.tables.mark();
        self.bytes.extend(RECORD_MAGIC);
        self.bytes.extend([0; 4]);
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend(filetime(record.system.time).to_le_bytes());
        let mut encoder = Encoder { chunk: &mut self.bytes, tables: &mut self.tables };
        match &record.rendering {
            Some(rendering) => encoder.plain(&record.plain(rendering)),
            None => encoder.instance(&record.instance()),
        }
        self.bytes.resize((self.bytes.len() + 4).next_multiple_of(8) - 4, 0);
        let size = u32::try_from(self.bytes.len() + 4 - start).expect("a small record").to_le_bytes();
        self.bytes.extend(size);
        if self.bytes.len() > CHUNK_SIZE {
            self.bytes.truncate(start);
            self.tables.go_back(mark);
            return false;
        }
        patch(&mut self.bytes, start + 4, &size);
        self.first.get_or_insert((number, id));
        self.last = (number, id);
        self.last_offset = start;
        true
    }

    /// The chunk's 65,536 bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let free = self.bytes.len();
        let records = crc32(self.bytes.get(HEADER_SIZE..).unwrap_or_default());
        // An empty chunk says "from 1 to -1".
        let (first, last) = self.first.map_or(((1, 1), (u64::MAX, u64::MAX)), |first| (first, self.last));
        self.bytes.resize(CHUNK_SIZE, 0);
        let mut header = b"ElfChnk\0".to_vec();
        for number in [first.0, last.0, first.1, last.1] {
            header.extend(number.to_le_bytes());
        }
        for offset in [128, self.last_offset, free] {
            header.extend(u32::try_from(offset).expect("inside of the chunk").to_le_bytes());
        }
        header.extend(records.to_le_bytes());
        header.resize(128, 0);
        for offset in self.tables.name_buckets.iter().chain(&self.tables.template_buckets) {
            header.extend(offset.to_le_bytes());
        }
        let parts: Vec<u8> = header.iter().take(120).chain(header.iter().skip(128)).copied().collect();
        patch(&mut header, 124, &crc32(&parts).to_le_bytes());
        patch(&mut self.bytes, 0, &header);
        self.bytes
    }
}
