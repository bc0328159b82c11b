//! The lane that decodes a record with the `evtx` crate: decoder of last resort and oracle of the fast lane.
//!
//! A record is rendered to XML by the crate and read back into a [`Record`]: no shape of BinXML is unknown to it.
//! The crate sees the chunk with a header that leads to the one record, so that damage elsewhere in the chunk
//! does not matter. A panic of the crate costs the record, not the run.
//!
//! The crate bounds what one record may build and render, but not how often that happens in a chunk, nor all that it
//! reads for it. So what a record would cost is counted first ([`Meter`]), and a chunk's records share what they may
//! cost and what they may render.

use std::sync::{Arc, LazyLock};

use evtx::{EvtxChunkData, ParserSettings};

use super::binxml::name_bytes;
use super::bytes::{size_at, u16_at};
use super::cost::{Meter, NAME};
use super::walk::{CHUNK_HEADER, CHUNK_MAGIC, RECORD_HEADER, RECORD_MAGIC, Window};
use super::{CHUNK_SIZE, Record, xml};
use crate::input::isolated;

static SETTINGS: LazyLock<Arc<ParserSettings>> =
    LazyLock::new(|| Arc::new(ParserSettings::new().num_threads(1).validate_checksums(false).indent(false)));

/// Bytes of the record that leads to the wanted one: its header and an end of stream.
const LEAD: usize = RECORD_HEADER + 1;

/// Where a chunk's table of strings begins, and how many offsets it has.
const STRING_TABLE: usize = 128;
const STRING_BUCKETS: usize = 64;

/// One chunk as the crate sees it.
pub(super) struct CrateLane {
    /// The chunk, padded; empty while the crate has it, and for good when it did not come back.
    data: Vec<u8>,
    /// The bytes that the leading record hides.
    hidden: [u8; LEAD],
    log: Arc<str>,
    meter: Meter,
    /// What the table of names costs each time that the crate reads it.
    names: usize,
    /// Bytes of XML that the chunk's records may still take.
    xml_left: usize,
}

/// Bytes of XML that the records of one chunk may take together; those of a real one take 400 KB.
const MAX_XML: usize = 4 << 20;

impl CrateLane {
    pub(super) fn new(bytes: &[u8], log: &Arc<str>) -> Self {
        let mut data = bytes.to_vec();
        data.resize(CHUNK_SIZE, 0);
        put(&mut data, 0, CHUNK_MAGIC);
        put(&mut data, 40, &128_u32.to_le_bytes());
        let names = names_in_table(&data);
        if names.is_none() {
            put(&mut data, STRING_TABLE, &[0; STRING_BUCKETS * 4]);
        }
        let mut hidden = [0; LEAD];
        if let Some(lead) = data.get(CHUNK_HEADER..CHUNK_HEADER + LEAD) {
            hidden.copy_from_slice(lead);
        }
        let names = names.unwrap_or(0);
        Self { data, hidden, log: Arc::clone(log), meter: Meter::new(), names, xml_left: MAX_XML }
    }

    /// Decodes the record in `window`.
    pub(super) fn decode(&mut self, window: &Window) -> Result<Record, String> {
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Err("a record of a chunk that the decoder gave up on".to_owned());
        }
        lead_to(&mut data, window, &self.hidden);
        if self.xml_left == 0 || !self.meter.can_afford(&data, window, self.names) {
            self.data = data;
            return Err(TOO_COSTLY.to_owned());
        }
        let (data, xml) = isolated(|| decode(data, window))
            .map_err(|reason| format!("a record that the decoder gives up on ({reason})"))?;
        self.data = data;
        let xml = xml.inspect_err(|reason| {
            if reason.contains("renders more than") || reason.contains("renders to more than") {
                self.xml_left = 0;
            }
        })?;
        let left = self.xml_left.checked_sub(xml.len());
        self.xml_left = left.unwrap_or(0);
        left.ok_or(TOO_COSTLY)?;
        xml::read_event(&xml, &self.log).map_err(|error| error.to_string())
    }
}

/// What is found where a record would keep the crate busy or fill memory.
pub(super) const TOO_COSTLY: &str = "a record that is made to take much time or memory";

/// Changes the chunk's header so that `window` is the last record, and the first one or the second.
fn lead_to(data: &mut [u8], window: &Window, hidden: &[u8; LEAD]) {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    // An id that ends the walk behind the wanted record, not behind the one that leads to it.
    put(data, 24, &window.id.to_le_bytes());
    put(data, 32, &window.id.to_le_bytes());
    put(data, 44, &number(window.at));
    put(data, 48, &number(window.next));
    put(data, CHUNK_HEADER, hidden);
    if window.at >= CHUNK_HEADER + RECORD_HEADER + 4 {
        put(data, CHUNK_HEADER, &RECORD_MAGIC);
        put(data, CHUNK_HEADER + 4, &number(window.at - CHUNK_HEADER));
        put(data, CHUNK_HEADER + 8, &window.id.wrapping_add(1).to_le_bytes());
        // Any time that the crate takes for one, and the end of the record's stream.
        put(data, CHUNK_HEADER + 16, &[0; 9]);
    }
}

fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = data.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn decode(data: Vec<u8>, window: &Window) -> (Vec<u8>, Result<String, String>) {
    let mut chunk = match EvtxChunkData::new(data, false) {
        Ok(chunk) => chunk,
        Err(error) => return (Vec::new(), Err(error.to_string())),
    };
    let xml = decode_in(&mut chunk, window);
    (chunk.data, xml)
}

fn decode_in(chunk: &mut EvtxChunkData, window: &Window) -> Result<String, String> {
    let mut chunk = chunk.parse(Arc::clone(&SETTINGS)).map_err(|error| flat(&error))?;
    let wanted = u64::try_from(window.at + RECORD_HEADER).unwrap_or(u64::MAX);
    let mut reason = "bytes that are no record".to_owned();
    for record in chunk.iter() {
        match record {
            Ok(record) if record.binxml_offset == wanted => {
                return record.into_xml().map(|xml| xml.data).map_err(|error| flat(&error));
            }
            Ok(_) => {}
            Err(error) => reason = flat(&error),
        }
    }
    Err(reason)
}

/// Reads a whole chunk as the crate does; see [`super::read_chunk_by_crate`].
pub(super) fn read_all(bytes: &[u8], log: &Arc<str>) -> Result<Vec<Result<Record, String>>, String> {
    let mut data = bytes.to_vec();
    data.resize(CHUNK_SIZE, 0);
    let mut chunk = EvtxChunkData::new(data, false).map_err(|error| error.to_string())?;
    let mut chunk = chunk.parse(Arc::clone(&SETTINGS)).map_err(|error| flat(&error))?;
    let read = |record: evtx::EvtxRecord<'_>| {
        let id = record.event_record_id;
        let xml = record.into_xml().map_err(|error| flat(&error))?;
        let mut decoded = xml::read_event(&xml.data, log).map_err(|error| error.to_string())?;
        decoded.number = id;
        if decoded.record_id == 0 {
            decoded.record_id = id;
        }
        Ok(decoded)
    };
    Ok(chunk.iter().map(|record| record.map_err(|error| flat(&error)).and_then(read)).collect())
}

/// What the table of names costs; `None` when its chains leave the chunk's records, hold more than a chunk can, or name
/// what is no text: the crate gives up on the whole chunk then. Without a table it reads each name where it stands.
fn names_in_table(data: &[u8]) -> Option<usize> {
    let mut units = 0;
    let mut names = 0;
    for bucket in 0..STRING_BUCKETS {
        let mut at = size_at(data, STRING_TABLE + bucket * 4).unwrap_or(0);
        while at != 0 {
            let (next, name) = size_at(data, at).zip(name_bytes(data, at))?;
            let end = at + 8 + usize::from(u16_at(data, at + 6).unwrap_or_default()) * 2;
            names += 1;
            units += name.len() / 2;
            let letters = name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
            let is_text = char::decode_utf16(letters).all(|letter| letter.is_ok());
            let has_room = at >= CHUNK_HEADER + LEAD && end + 2 <= data.len();
            if !is_text || !has_room || names > CHUNK_SIZE / 10 || units > CHUNK_SIZE / 2 {
                return None;
            }
            at = next;
        }
    }
    Some(names + units / NAME)
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
