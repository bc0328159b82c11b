//! Writes `.evtx` logs: records become BinXML, records fill 64 KiB chunks, chunks make a file.
//!
//! Deterministic: equal records give equal bytes. It writes logs that were closed properly; damage is made by
//! whoever wants a damaged log, on the bytes.

mod binxml;
mod chunk;
mod record;
mod value;

pub(crate) use record::{Data, Record, Rendering, System};
pub(crate) use value::Value;

use binxml::patch;
use chunk::Chunk;

/// Bytes in front of the first chunk.
pub(crate) const FILE_HEADER_SIZE: usize = 4096;
/// Bytes of a chunk.
pub(crate) const CHUNK_SIZE: usize = 65_536;

/// How records are numbered in their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// As in the record's XML: a copy of the file that Windows writes.
    Own,
    /// From 1: a log that Event Viewer has exported, whose XML keeps the old numbers.
    FromOne,
}

/// The bytes of a log with these records, in this order; without records, of an empty log.
pub(crate) fn write_log(records: &[Record], numbering: Numbering) -> Vec<u8> {
    let mut full: Vec<Vec<u8>> = Vec::new();
    let mut chunk = Chunk::new();
    let mut next = 1;
    for (number, record) in (1_u64..).zip(records) {
        let id = if numbering == Numbering::Own { record.system.record_id } else { number };
        if !chunk.push(record, number, id) {
            full.push(std::mem::replace(&mut chunk, Chunk::new()).finish());
            assert!(chunk.push(record, number, id), "a record fits into an empty chunk");
        }
        next = id + 1;
    }
    full.push(chunk.finish());
    let mut bytes = file_header(full.len(), next);
    bytes.extend(full.into_iter().flatten());
    bytes
}

fn file_header(chunks: usize, next_record: u64) -> Vec<u8> {
    let count = u16::try_from(chunks).expect("a sample has few chunks");
    let mut header = vec![0; FILE_HEADER_SIZE];
    patch(&mut header, 0, b"ElfFile\0");
    patch(&mut header, 16, &u64::from(count - 1).to_le_bytes());
    patch(&mut header, 24, &next_record.to_le_bytes());
    patch(&mut header, 32, &128_u32.to_le_bytes());
    patch(&mut header, 36, &[1, 0, 3, 0]);
    patch(&mut header, 40, &4096_u16.to_le_bytes());
    patch(&mut header, 42, &count.to_le_bytes());
    let sum = crc32(header.get(..120).expect("4096 bytes"));
    patch(&mut header, 124, &sum.to_le_bytes());
    header
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
