//! How a field's value appears inside a sentence: type, output type and value map decide.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::catalogue::ValueMap;
use super::codes;

/// The value as the sentence shows it. `kind` is `In` or `In:Out` of the manifest, or empty for text.
pub(super) fn shown<'a>(value: &'a str, kind: &str, map: Option<&ValueMap<'_>>) -> Cow<'a, str> {
    if let Some(words) = map.and_then(|map| words(value, map)) {
        return Cow::Owned(words);
    }
    let (stored, output) = kind.split_once(':').unwrap_or((kind, ""));
    match output {
        "HexInt8" | "HexInt16" | "HexInt32" | "HexInt64" => return hexadecimal(value),
        "NTStatus" => return status(value, "ntstatus"),
        "HResult" => return status(value, "hresult"),
        "Win32Error" => return status(value, "win32"),
        _ => {}
    }
    match stored {
        "HexInt32" | "HexInt64" | "Pointer" => hexadecimal(value),
        "FILETIME" | "SYSTEMTIME" => time(value),
        _ => Cow::Borrowed(value),
    }
}

/// Event Viewer prints upper case digits where the XML has lower case; numbers become hexadecimal.
fn hexadecimal(value: &str) -> Cow<'_, str> {
    match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            Cow::Owned(format!("0x{}", digits.to_ascii_uppercase()))
        }
        Some(_) => Cow::Borrowed(value),
        None => {
            value.parse::<u64>().map_or(Cow::Borrowed(value), |number| Cow::Owned(format!("0x{number:X}")))
        }
    }
}

/// Times print nine digits of the second. Event Viewer also puts U+200E around the parts of the date, which nobody
/// sees; they are left out.
fn time(value: &str) -> Cow<'_, str> {
    match value.strip_suffix('Z').and_then(|value| value.split_once('.')) {
        Some((second, fraction)) if fraction.bytes().all(|digit| digit.is_ascii_digit()) => {
            Cow::Owned(format!("{second}.{fraction:0<9}Z"))
        }
        _ => Cow::Borrowed(value),
    }
}

/// Statuses print their text where Windows has one.
fn status<'a>(value: &'a str, table: &str) -> Cow<'a, str> {
    let text = codes::parse(value)
        .and_then(|number| codes::lookup_in(table, number))
        .map(|code| code.text)
        .filter(|text| !text.is_empty());
    text.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The map's words for a number; bits are listed in ascending order.
fn words(value: &str, map: &ValueMap<'_>) -> Option<String> {
    let number = super::store::yaml::number(value.trim())?;
    if !map.is_bits {
        let (_, word) = map.values.iter().find(|(own, _)| *own == number)?;
        return Some((*word).to_owned());
    }
    let mut rest = number;
    let mut words = String::new();
    for (bits, word) in &map.values {
        if *bits != 0 && number & bits == *bits {
            let separator = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{separator}{word}");
            rest &= !bits;
        }
    }
    (rest == 0 && !words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::ValueMap;
    use super::shown;

    #[test]
    fn types_decide_how_a_value_looks() {
        for (value, kind, expected) in [
            ("0xc61d9", "HexInt64", "0xC61D9"),
            ("0xZZ", "HexInt64", "0xZZ"),
            ("255", "UInt32:HexInt32", "0xFF"),
            ("5", "UInt32", "5"),
            ("true", "Boolean", "true"),
            ("0x1f", "UnicodeString", "0x1f"),
            ("0x80070005", "HexInt32:HResult", "Access is denied."),
            ("", "HexInt32", ""),
            ("2026-01-14T03:12:41.5000000Z", "FILETIME", "2026-01-14T03:12:41.500000000Z"),
            ("2026-01-14T03:12:41Z", "FILETIME", "2026-01-14T03:12:41Z"),
        ] {
            assert_eq!(shown(value, kind, None), expected, "{value} {kind}");
        }
    }

    #[test]
    fn maps_give_words_and_unknown_numbers_stay() {
        let values = vec![(1, "Domain"), (2, "Private"), (4, "Public")];
        let map = ValueMap { is_bits: false, values: values.clone() };
        let bits = ValueMap { is_bits: true, values };
        assert_eq!(shown("2", "UInt32", Some(&map)), "Private");
        assert_eq!(shown("3", "UInt32", Some(&map)), "3");
        assert_eq!(shown("0x3", "UInt32", Some(&bits)), "Domain, Private");
        assert_eq!(shown("9", "UInt32", Some(&bits)), "9");
        assert_eq!(shown("none", "UInt32", Some(&bits)), "none");
    }
}
