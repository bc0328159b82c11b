//! Where a word stands inside of a value of a rule file, so that messages point at it.
//!
//! The YAML reader knows where a value begins. Its words stand in the file in the same order, whatever its style:
//! plain, quoted, or folded over several lines.

use crate::text::yaml::Mark;

/// Characters that are words of their own in conditions.
const SINGLE: [char; 3] = ['(', ')', ','];

/// The place of a word, counted from 0, of the value that begins at `start`.
pub(super) fn word(source: &str, start: Mark, index: usize) -> Option<Mark> {
    let mut words = 0;
    let mut is_inside = false;
    for (mark, character) in characters(source, start) {
        let is_single = SINGLE.contains(&character);
        let begins = !character.is_whitespace() && (is_single || !is_inside);
        if begins {
            if words == index {
                return Some(mark);
            }
            words += 1;
        }
        is_inside = !character.is_whitespace() && !is_single;
    }
    None
}

/// The place of the first `text` at or after `start`.
pub(super) fn text(source: &str, start: Mark, text: &str) -> Option<Mark> {
    let skip = index(start.line);
    source.lines().enumerate().skip(skip).find_map(|(number, line)| {
        let from = if number == skip { offset(line, index(start.column)) } else { 0 };
        let before = from + line.get(from..)?.find(text)?;
        let column = line.get(..before)?.chars().count();
        Some(Mark { line: one_based(number), column: one_based(column) })
    })
}

/// The characters from `start` on with their places, behind an opening quote or the sign of a folded value.
fn characters(source: &str, start: Mark) -> impl Iterator<Item = (Mark, char)> {
    let skip = index(start.line);
    let first = source.lines().nth(skip).unwrap_or_default();
    let opening = first.get(offset(first, index(start.column))..).and_then(|rest| rest.chars().next());
    let (line, column) = match opening {
        Some('>' | '|') => (skip + 1, 0),
        Some('\'' | '"') => (skip, index(start.column) + 1),
        _ => (skip, index(start.column)),
    };
    source.lines().enumerate().skip(line).flat_map(move |(number, text)| {
        let from = if number == line { column } else { 0 };
        let place = move |at: usize| Mark { line: one_based(number), column: one_based(at) };
        let ends = std::iter::once((place(text.chars().count()), '\n'));
        text.chars().enumerate().skip(from).map(move |(at, character)| (place(at), character)).chain(ends)
    })
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)
}

fn one_based(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1)
}

fn offset(line: &str, characters: usize) -> usize {
    line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{text, word};
    use crate::text::yaml::{self, Mark};

    #[test]
    fn words_are_found_in_every_style() {
        for (source, line, column) in [
            ("when: one and (two or three)\n", 1, 20),
            ("when: 'one and (two or three)'\n", 1, 21),
            ("when: >-\n    one and\n    (two or three)\n", 3, 10),
            ("when: one and\n    (two or\n    three)\n", 2, 10),
        ] {
            let node = yaml::read(source, &yaml::SMALL).unwrap()[0].get("when").unwrap().clone();
            assert_eq!(word(source, node.mark, 4), Some(Mark { line, column }), "{source}");
        }
    }

    #[test]
    fn texts_are_found_behind_the_start() {
        let source = "say: '{A}'\nsay: 'ä {A} {B}'\n";
        assert_eq!(text(source, Mark { line: 1, column: 8 }, "{A"), Some(Mark { line: 2, column: 9 }));
    }
}
