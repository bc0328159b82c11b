//! Names behind the codes of a sentence.

use crate::evtx::Record;

use super::codes;

/// Words of which one stands before a small code; other small numbers in a sentence can be anything.
const HINTS: [&str; 8] = ["error", "code", "reason", "status", "result", "alert", "state", "type"];

/// How far before a small code a hint may stand, in bytes.
const HINT_REACH: usize = 40;

/// Smallest value that is its own hint.
const TELLING_VALUE: u32 = 0x1_0000;

/// The sentence with its codes followed by their names, as evidence shows it:
/// `… reason code 2147942464 (0x80070040 ERROR_NETNAME_DELETED)`.
#[must_use]
pub fn with_code_names(record: &Record, sentence: &str) -> String {
    let mut text = sentence.to_owned();
    for (written, code) in codes::codes_of(record) {
        let is_success = code.value == 0 && !code.table.starts_with("rdp-");
        if !is_success {
            annotate(&mut text, &written, &code);
        }
    }
    text
}

/// Puts the code's name behind the last place in the text that spells it, else at the end.
fn annotate(text: &mut String, written: &str, code: &codes::Code) {
    let label = code.label();
    if label.is_empty() || text.contains(label) {
        return;
    }
    let place = last_spelling(text, codes::parse(written).unwrap_or(code.value));
    let is_hexadecimal = place.is_some_and(|(start, end)| {
        text.get(start..end).is_some_and(|word| word.starts_with("0x") || word.starts_with("0X"))
    });
    let number = match place {
        Some(_) if is_hexadecimal || code.value < TELLING_VALUE => String::new(),
        None if code.value < TELLING_VALUE => format!("{} ", code.value),
        _ => format!("0x{:08X} ", code.value),
    };
    let note = format!(" ({number}{label})");
    match place {
        Some((_, end)) => text.insert_str(end, &note),
        None => text.push_str(&note),
    }
}

/// Start and end of the last word that is a spelling of the value.
fn last_spelling(text: &str, value: u32) -> Option<(usize, usize)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let mut end = text.len();
    for word in text.rsplit(|character| !is_part(character)) {
        let start = end.checked_sub(word.len())?;
        let before = text.get(..start)?;
        if codes::parse(word) == Some(value) && (value >= TELLING_VALUE || has_hint(before)) {
            return Some((start, end));
        }
        end = before.char_indices().next_back().map_or(0, |(place, _)| place);
    }
    None
}

/// Whether a text ends shortly after a word that announces a code.
fn has_hint(before: &str) -> bool {
    let mut start = before.len().saturating_sub(HINT_REACH);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let near = before.get(start..).unwrap_or_default().to_lowercase();
    HINTS.iter().any(|hint| near.contains(hint))
}

#[cfg(test)]
mod tests {
    use super::{annotate, last_spelling};
    use crate::text::codes::lookup_in;

    fn annotated(text: &str, written: &str, table: &str, value: u32) -> String {
        let mut text = text.to_owned();
        annotate(&mut text, written, &lookup_in(table, value).unwrap());
        text
    }

    #[test]
    fn codes_are_followed_by_their_names() {
        for (text, written, table, value, expected) in [
            (
                "Session 2 has been disconnected, reason code 2147942464",
                "2147942464",
                "hresult",
                0x8007_0040,
                "Session 2 has been disconnected, reason code 2147942464 (0x80070040 ERROR_NETNAME_DELETED)",
            ),
            (
                "error (0x80070040).",
                "0x80070040",
                "hresult",
                0x8007_0040,
                "error (0x80070040 (ERROR_NETNAME_DELETED)).",
            ),
            ("Session 64: error 64", "64", "win32", 64, "Session 64: error 64 (ERROR_NETNAME_DELETED)"),
            (
                "failed: The process terminated unexpectedly.",
                "%%1067",
                "win32",
                1067,
                "failed: The process terminated unexpectedly. (1067 ERROR_PROCESS_ABORTED)",
            ),
            ("already ERROR_NETNAME_DELETED 64", "64", "win32", 64, "already ERROR_NETNAME_DELETED 64"),
        ] {
            assert_eq!(annotated(text, written, table, value), expected);
        }
    }

    #[test]
    fn last_word_with_the_value_counts() {
        assert_eq!(last_spelling("error 5, 0x5 and ä5", 5), Some((19, 20)));
        assert_eq!(last_spelling("in 5 seconds, 15 50", 5), None);
        assert_eq!(last_spelling("", 0), None);
        assert_eq!(last_spelling("code -2147024832!", 0x8007_0040), Some((5, 16)));
    }
}
