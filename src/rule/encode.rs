//! The modifiers that say how a text may be written in a record: base64, UTF-16, dashes of command lines.

/// One such modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16,
    Windash,
}

/// The dashes that Windows' command line parsers take for one another (Sigma's list).
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Every spelling of a text under the modifiers, in order, without repeats. Spellings in base64 have their own
/// wildcard characters escaped.
pub(super) fn spellings(text: &str, encodings: &[Encoding]) -> Vec<String> {
    if encodings.is_empty() {
        return vec![text.to_owned()];
    }
    let mut bytes: Vec<Vec<u8>> = vec![text.as_bytes().to_vec()];
    let mut is_base64 = false;
    for encoding in encodings {
        bytes = bytes.iter().flat_map(|bytes| step(bytes, *encoding)).collect();
        is_base64 |= matches!(encoding, Encoding::Base64 | Encoding::Base64Offset);
    }
    let mut out: Vec<String> = Vec::new();
    for bytes in bytes {
        let spelling = String::from_utf8_lossy(&bytes).into_owned();
        if !out.contains(&spelling) && (!is_base64 || !spelling.is_empty()) {
            out.push(spelling);
        }
    }
    out
}

fn step(bytes: &[u8], encoding: Encoding) -> Vec<Vec<u8>> {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let wide = |big_endian: bool| -> Vec<u8> {
        let order = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text().encode_utf16().flat_map(order).collect()
    };
    match encoding {
        Encoding::Utf16Le => vec![wide(false)],
        Encoding::Utf16Be => vec![wide(true)],
        Encoding::Utf16 => vec![[&[0xFF, 0xFE], &*wide(false)].concat()],
        Encoding::Base64 => vec![base64(bytes).into_bytes()],
        Encoding::Base64Offset => (0..3).map(|offset| base64_at(bytes, offset).into_bytes()).collect(),
        Encoding::Windash => dashes(&text()),
    }
}

fn dashes(text: &str) -> Vec<Vec<u8>> {
    let starts_option = |before: Option<char>| before.is_none_or(|before| !before.is_alphanumeric());
    DASHES
        .iter()
        .map(|dash| {
            let mut out = String::new();
            let mut before = None;
            for character in text.chars() {
                let is_dash = DASHES.contains(&character) && starts_option(before);
                out.push(if is_dash { *dash } else { character });
                before = Some(character);
            }
            out.into_bytes()
        })
        .collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4u32 {
            let index = usize::try_from(bits >> (18 - 6 * position) & 63).unwrap_or_default();
            let has_digit = usize::try_from(position).unwrap_or_default() <= group.len();
            let digit = ALPHABET.get(index).copied().map_or('=', char::from);
            out.push(if has_digit { digit } else { '=' });
        }
    }
    out
}

/// The digits that do not depend on what stands before and after the text (Sigma's `base64offset`).
fn base64_at(bytes: &[u8], offset: usize) -> String {
    let padded = [&vec![b' '; offset], bytes].concat();
    let encoded = base64(&padded);
    let skip = match offset {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    let cut = match padded.len() % 3 {
        0 => 0,
        1 => 3,
        _ => 2,
    };
    let keep = encoded.len().saturating_sub(skip + cut);
    encoded.chars().skip(skip).take(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::{Encoding, spellings};

    #[test]
    fn base64_at_every_offset() {
        assert_eq!(spellings("/bin/bash", &[Encoding::Base64]), ["L2Jpbi9iYXNo"]);
        assert_eq!(spellings("foobar", &[Encoding::Base64Offset]), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
    }

    #[test]
    fn dashes_change_only_at_the_start_of_an_option() {
        let all = spellings(" -a-b", &[Encoding::Windash]);
        assert!(all.contains(&" /a-b".to_owned()) && all.len() == 5);
    }
}
