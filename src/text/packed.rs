//! Bounds-checked access to the sections, rows and strings of a packed file.

use serde::Deserialize;

use super::store::pack::{STRING_ENDS, STRINGS};

/// A packed file in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'a>(pub(super) &'a [u8]);

impl<'a> Packed<'a> {
    /// The bytes of a section; empty when there is none.
    pub(super) fn section(self, number: usize) -> &'a [u8] {
        let place = number.checked_mul(8).and_then(|place| place.checked_add(4));
        let Some(place) = place else { return &[] };
        let (Some(offset), Some(length)) = (u32_at(self.0, place), u32_at(self.0, place + 4)) else {
            return &[];
        };
        let (offset, length) = (offset as usize, length as usize);
        offset.checked_add(length).and_then(|end| self.0.get(offset..end)).unwrap_or_default()
    }

    /// A string of the pool; empty when there is none.
    pub(super) fn string(self, number: u32) -> &'a str {
        let ends = self.section(STRING_ENDS);
        let place = number as usize * 4;
        let start = if number == 0 { Some(0) } else { u32_at(ends, place - 4) };
        let (Some(start), Some(end)) = (start, u32_at(ends, place)) else { return "" };
        let bytes = self.section(STRINGS).get(start as usize..end as usize).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Strings of the pool.
    pub(super) fn strings(self, numbers: &[u32]) -> Vec<&'a str> {
        numbers.iter().map(|&number| self.string(number)).collect()
    }

    /// The value that starts at an offset of a section.
    pub(super) fn entry<T: Deserialize<'a>>(self, section: usize, offset: u32) -> Option<T> {
        let bytes = self.section(section).get(offset as usize..)?;
        postcard::take_from_bytes(bytes).ok().map(|(value, _)| value)
    }

    /// All rows of a section.
    pub(super) fn all_rows(self, section: usize, size: usize) -> impl Iterator<Item = &'a [u8]> {
        self.section(section).chunks_exact(size)
    }

    /// The rows of a sorted section whose first four bytes are `key`.
    pub(super) fn rows(self, section: usize, size: usize, key: u32) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.section(section);
        let row = move |number: usize| bytes.get(number * size..number * size + size);
        let (mut low, mut high) = (0, bytes.len() / size);
        while low < high {
            let middle = low.midpoint(high);
            if row(middle).and_then(|row| u32_at(row, 0)).is_some_and(|found| found < key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..bytes.len() / size).map_while(row).take_while(move |row| u32_at(row, 0) == Some(key))
    }
}

/// Four bytes as a little endian number.
pub(super) fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    let end = place.checked_add(4)?;
    bytes.get(place..end)?.try_into().ok().map(u32::from_le_bytes)
}

/// Two bytes as a little endian number.
pub(super) fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    let end = place.checked_add(2)?;
    bytes.get(place..end)?.try_into().ok().map(u16::from_le_bytes)
}
