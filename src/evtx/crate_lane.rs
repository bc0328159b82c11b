//! The lane that decodes a chunk with the `evtx` crate: decoder of last resort and oracle of the fast lane.
//!
//! Each record is rendered to XML by the crate and read back into a [`Record`]: no shape of BinXML is unknown
//! to it. A panic of the crate costs the chunk, not the run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use evtx::{EvtxChunkData, ParserSettings};

use super::{CHUNK_SIZE, Fault, Place, Visitor, xml};

static SETTINGS: LazyLock<Arc<ParserSettings>> =
    LazyLock::new(|| Arc::new(ParserSettings::new().num_threads(1).validate_checksums(false).indent(false)));

/// Reads one chunk; see [`super::read_chunk`].
pub(super) fn read_chunk(bytes: &[u8], place: &Place, visitor: &mut dyn Visitor) {
    let mut data = bytes.to_vec();
    data.resize(CHUNK_SIZE, 0);
    let read = catch_unwind(AssertUnwindSafe(|| read_records(data, place, visitor)));
    if read.is_err() {
        visitor.fault(fault(place, 0, "a readable chunk", "a chunk that the decoder gives up on", 0));
    }
}

fn read_records(data: Vec<u8>, place: &Place, visitor: &mut dyn Visitor) {
    let mut chunk = match EvtxChunkData::new(data, false) {
        Ok(chunk) => chunk,
        Err(error) => return visitor.fault(fault(place, 0, "a chunk header", &error.to_string(), 0)),
    };
    let mut chunk = match chunk.parse(Arc::clone(&SETTINGS)) {
        Ok(chunk) => chunk,
        Err(error) => return visitor.fault(fault(place, 0, "a chunk's tables", &error.to_string(), 0)),
    };
    for record in chunk.iter() {
        match record.and_then(|record| Ok((record.binxml_offset, record.into_xml()?))) {
            Ok((offset, record)) => match xml::read_event(&record.data, &place.log) {
                Ok(mut decoded) => {
                    if decoded.record_id == 0 {
                        decoded.record_id = record.event_record_id;
                    }
                    if visitor.head(&decoded.head()) {
                        visitor.record(decoded);
                    }
                }
                Err(error) => visitor.fault(fault(place, offset, "a record", &error.to_string(), 1)),
            },
            Err(error) => visitor.fault(fault(place, 0, "a record", &flat(&error), 1)),
        }
    }
}

fn flat(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn fault(place: &Place, offset: u64, expected: &str, found: &str, lost: u64) -> Fault {
    Fault {
        log: Arc::clone(&place.log),
        offset: place.offset.saturating_add(offset),
        expected: expected.into(),
        found: found.into(),
        lost,
    }
}
