//! The form in which texts are compared.

/// The form in which texts are compared: white space folded, left-to-right and right-to-left marks dropped,
/// lower case.
#[must_use]
pub fn normal_form(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut wants_blank = false;
    for character in text.chars() {
        match character {
            '\u{200e}' | '\u{200f}' => {}
            _ if character.is_whitespace() => wants_blank = !normal.is_empty(),
            _ => {
                if std::mem::take(&mut wants_blank) {
                    normal.push(' ');
                }
                if character.is_ascii() {
                    normal.push(character.to_ascii_lowercase());
                } else {
                    normal.extend(character.to_lowercase());
                }
            }
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::normal_form;

    #[test]
    fn blanks_marks_and_case_do_not_tell_texts_apart() {
        for (text, expected) in [
            ("", ""),
            ("  The  TermService\r\n\tservice \n", "the termservice service"),
            ("\u{200e}2026\u{200e}-\u{200e}01", "2026-01"),
            ("A\u{a0}B\u{3000}C", "a b c"),
            ("STRASSE ÄÖ", "strasse äö"),
        ] {
            assert_eq!(normal_form(text), expected);
            assert_eq!(normal_form(&normal_form(text)), expected);
        }
    }
}
