//! Filling in a message as FormatMessage does it: inserts, escapes, and the `%%NNN` that values bring along.

use std::borrow::Cow;

/// Longest sentence, in bytes; a template of inserts only must not multiply a record's values without end.
pub(crate) const MAX_SENTENCE: usize = 256 * 1024;

/// Longest style specification (`!S!`, `!08X!`) that is looked for.
const MAX_STYLE: usize = 16;

/// Fills `template`. `%1` to `%99` become what `insert` gives for the number, and stay when it gives nothing;
/// `%n %t %b %r` are line break, tab, blank and carriage return, `%0` ends the text, `%%` and any other `%` stay. The
/// style of the first insert is dropped, others survive as text: Event Viewer does so.
pub(crate) fn fill<'a>(template: &str, mut insert: impl FnMut(usize) -> Option<Cow<'a, str>>) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    let mut is_first = true;
    while let Some((before, after)) = rest.split_once('%') {
        push(&mut text, before);
        if text.len() >= MAX_SENTENCE {
            return text;
        }
        rest = after;
        let Some(next) = after.chars().next() else {
            text.push('%');
            break;
        };
        match next {
            '0' => return text,
            '1'..='9' => {
                let (number, after) = number(after);
                rest = after;
                match insert(number) {
                    Some(value) => push(&mut text, &value),
                    None => push(&mut text, &format!("%{number}")),
                }
                if std::mem::take(&mut is_first) {
                    rest = without_style(rest);
                }
            }
            _ => {
                let (escape, length) = match next {
                    'n' => ("\n", 1),
                    't' => ("\t", 1),
                    'b' => (" ", 1),
                    'r' => ("\r", 1),
                    '%' => ("%%", 1),
                    _ => ("%", 0),
                };
                text.push_str(escape);
                rest = rest.split_at_checked(length).map_or("", |(_, rest)| rest);
            }
        }
    }
    push(&mut text, rest);
    text
}

/// The highest insert of a template; 0 when it has none.
pub(crate) fn highest_insert(template: &str) -> usize {
    let mut highest = 0;
    fill(template, |number| {
        highest = highest.max(number);
        None
    });
    highest
}

/// Appends as much of `part` as a sentence may hold.
fn push(text: &mut String, part: &str) {
    let mut room = MAX_SENTENCE.saturating_sub(text.len()).min(part.len());
    while !part.is_char_boundary(room) {
        room -= 1;
    }
    text.push_str(part.split_at_checked(room).map_or("", |(part, _)| part));
}

/// One or two digits as a number, and what follows them.
fn number(text: &str) -> (usize, &str) {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(digits).unwrap_or(("", text));
    (digits.parse().unwrap_or_default(), rest)
}

fn without_style(text: &str) -> &str {
    let Some(style) = text.strip_prefix('!') else { return text };
    match style.find('!') {
        Some(end) if end <= MAX_STYLE => style.split_at_checked(end + 1).map_or(text, |(_, rest)| rest),
        _ => text,
    }
}

/// Replaces each `%%NNN` by the text that `parameter` has for the number; one without a text stays.
pub(crate) fn fill_parameters<'a>(text: &str, parameter: impl Fn(u32) -> Option<&'a str>) -> Cow<'_, str> {
    if !text.contains("%%") {
        return Cow::Borrowed(text);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%%") {
        push(&mut filled, before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = after.split_at_checked(digits).unwrap_or(("", after));
        match digits.parse().ok().and_then(&parameter) {
            Some(found) => push(&mut filled, found),
            None => {
                push(&mut filled, "%%");
                push(&mut filled, digits);
            }
        }
        rest = after;
    }
    push(&mut filled, rest);
    Cow::Owned(filled)
}

#[cfg(test)]
mod tests {
    use super::{MAX_SENTENCE, fill, fill_parameters};

    fn filled(template: &str) -> String {
        let values = ["one", "two", "%1", "", "five", "six", "7", "8", "9", "ten", "eleven"];
        fill(template, |number| values.get(number - 1).map(|&value| value.into()))
    }

    #[test]
    fn escapes_are_those_of_event_viewer() {
        for (template, expected) in [
            ("", ""),
            ("no inserts", "no inserts"),
            ("%1 and %2", "one and two"),
            ("%10%11", "teneleven"),
            ("%100", "ten0"),
            ("%1%2", "onetwo"),
            ("missing %12 stays", "missing %12 stays"),
            ("missing %99 stays", "missing %99 stays"),
            ("a value is not a template: %3", "a value is not a template: %1"),
            ("empty [%4]", "empty []"),
            ("%n%t%b%r.", "\n\t \r."),
            ("line\nbreak", "line\nbreak"),
            ("stop%0 here", "stop"),
            ("50%% of", "50%% of"),
            ("%%1833", "%%1833"),
            ("%%%1", "%%one"),
            ("100% sure", "100% sure"),
            ("%SystemRoot%\\x", "%SystemRoot%\\x"),
            ("ends in %", "ends in %"),
            ("%1!S! %2!S!", "one two!S!"),
            ("%1! no style", "one! no style"),
            ("%1!08X!", "one"),
            ("ä%1ö%2ü%", "äoneötwoü%"),
        ] {
            assert_eq!(filled(template), expected, "{template:?}");
        }
    }

    #[test]
    fn endless_percent_signs_and_inserts_end() {
        assert_eq!(filled(&"%".repeat(100_001)).len(), 100_001);
        let long = "x".repeat(60_000);
        let text = fill(&"%1".repeat(10_000), |_| Some(long.as_str().into()));
        assert!(text.len() <= MAX_SENTENCE);
        assert!(
            fill_parameters(&"%%1".repeat(50_000), |_| Some("yyyyyyyyyyyyyyyyyyyyyyyy")).len()
                <= MAX_SENTENCE
        );
    }

    #[test]
    fn parameters_are_replaced_once_and_unknown_ones_stay() {
        let known = |number| match number {
            1067 => Some("The process terminated unexpectedly."),
            5 => Some("%%1067"),
            _ => None,
        };
        for (text, expected) in [
            ("error: %%1067", "error: The process terminated unexpectedly."),
            ("%%5", "%%1067"),
            ("%%99999999999999999999 %%7 %% x", "%%99999999999999999999 %%7 %% x"),
            ("%%%1067", "%%%1067"),
        ] {
            assert_eq!(fill_parameters(text, known), expected);
        }
    }
}
