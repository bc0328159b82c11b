//! `{Field}` in the sentences and commands of a rule.

use super::field;
use crate::text::yaml::{Node, Value};

/// Placeholders that are always filled.
pub(crate) const ALWAYS: &[&str] = &["host", "count", "first_time", "last_time"];

/// Keys of a cause whose values may hold placeholders.
const TEMPLATES: &[&str] = &["finding", "say", "do", "run", "undo", "check"];

/// A part of a template.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// A placeholder's name, and the words that stand for an unknown value.
    Name(&'a str, Option<&'a str>),
}

/// The parts of a template. `{{name}}` is the plain text `{name}`.
pub(crate) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push(Piece::Text(before));
        let doubled = after.strip_prefix('{').and_then(|inner| inner.split_once("}}"));
        if let Some((inside, behind)) = doubled.filter(|(inside, _)| is_placeholder(inside)) {
            out.extend(["{", inside, "}"].map(Piece::Text));
            rest = behind;
        } else if let Some((inside, behind)) =
            after.split_once('}').filter(|(inside, _)| is_placeholder(inside))
        {
            let (name, words) =
                inside.split_once('|').map_or((inside, None), |(name, words)| (name, Some(words)));
            out.push(Piece::Name(name, words));
            rest = behind;
        } else {
            out.push(Piece::Text("{"));
            rest = after;
        }
    }
    out.push(Piece::Text(rest));
    out
}

/// Braces of PowerShell are no placeholders: a placeholder begins with a letter or `%` and has no blanks.
fn is_placeholder(inside: &str) -> bool {
    let name = inside.split('|').next().unwrap_or_default();
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '%')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '-'))
}

/// The template with what `value` gives for each placeholder; it gets the name and the words for an unknown value.
pub(crate) fn filled(template: &str, value: impl Fn(&str, Option<&str>) -> String) -> String {
    let text = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Name(name, words) => value(name, words),
    };
    pieces(template).into_iter().map(text).collect()
}

/// The placeholders of a text, without the words that stand for unknown values.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let name = |piece| match piece {
        Piece::Name(name, _) => Some(name),
        Piece::Text(_) => None,
    };
    pieces(text).into_iter().filter_map(name).collect()
}

/// The selection or signal that a placeholder names, when it names one, and the field.
pub(crate) fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('.') {
        Some((signal, field)) if !field::is_data(name) => (Some(signal), field),
        _ => (None, name),
    }
}

/// All texts of a cause that may hold placeholders.
pub(crate) fn templates(cause: &Node) -> Vec<&Node> {
    let mut out = Vec::new();
    collect(cause, false, &mut out);
    out
}

fn collect<'a>(node: &'a Node, is_template: bool, out: &mut Vec<&'a Node>) {
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                collect(value, key.text().is_some_and(|key| TEMPLATES.contains(&key)), out);
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, is_template, out)),
        Value::Text { .. } if is_template => out.push(node),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{filled, names, split};

    #[test]
    fn braces_of_commands_are_no_placeholders() {
        assert_eq!(names("{A.B} {C|no words} {$_.X} { Stop } {%1}"), ["A.B", "C", "%1"]);
    }

    #[test]
    fn doubled_braces_are_plain_ones() {
        let text = |template: &str| filled(template, |name, words| words.unwrap_or(name).to_uppercase());
        assert_eq!(text("bcdedit /set {{default}} x {A} {B|b} {{{A}"), "bcdedit /set {default} x A B {{A");
        assert_eq!(text("| % { if (1) { 2 }}"), "| % { if (1) { 2 }}");
        assert_eq!(names("{{default}} {A}"), ["A"]);
    }

    #[test]
    fn a_field_of_the_data_is_no_selection() {
        assert_eq!(split("EventData.Source"), (None, "EventData.Source"));
        assert_eq!(split("seen.EventData.Source"), (Some("seen"), "EventData.Source"));
    }
}
