//! `RT_MESSAGETABLE`: the strings of a provider file by their 32-bit ids.
//!
//! A table names blocks of ids and where their entries start; an entry is its length, a flag for UTF-16, and the
//! string (winnt.h, `MESSAGE_RESOURCE_DATA`). Blocks of a hostile table may overlap, so the strings of a table
//! may not be longer than the table itself.

use super::super::packed::{u16_at, u32_at};

/// Flag of an entry in UTF-16; other entries are in the code page of the machine.
const IS_UNICODE: u16 = 1;

/// Bytes of a block's row, and of an entry before its string.
const BLOCK_SIZE: usize = 12;
const ENTRY_HEADER: usize = 4;

/// Reads a table; what is wrong with it is an error, together with nothing.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(u32, String)>, String> {
    let count = u32_at(bytes, 0).ok_or("a message table without a header")? as usize;
    if count > bytes.len() / BLOCK_SIZE {
        return Err(format!("a message table of {} bytes with {count} blocks", bytes.len()));
    }
    let mut strings = Vec::new();
    let mut room = bytes.len();
    for block in 0..count {
        let row = 4 + block * BLOCK_SIZE;
        let ids = u32_at(bytes, row).zip(u32_at(bytes, row + 4));
        let ((low, high), start) = ids.zip(u32_at(bytes, row + 8)).ok_or("a cut off message table")?;
        let mut place = start as usize;
        for id in low..=high {
            let (text, length) =
                entry(bytes, place).ok_or_else(|| format!("no string for message {id:#010x}"))?;
            room = room.checked_sub(length).ok_or("a message table whose blocks overlap")?;
            place += length;
            if !text.is_empty() {
                strings.push((id, from_table(&text)));
            }
        }
    }
    Ok(strings)
}

/// The string at a place, and the length of its entry.
fn entry(bytes: &[u8], place: usize) -> Option<(String, usize)> {
    let (length, flags) = (usize::from(u16_at(bytes, place)?), u16_at(bytes, place + 2)?);
    let text = bytes.get(place.checked_add(ENTRY_HEADER)?..place.checked_add(length)?)?;
    let text = if flags & IS_UNICODE == IS_UNICODE {
        let units = text.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes));
        char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
    } else {
        text.iter().copied().map(char::from).collect()
    };
    (length >= ENTRY_HEADER).then_some((text, length))
}

/// Turns the raw string of a message table into the form that catalogues have: a line break inside it is one
/// blank, `%n`, `%t`, `%b` and `%r` are written out, what follows `%0` is dropped, and the end is trimmed.
fn from_table(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.trim_end_matches(['\0', '\r', '\n', ' ']).chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\r', Some('\n')) => {
                characters.next();
                text.push(' ');
            }
            ('\r' | '\n', _) => text.push(' '),
            ('%', Some('0')) => break,
            ('%', Some('%')) => {
                characters.next();
                text.push_str("%%");
            }
            ('%', Some(escape @ ('n' | 't' | 'b' | 'r'))) => {
                text.push(match escape {
                    'n' => '\n',
                    't' => '\t',
                    'b' => ' ',
                    _ => '\r',
                });
                characters.next();
            }
            (other, _) => text.push(other),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::{from_table, read};

    /// A table of one block with these strings from `low` on.
    pub(crate) fn table(low: u32, strings: &[&str]) -> Vec<u8> {
        let high = low + u32::try_from(strings.len()).unwrap() - 1;
        let mut bytes: Vec<u8> = [1, low, high, 16].into_iter().flat_map(u32::to_le_bytes).collect();
        for string in strings {
            let text: Vec<u8> = string.encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes.extend_from_slice(&u16::try_from(text.len() + 4).unwrap().to_le_bytes());
            bytes.extend_from_slice(&1_u16.to_le_bytes());
            bytes.extend_from_slice(&text);
        }
        bytes
    }

    #[test]
    fn strings_are_read_by_id() {
        let strings = read(&table(0xC000_0010, &["One %1.\r\n", "", "Three"])).unwrap();
        assert_eq!(strings, [(0xC000_0010, "One %1.".to_owned()), (0xC000_0012, "Three".to_owned())]);
    }

    #[test]
    fn absurd_tables_are_errors_and_never_hang() {
        let mut many_blocks = table(1, &["x"]);
        many_blocks[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut many_ids = table(1, &["x"]);
        many_ids[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut far = table(1, &["x"]);
        far[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut empty_entry = table(1, &["x"]);
        empty_entry[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        empty_entry[16..18].copy_from_slice(&0_u16.to_le_bytes());
        let mut overlapping: Vec<u8> = 3_u32.to_le_bytes().to_vec();
        for _ in 0..3 {
            overlapping.extend([1_u32, 1, 40].into_iter().flat_map(u32::to_le_bytes));
        }
        overlapping.extend_from_slice(&[30, 0, 1, 0]);
        overlapping.resize(70, b'a');
        for bytes in [many_blocks, many_ids, far, empty_entry, overlapping, Vec::new(), vec![1, 0, 0, 0]] {
            assert!(read(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn table_strings_flow_and_keep_their_escapes() {
        for (raw, expected) in [
            ("One\r\ntwo%nthree%t%1.\r\n\0\0", "One two\nthree\t%1."),
            ("a%0b", "a"),
            ("50%%n", "50%%n"),
            ("tail%n", "tail"),
            ("bare\rbreak\nhere", "bare break here"),
        ] {
            assert_eq!(from_table(raw), expected);
        }
    }
}
