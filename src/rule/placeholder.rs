//! `{Field}` in the sentences and commands of a rule.

use crate::text::yaml::{Node, Value};

/// Placeholders that are always filled.
pub(crate) const ALWAYS: &[&str] = &["host", "count", "first_time", "last_time"];

/// Keys of a cause whose values may hold placeholders.
const TEMPLATES: &[&str] = &["finding", "say", "do", "run", "undo", "check"];

/// Braces of PowerShell are no placeholders: a placeholder begins with a letter or `%` and has no blanks.
pub(crate) fn is_placeholder(inside: &str) -> bool {
    let name = inside.split('|').next().unwrap_or_default();
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '%')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '-'))
}

/// The placeholders of a text, without the words that stand for unknown values.
pub(crate) fn names(text: &str) -> Vec<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inside, _)| inside)
        .filter(|inside| is_placeholder(inside))
        .map(|inside| inside.split('|').next().unwrap_or(inside))
        .collect()
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
    use super::names;

    #[test]
    fn braces_of_commands_are_no_placeholders() {
        assert_eq!(names("{A.B} {C|no words} {$_.X} { Stop } {%1}"), ["A.B", "C", "%1"]);
    }
}
