//! The two checksums of a chunk: of its header with the tables, and of its records.
//!
//! A wrong one costs no record: what can be read is read, and the fault says that the chunk was changed or was being
//! written when the log was copied.

use super::CHUNK_SIZE;
use super::bytes::{size_at, u32_at};
use super::walk::{CHUNK_HEADER, CHUNK_MAGIC};

/// Where a chunk's header has the end of its records, their checksum, its flags and its own checksum.
const FREE_SPACE: usize = 48;
const RECORDS: usize = 52;
const FLAGS: usize = 120;
const HEADER: usize = 124;

/// Where the tables begin, which the header's checksum covers.
const TABLES: usize = 128;

/// The flag of a chunk that was written without checksums.
const NO_CHECKSUMS: u32 = 4;

/// A checksum that is not that of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Where the chunk states it.
    pub(super) at: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

/// The checksums of a chunk that do not match. One that is cut in front of the end of its records has no records
/// to compare, and one without signature no header.
pub(super) fn mismatches(chunk: &[u8]) -> impl Iterator<Item = Mismatch> {
    let header = header_of(chunk);
    let records = header.and_then(|_| records_of(chunk));
    let stated = |at, of: &str, crc: Option<u32>| {
        let (stated, crc) = u32_at(chunk, at).zip(crc)?;
        (stated != crc).then(|| Mismatch {
            at,
            expected: format!("{of} with the checksum {stated:#010x}"),
            found: format!("{of} with the checksum {crc:#010x}: changed, or not yet written in full"),
        })
    };
    [stated(HEADER, "a chunk header", header), stated(RECORDS, "records", records)].into_iter().flatten()
}

/// The checksum of the header's fields and tables.
fn header_of(chunk: &[u8]) -> Option<u32> {
    let has_checksums = chunk.starts_with(CHUNK_MAGIC) && u32_at(chunk, FLAGS)? & NO_CHECKSUMS == 0;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(chunk.get(..FLAGS)?);
    hasher.update(chunk.get(TABLES..CHUNK_HEADER)?);
    has_checksums.then(|| hasher.finalize())
}

/// The checksum of the records.
fn records_of(chunk: &[u8]) -> Option<u32> {
    let end = size_at(chunk, FREE_SPACE).filter(|&end| end <= CHUNK_SIZE)?;
    chunk.get(CHUNK_HEADER..end).map(crc32fast::hash)
}
