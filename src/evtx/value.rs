//! One BinXML value becomes the text that the event's XML has for it (MS-EVEN6 2.2.18).
//!
//! `None` means that this lane does not know the value, or that its size does not fit its type: the record is
//! then decoded by the `evtx` crate. Real numbers are left to it too: their shortest form is an art.

use std::fmt::Write as _;

use super::Time;
use super::bytes::{u16_at, u32_at, u64_at};

/// Value types (MS-EVEN6 2.2.18) that are told apart outside of this file.
pub(super) const NULL: u8 = 0x00;
pub(super) const STRING: u8 = 0x01;
pub(super) const BINARY: u8 = 0x0e;
pub(super) const FILETIME: u8 = 0x11;
pub(super) const HEX64: u8 = 0x15;
pub(super) const FRAGMENT: u8 = 0x21;

const ANSI_STRING: u8 = 0x02;
const REAL32: u8 = 0x0b;
const REAL64: u8 = 0x0c;
const BOOL: u8 = 0x0d;
const GUID: u8 = 0x0f;
const SIZE: u8 = 0x10;
const SYSTEMTIME: u8 = 0x12;
pub(super) const SID: u8 = 0x13;
const HEX32: u8 = 0x14;
const ARRAY: u8 = 0x80;
pub(super) const STRINGS: u8 = ARRAY | STRING;

/// First FILETIME of the year 10000, from which on the text shows only four digits of the year.
const YEAR_10000: u64 = 2_650_467_744_000_000_000;

/// Bytes that each value of a type has; `None` for types of any size and those that are unknown here.
pub(super) const fn width(kind: u8) -> Option<usize> {
    match kind {
        0x03 | 0x04 => Some(1),
        0x05 | 0x06 => Some(2),
        0x07 | 0x08 | REAL32 | BOOL | HEX32 => Some(4),
        0x09 | 0x0a | REAL64 | FILETIME | HEX64 => Some(8),
        GUID | SYSTEMTIME => Some(16),
        _ => None,
    }
}

/// [`width`] of each type, zero where there is none.
const WIDTHS: [u8; 256] = {
    let mut widths = [0; 256];
    let mut kind: u8 = 0;
    while kind < 0x20 {
        if let Some(width) = width(kind) {
            // At most 16.
            #[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
            {
                widths[kind as usize] = width as u8;
            }
        }
        kind += 1;
    }
    widths
};

/// True when a value of `size` bytes can be passed over by its size alone.
#[inline]
pub(super) fn fits(kind: u8, size: usize) -> bool {
    match WIDTHS.get(usize::from(kind)) {
        None | Some(0) => fits_any(kind, size),
        Some(width) => usize::from(*width) == size,
    }
}

/// The same for types without a width.
fn fits_any(kind: u8, size: usize) -> bool {
    match kind {
        NULL | ANSI_STRING | BINARY | FRAGMENT => true,
        STRING | STRINGS => size.is_multiple_of(2),
        SIZE => size == 4 || size == 8,
        SID => size >= 8,
        _ => {
            let item = width(kind & !ARRAY).filter(|_| kind & ARRAY != 0 && kind & !ARRAY != BOOL);
            item.is_some_and(|width| size.is_multiple_of(width))
        }
    }
}

/// True for types whose values say themselves where they end.
#[inline]
pub(super) fn has_own_size(kind: u8) -> bool {
    kind == SID || kind == STRINGS
}

/// True when a value of such a type ends where its size says.
pub(super) fn is_whole(kind: u8, bytes: &[u8]) -> bool {
    match kind {
        SID => bytes.get(1).is_some_and(|&count| bytes.len() == 8 + usize::from(count) * 4),
        STRINGS => ends_with_nul(bytes),
        _ => true,
    }
}

/// True when the value shows nothing, so that an optional place for it stays away.
pub(super) fn is_empty(kind: u8, bytes: &[u8]) -> bool {
    kind == NULL || bytes.is_empty() || (kind == STRING && bytes.starts_with(&[0, 0]))
}

/// Appends a value's text.
pub(super) fn push(out: &mut String, kind: u8, bytes: &[u8]) -> Option<()> {
    match kind {
        NULL => {}
        STRING => push_utf16(out, until_nul(bytes)),
        ANSI_STRING => push_ansi(out, bytes)?,
        BINARY => push_hex(out, bytes),
        GUID => push_guid(out, bytes.first_chunk()?),
        FILETIME => push_filetime(out, u64_at(bytes, 0)?),
        SYSTEMTIME => push_systemtime(out, bytes)?,
        SID => push_sid(out, bytes)?,
        HEX32 => push_prefixed(out, u64::from(u32_at(bytes, 0)?)),
        HEX64 => push_prefixed(out, u64_at(bytes, 0)?),
        SIZE if bytes.len() == 4 => push_prefixed(out, u64::from(u32_at(bytes, 0)?)),
        SIZE => push_prefixed(out, u64_at(bytes, 0)?),
        BOOL => match u32_at(bytes, 0)?.cast_signed() {
            0 => out.push_str("false"),
            1 => out.push_str("true"),
            other => push_signed(out, i64::from(other)),
        },
        _ if kind & ARRAY != 0 => push_list(out, kind, bytes)?,
        _ => match integer(kind, bytes)? {
            Integer::Signed(number) => push_signed(out, number),
            Integer::Unsigned(number) => push_unsigned(out, number),
        },
    }
    Some(())
}

/// An integer as its type stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// The number in a value of an integer type.
pub(super) fn integer(kind: u8, bytes: &[u8]) -> Option<Integer> {
    Some(match kind {
        0x03 => Integer::Signed(i64::from(bytes.first()?.cast_signed())),
        0x04 => Integer::Unsigned(u64::from(*bytes.first()?)),
        0x05 => Integer::Signed(i64::from(u16_at(bytes, 0)?.cast_signed())),
        0x06 => Integer::Unsigned(u64::from(u16_at(bytes, 0)?)),
        0x07 => Integer::Signed(i64::from(u32_at(bytes, 0)?.cast_signed())),
        0x08 => Integer::Unsigned(u64::from(u32_at(bytes, 0)?)),
        0x09 => Integer::Signed(u64_at(bytes, 0)?.cast_signed()),
        0x0a => Integer::Unsigned(u64_at(bytes, 0)?),
        _ => return None,
    })
}

/// The moment that a FILETIME's text names, as [`Time::parse`] reads it.
pub(super) fn filetime(bytes: &[u8]) -> Option<Time> {
    u64_at(bytes, 0).map(time_of)
}

/// The same for the ticks of a FILETIME.
pub(super) fn time_of(ticks: u64) -> Time {
    if ticks < YEAR_10000 {
        return Time::from_filetime(ticks);
    }
    let mut text = String::new();
    push_filetime(&mut text, ticks);
    Time::parse(&text).unwrap_or_default()
}

/// Whether a type is that of a list.
pub(super) fn is_array(kind: u8) -> bool {
    kind & ARRAY != 0
}

/// The number of items of an array; `None` for a value of another type.
pub(super) fn array_len(kind: u8, bytes: &[u8]) -> Option<usize> {
    if kind & ARRAY == 0 {
        return None;
    }
    Some(if kind == STRINGS {
        bytes.as_chunks::<2>().0.iter().filter(|unit| **unit == [0, 0]).count()
    } else {
        bytes.len() / width(kind & !ARRAY)?
    })
}

/// The items of an array, each with its type.
pub(super) fn items(kind: u8, bytes: &[u8]) -> Option<Items<'_>> {
    if kind & ARRAY == 0 || !fits(kind, bytes.len()) || (kind == STRINGS && !ends_with_nul(bytes)) {
        return None;
    }
    Some(Items { kind: kind & !ARRAY, rest: bytes })
}

/// A list of strings ends with a NUL; without one the last string goes on behind the value.
fn ends_with_nul(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.as_chunks::<2>().0.last() == Some(&[0, 0])
}

/// See [`items`].
pub(super) struct Items<'c> {
    pub(super) kind: u8,
    rest: &'c [u8],
}

impl<'c> Iterator for Items<'c> {
    type Item = &'c [u8];

    fn next(&mut self) -> Option<&'c [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (size, behind) = match width(self.kind) {
            Some(width) => (width, 0),
            None => (until_nul(self.rest).len(), 2),
        };
        let item = self.rest.get(..size)?;
        self.rest = self.rest.get(size + behind..).unwrap_or_default();
        Some(item)
    }
}

fn push_list(out: &mut String, kind: u8, bytes: &[u8]) -> Option<()> {
    let items = items(kind, bytes)?;
    let kind = items.kind;
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, kind, item)?;
    }
    Some(())
}

/// The part of UTF-16 text before its first NUL.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let units = bytes.as_chunks::<2>().0;
    let count = units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len());
    bytes.get(..count * 2).unwrap_or_default()
}

/// Appends UTF-16LE text; what XML does not allow becomes `_`, as Windows shows it.
pub(super) fn push_utf16(out: &mut String, bytes: &[u8]) {
    let units = bytes.as_chunks::<2>().0;
    out.reserve(units.len());
    if units.iter().all(|[low, high]| *high == 0 && (0x20..0x7f).contains(low)) {
        let mut block = [0; 64];
        for units in units.chunks(block.len()) {
            block.iter_mut().zip(units).for_each(|(byte, [low, _])| *byte = *low);
            let ascii = block.get(..units.len()).and_then(|bytes| std::str::from_utf8(bytes).ok());
            out.push_str(ascii.unwrap_or_default());
        }
        return;
    }
    for unit in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        out.push(match unit {
            Ok(character) if is_allowed(character) => character,
            _ => '_',
        });
    }
}

/// True for characters that XML allows.
pub(super) fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

/// ASCII only: the code page of the machine that wrote other bytes is not known.
fn push_ansi(out: &mut String, bytes: &[u8]) -> Option<()> {
    if !bytes.is_ascii() {
        return None;
    }
    for &byte in bytes.iter().filter(|&&byte| byte != 0) {
        let character = char::from(byte);
        out.push(if is_allowed(character) { character } else { '_' });
    }
    Some(())
}

fn digit(value: u8, letters: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { letters + value - 10 })
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(digit(byte >> 4, b'A'));
        out.push(digit(byte & 15, b'A'));
    }
}

fn push_guid(out: &mut String, bytes: &[u8; 16]) {
    let [a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
    out.push('{');
    for (index, byte) in [d, c, b, a, f, e, h, g].into_iter().chain(rest).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(digit(byte >> 4, b'a'));
        out.push(digit(byte & 15, b'a'));
    }
    out.push('}');
}

fn push_signed(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    push_unsigned(out, number.unsigned_abs());
}

fn push_unsigned(out: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    let digits = digits.get(20 - count..).and_then(|bytes| std::str::from_utf8(bytes).ok());
    out.push_str(digits.unwrap_or_default());
}

fn push_prefixed(out: &mut String, number: u64) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{number:#x}");
}

fn push_sid(out: &mut String, bytes: &[u8]) -> Option<()> {
    let (&[revision, count, a, b, c, d, e, f], parts) = bytes.split_first_chunk::<8>()?;
    if parts.len() != usize::from(count) * 4 {
        return None;
    }
    out.push_str("S-");
    push_unsigned(out, u64::from(revision));
    out.push('-');
    push_unsigned(out, u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    for part in parts.as_chunks::<4>().0 {
        out.push('-');
        push_unsigned(out, u64::from(u32::from_le_bytes(*part)));
    }
    Some(())
}

/// A date and a time of day; years past 9999 keep their last four digits.
struct Clock {
    year: u64,
    month: u64,
    day: u64,
    /// Ticks of 100 ns since midnight.
    ticks: u64,
}

/// Ticks of 100 ns in a second and in a day.
const SECOND: u64 = 10_000_000;
const DAY: u64 = 86_400 * SECOND;

fn push_filetime(out: &mut String, filetime: u64) {
    if filetime > i64::MAX.cast_unsigned() {
        return push_clock(out, &Clock { year: 0, month: 0, day: 0, ticks: 0 });
    }
    // Days since 1 March of the year 0 in the Gregorian calendar, whose years of 365.2425 days repeat after 400.
    let days = filetime / DAY + 584_694;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    push_clock(out, &Clock { year: year % 10_000, month, day, ticks: filetime % DAY });
}

fn push_systemtime(out: &mut String, bytes: &[u8]) -> Option<()> {
    let field = |index: usize| u16_at(bytes, index * 2).map(u64::from);
    let (year, month, day) = (field(0)?, field(1)?, field(3)?);
    let (hour, minute, second, millisecond) = (field(4)?, field(5)?, field(6)?, field(7)?);
    let is_valid = (1601..=30827).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && millisecond < 1000;
    let clock = if is_valid {
        let ticks = ((hour * 60 + minute) * 60 + second) * SECOND + millisecond * 10_000;
        Clock { year: year % 10_000, month, day, ticks }
    } else {
        Clock { year: 1601, month: 1, day: 1, ticks: 0 }
    };
    push_clock(out, &clock);
    Some(())
}

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn push_clock(out: &mut String, clock: &Clock) {
    let seconds = clock.ticks / SECOND;
    let parts = [
        (clock.year, 4, '-'),
        (clock.month, 2, '-'),
        (clock.day, 2, 'T'),
        (seconds / 3600, 2, ':'),
        (seconds / 60 % 60, 2, ':'),
        (seconds % 60, 2, '.'),
        (clock.ticks % SECOND, 7, 'Z'),
    ];
    for (number, digits, behind) in parts {
        for place in (0..digits).rev() {
            let value = number / 10_u64.pow(place) % 10;
            out.push(digit(u8::try_from(value).unwrap_or_default(), b'a'));
        }
        out.push(behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, bytes: &[u8]) -> Option<String> {
        let mut out = String::new();
        push(&mut out, kind, bytes).map(|()| out)
    }

    #[test]
    fn times_have_seven_digits() {
        let bytes = 132_576_067_630_000_001_u64.to_le_bytes();
        assert_eq!(text(FILETIME, &bytes).unwrap(), "2021-02-12T12:32:43.0000001Z");
        assert_eq!(filetime(&bytes), Time::parse("2021-02-12T12:32:43.0000001Z"));
        assert_eq!(text(FILETIME, &[0xff; 8]).unwrap(), "0000-00-00T00:00:00.0000000Z");
        assert_eq!(filetime(&[0xff; 8]), Some(Time::default()));
        let last = (YEAR_10000 - 1).to_le_bytes();
        assert_eq!(text(FILETIME, &last).unwrap(), "9999-12-31T23:59:59.9999999Z");
    }

    #[test]
    fn system_times_that_do_not_exist_are_the_first_day() {
        let bytes: Vec<u8> = [2023_u16, 2, 0, 29, 1, 2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(text(SYSTEMTIME, &bytes).unwrap(), "1601-01-01T00:00:00.0000000Z");
        let bytes: Vec<u8> = [2024_u16, 2, 0, 29, 1, 2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(text(SYSTEMTIME, &bytes).unwrap(), "2024-02-29T01:02:03.0040000Z");
    }

    #[test]
    fn characters_that_xml_forbids_become_underscores() {
        let bytes: Vec<u8> = [0x41_u16, 1, 0xd800, 0x42, 0xffff, 9, 0xd83d, 0xde00]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(text(STRING, &bytes).unwrap(), "A__B_\t\u{1f600}");
    }

    #[test]
    fn a_list_of_strings_has_one_item_per_nul() {
        let bytes = b"a\0\0\0\0\0b\0\0\0";
        assert_eq!(array_len(STRINGS, bytes), Some(3));
        assert_eq!(text(STRINGS, bytes).unwrap(), "a,,b");
        assert!(items(STRINGS, b"a\0").is_none());
    }

    #[test]
    fn numbers_and_sids_are_written_as_in_xml() {
        assert_eq!(text(0x07, &[0xff; 4]).unwrap(), "-1");
        assert_eq!(text(0x0a, &[0xff; 8]).unwrap(), "18446744073709551615");
        assert_eq!(text(0x09, &i64::MIN.to_le_bytes()).unwrap(), "-9223372036854775808");
        assert_eq!(text(HEX64, &[0; 8]).unwrap(), "0x0");
        assert_eq!(text(BOOL, &[2, 0, 0, 0]).unwrap(), "2");
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        assert_eq!(text(SID, &sid).unwrap(), "S-1-5-32-544");
        assert_eq!(text(SID, &sid[..12]), None);
        let guid: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(text(GUID, &guid).unwrap(), "{03020100-0504-0706-0809-0a0b0c0d0e0f}");
    }
}
