//! The bytes of an MTA file: which text belongs to which record.
//!
//! A file is a chain of pages per section; only `EVT` (place in the log, EventRecordID and text number) and `MSG`
//! (texts) are read.
//! Texts stay bytes until they are asked for: a hostile file can name one long text any number of times, and a
//! reader that copies it for each would need memory without end. The `evtx` crate's `docs/mta.md` describes the format.

use std::collections::HashMap;

use super::super::packed::u32_at;

/// First bytes of a file.
const MAGIC: &[u8] = b"MTAFile\0";

/// Bytes before the section table.
const HEADER_SIZE: usize = 24;

/// Bytes of a section's descriptor before its name.
const DESCRIPTOR_SIZE: usize = 20;

/// Most sections that are looked at; real files have three.
const MAX_SECTIONS: u32 = 64;

/// Bytes of a page header: indexes, page number, next page, own place, and up to 100 record offsets.
const PAGE_SIZE: usize = 888;
const PAGE_NEXT: usize = 72;
const PAGE_SELF: usize = 80;
const PAGE_RECORDS: usize = 88;

/// A file in memory with an index of its texts.
#[derive(Debug, Default)]
pub(super) struct MtaFile {
    bytes: Vec<u8>,
    /// Places in the log, counted from 0, and text numbers of an EventRecordID, in the order of the file.
    events: HashMap<u64, Vec<(u32, u32)>>,
    /// Place and length of a text.
    texts: HashMap<u32, (usize, usize)>,
}

/// Where a file is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage {
    /// Offset in the file.
    pub(super) offset: u64,
    /// What stands there.
    pub(super) found: &'static str,
}

/// A section: its place in the file and its bytes.
#[derive(Clone, Copy)]
struct Section<'a> {
    place: usize,
    bytes: &'a [u8],
}

impl MtaFile {
    /// Reads the index of a file.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, Damage> {
        if bytes.get(..MAGIC.len()) != Some(MAGIC) {
            return Err(damage(0, "no MTA file"));
        }
        if u32_at(&bytes, 8) != Some(1) {
            return Err(damage(8, "an unknown version"));
        }
        let (events, texts) = (section(&bytes, "EVT")?, section(&bytes, "MSG")?);
        let mut file = Self::default();
        each_record(events, |position, place, payload| {
            let entry = (u64_at(payload, 0), u64_at(payload, 8));
            let (Some(record_id), Some(text)) = entry else { return Err(damage(place, "a cut off entry")) };
            if let Ok(text) = u32::try_from(text) {
                file.events.entry(record_id).or_default().push((position, text));
            }
            Ok(())
        })?;
        each_record(texts, |number, place, payload| {
            let length = u32_at(payload, 0).map(|length| length as usize);
            match length.filter(|&length| payload.len() - 4 >= length) {
                Some(length) => file.texts.entry(number).or_insert((place + 12, length)),
                None => return Err(damage(place, "a text that ends outside of its entry")),
            };
            Ok(())
        })?;
        file.bytes = bytes;
        Ok(file)
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of the record at a place of the log, counted from 0, with this EventRecordID.
    pub(super) fn message_at(&self, position: u64, record_id: u64) -> Option<String> {
        let (_, text) = self.entries(record_id).iter().find(|(own, _)| u64::from(*own) == position)?;
        self.text(*text).filter(|text| !text.is_empty())
    }

    /// The texts of an EventRecordID, in the order of the file.
    pub(super) fn messages(&self, record_id: u64) -> Vec<String> {
        let mut numbers: Vec<u32> = self.entries(record_id).iter().map(|(_, text)| *text).collect();
        numbers.dedup();
        // One number for many places is a merged log; no real log merges more than a few channels.
        numbers.truncate(64);
        numbers.iter().filter_map(|number| self.text(*number)).filter(|text| !text.is_empty()).collect()
    }

    fn entries(&self, record_id: u64) -> &[(u32, u32)] {
        self.events.get(&record_id).map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, number: u32) -> Option<String> {
        let &(place, length) = self.texts.get(&number)?;
        let bytes = self.bytes.get(place..place.checked_add(length)?)?;
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes));
        let text = char::decode_utf16(units.take_while(|&unit| unit != 0));
        let text: String = text.map(|character| character.unwrap_or('\u{fffd}')).collect();
        Some(text.trim_end().to_owned())
    }
}

fn damage(offset: usize, found: &'static str) -> Damage {
    Damage { offset: offset as u64, found }
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place..place.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

fn size_at(bytes: &[u8], place: usize) -> Option<usize> {
    usize::try_from(u64_at(bytes, place)?).ok()
}

/// Finds a section by its name.
fn section<'a>(bytes: &'a [u8], name: &str) -> Result<Section<'a>, Damage> {
    let wanted: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let count = u32_at(bytes, 20).unwrap_or_default().min(MAX_SECTIONS);
    let mut place = HEADER_SIZE;
    for _ in 0..count {
        let cut = damage(place, "a cut off section table");
        let length = u32_at(bytes, place + 16).ok_or(cut)? as usize;
        let own = bytes.get(place + DESCRIPTOR_SIZE..).and_then(|rest| rest.get(..length)).ok_or(cut)?;
        if own == wanted {
            let (start, size) = (size_at(bytes, place).ok_or(cut)?, size_at(bytes, place + 8).ok_or(cut)?);
            let bytes = start.checked_add(size).and_then(|end| bytes.get(start..end));
            return match bytes {
                Some(bytes) => Ok(Section { place: start, bytes }),
                None => Err(damage(place, "a section that ends outside of the file")),
            };
        }
        place += DESCRIPTOR_SIZE + length;
    }
    Err(damage(HEADER_SIZE, "no section of texts"))
}

/// Visits number, place in the file and payload of each record of a section.
fn each_record<'a>(
    section: Section<'a>,
    mut visit: impl FnMut(u32, usize, &'a [u8]) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let mut page = 0;
    // A chain with more pages than fit into the section goes in circles.
    for _ in 0..section.bytes.len().div_ceil(PAGE_SIZE) {
        let header =
            page_of(section.bytes, page).ok_or(damage(section.place, "a page outside of its section"))?;
        // An empty page has 0 here and no records.
        let slots =
            if u32_at(header, 0) == Some(0) { &[] } else { header.get(PAGE_RECORDS..).unwrap_or_default() };
        for slot in slots.chunks_exact(8) {
            let offset = size_at(slot, 0).unwrap_or(usize::MAX);
            if offset == 0 {
                continue;
            }
            let place = section.place.saturating_add(offset);
            let (number, payload) =
                record_of(section.bytes, offset).ok_or(damage(place, "a cut off record"))?;
            visit(number, place, payload)?;
        }
        let next = size_at(header, PAGE_NEXT).unwrap_or(usize::MAX);
        if Some(next) == size_at(header, PAGE_SELF) {
            return Ok(());
        }
        page = next;
    }
    if section.bytes.is_empty() {
        Ok(())
    } else {
        Err(damage(section.place, "a chain of pages without an end"))
    }
}

fn page_of(bytes: &[u8], page: usize) -> Option<&[u8]> {
    bytes.get(page..page.checked_add(PAGE_SIZE)?)
}

fn record_of(bytes: &[u8], offset: usize) -> Option<(u32, &[u8])> {
    let number = u32_at(bytes, offset)?;
    let size = u32_at(bytes, offset.checked_add(4)?)? as usize;
    let start = offset.checked_add(8)?;
    Some((number, bytes.get(start..start.checked_add(size)?)?))
}

#[cfg(test)]
mod tests {
    use super::{HEADER_SIZE, MAGIC, MtaFile, PAGE_NEXT, PAGE_RECORDS, PAGE_SELF, PAGE_SIZE};

    fn section(records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0_u8; PAGE_SIZE];
        bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        for (position, record) in records.iter().enumerate() {
            let offset = bytes.len() as u64;
            let slot = PAGE_RECORDS + position * 8;
            bytes[slot..slot + 8].copy_from_slice(&offset.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(position).unwrap().to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(record.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(record);
        }
        bytes
    }

    fn sample() -> Vec<u8> {
        let text = |text: &str| {
            let units: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            [u32::try_from(units.len()).unwrap().to_le_bytes().to_vec(), units].concat()
        };
        let event = |id: u64, number: u64| [id.to_le_bytes(), number.to_le_bytes()].concat();
        let sections = [
            ("EVT", section(&[event(7, 1), event(8, 0), event(7, 0)])),
            ("MSG", section(&[text("first"), text("second ä\r\n")])),
        ];
        let mut bytes = [MAGIC, &1_u32.to_le_bytes(), &1_u32.to_le_bytes(), &52_u32.to_le_bytes()].concat();
        bytes.extend_from_slice(&2_u32.to_le_bytes());
        let mut offset = HEADER_SIZE + 2 * 26;
        for (name, section) in &sections {
            bytes.extend_from_slice(&(offset as u64).to_le_bytes());
            bytes.extend_from_slice(&(section.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&6_u32.to_le_bytes());
            bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            offset += section.len();
        }
        for (_, section) in &sections {
            bytes.extend_from_slice(section);
        }
        bytes
    }

    #[test]
    fn texts_are_found_by_place_and_event_record_id() {
        let file = MtaFile::read(sample()).unwrap();
        let at = |position, id| file.message_at(position, id);
        assert_eq!(at(0, 7).as_deref(), Some("second ä"));
        assert_eq!(at(1, 8).as_deref(), Some("first"));
        assert_eq!(at(2, 7).as_deref(), Some("first"));
        // Another record stands at this place, or none.
        assert_eq!([at(1, 7), at(0, 8), at(3, 7), at(u64::MAX, 7)], [const { None }; 4]);
        assert_eq!(file.messages(8), ["first"]);
        assert_eq!(file.messages(7), ["second ä", "first"]);
        assert!(file.messages(9).is_empty());
    }

    #[test]
    fn cut_files_are_damaged_and_never_panic() {
        let whole = sample();
        for length in 0..whole.len() {
            assert!(MtaFile::read(whole[..length].to_vec()).is_err(), "{length}");
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let whole = sample();
        for place in 0..whole.len() {
            for flip in [0xFF, 0x01, 0x80] {
                let mut bytes = whole.clone();
                bytes[place] ^= flip;
                if let Ok(file) = MtaFile::read(bytes) {
                    let _ = file.messages(7);
                }
            }
        }
    }

    #[test]
    fn chain_of_pages_in_a_circle_ends() {
        let mut bytes = sample();
        let page = HEADER_SIZE + 2 * 26;
        bytes[page + PAGE_NEXT..page + PAGE_NEXT + 8].copy_from_slice(&0_u64.to_le_bytes());
        bytes[page + PAGE_SELF..page + PAGE_SELF + 8].copy_from_slice(&1_u64.to_le_bytes());
        let damage = MtaFile::read(bytes).unwrap_err();
        assert_eq!(damage.found, "a chain of pages without an end");
    }
}
