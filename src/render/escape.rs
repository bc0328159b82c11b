//! The one place where text from logs is made harmless: what a terminal, a browser or a spreadsheet would obey becomes
//! visible text.
//!
//! Renderers add what their own format needs (HTML entities, Markdown backslashes); this file knows no format.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters of a sentence that are shown; more than any message of Windows that helps a reader.
pub(crate) const SENTENCE: usize = 2000;

/// Characters of a name, an address or a path that are shown.
pub(crate) const NAME: usize = 300;

/// Marks in a row that are shown on one base character; no script needs more.
const MAX_MARKS: usize = 4;

/// `text` on one line: white space folded, dangerous characters visible, at most `limit` characters.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let mut shown = Shown::new(limit);
    for character in text.chars() {
        if character.is_whitespace() { shown.space() } else { shown.push(character) }
    }
    shown.finish()
}

/// `text` with its line breaks and indentation kept, for commands.
pub(crate) fn lines(text: &str, limit: usize) -> String {
    let mut shown = Shown::new(limit);
    for character in text.chars() {
        match character {
            '\n' | ' ' => shown.raw(character),
            '\r' => {}
            '\t' => shown.raw(' '),
            _ => shown.push(character),
        }
    }
    shown.finish()
}

/// Columns that `text` takes in a terminal.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Whether a character acts on what shows it instead of being shown: controls, direction marks, invisible ones.
pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xAD | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFDD0..=0xFDEF | 0xFEFF
            | 0xFFA0 | 0xFFF0..=0xFFFB | 0xFFFE | 0xFFFF | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A
            | 0xE_0000..=0xE_0FFF)
}

/// Text under construction, with its limits.
struct Shown {
    text: String,
    limit: usize,
    taken: usize,
    left_out: usize,
    marks: usize,
    is_gap: bool,
}

impl Shown {
    fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, taken: 0, left_out: 0, marks: 0, is_gap: false }
    }

    fn space(&mut self) {
        self.end_marks();
        self.is_gap = true;
    }

    fn push(&mut self, character: char) {
        // Windows writes left-to-right and right-to-left marks into dates; they show nothing and order nothing here.
        if matches!(character, '\u{200E}' | '\u{200F}') {
            return;
        }
        if is_dangerous(character) {
            self.end_marks();
            self.place(|text| push_visible(text, character));
            return;
        }
        if character.width() == Some(0) {
            self.marks += 1;
            if self.marks <= MAX_MARKS {
                self.raw(character);
            }
            return;
        }
        self.end_marks();
        self.raw(character);
    }

    fn raw(&mut self, character: char) {
        self.place(|text| text.push(character));
    }

    fn place(&mut self, write: impl FnOnce(&mut String)) {
        if self.taken >= self.limit {
            self.left_out += 1;
            return;
        }
        if std::mem::take(&mut self.is_gap) && !self.text.is_empty() {
            self.text.push(' ');
            self.taken += 1;
        }
        self.taken += 1;
        write(&mut self.text);
    }

    fn end_marks(&mut self) {
        let extra = std::mem::take(&mut self.marks).saturating_sub(MAX_MARKS);
        if extra > 0 {
            self.place(|text| text.push_str(&format!("<+{extra} marks>")));
        }
    }

    fn finish(mut self) -> String {
        self.end_marks();
        if self.left_out > 0 {
            self.text.push_str(&format!("… <+{} characters>", self.left_out));
        }
        self.text
    }
}

/// Writes a control character as its picture and any other dangerous one as its number.
fn push_visible(text: &mut String, character: char) {
    let code = u32::from(character);
    let picture = match code {
        0..=0x1F => char::from_u32(0x2400 + code),
        0x7F => Some('\u{2421}'),
        _ => None,
    };
    match picture {
        Some(picture) => text.push(picture),
        None => text.push_str(&format!("<U+{code:04X}>")),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME, SENTENCE, is_dangerous, line, lines, width};

    #[test]
    fn escape_sequences_and_nul_become_pictures() {
        assert_eq!(line("a\u{1b}[31mred\0\u{7f}", NAME), "a␛[31mred␀␡");
        assert_eq!(line("c1 \u{9b}31m", NAME), "c1 <U+009B>31m");
    }

    #[test]
    fn direction_and_invisible_characters_are_named() {
        assert_eq!(
            line("ab\u{202e}cd\u{200b}e\u{feff}\u{e0041}", NAME),
            "ab<U+202E>cd<U+200B>e<U+FEFF><U+E0041>"
        );
    }

    #[test]
    fn direction_marks_of_windows_dates_are_dropped() {
        assert_eq!(line("\u{200e}1/\u{200e}14/\u{200e}2026", NAME), "1/14/2026");
    }

    #[test]
    fn white_space_of_any_kind_folds_to_one_space() {
        assert_eq!(line("  a\r\n\t b\u{a0}\u{2029}c ", NAME), "a b c");
    }

    #[test]
    fn commands_keep_their_lines() {
        assert_eq!(lines("a\r\n  b\tc\u{1b}", NAME), "a\n  b c␛");
    }

    #[test]
    fn long_text_ends_with_a_mark_that_counts() {
        let shown = line(&"x".repeat(32_000), SENTENCE);
        assert!(shown.ends_with("x… <+30000 characters>"), "{shown}");
    }

    #[test]
    fn floods_of_combining_marks_are_counted() {
        let shown = line(&format!("a{}b", "\u{301}".repeat(1000)), NAME);
        assert_eq!(shown, format!("a{}<+996 marks>b", "\u{301}".repeat(4)));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(width("日本"), 4);
    }

    proptest::proptest! {
        #[test]
        fn nothing_dangerous_comes_through(text in proptest::prelude::any::<String>(), limit in 0_usize..40) {
            let shown = line(&text, limit);
            assert!(!shown.chars().any(is_dangerous));
            assert!(!lines(&text, limit).chars().any(|character| character != '\n' && is_dangerous(character)));
            assert!(width(&shown) <= 10 * limit + 60, "{shown}");
        }
    }
}
