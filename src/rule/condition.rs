//! Sigma's `condition`: `and`, `or`, `not`, `1 of x*`, `all of them`, parentheses; `not` binds tightest.

/// A condition over the selections of its rule, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Selection(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    /// Calls `take` with each selection that the condition names.
    pub(crate) fn selections(&self, take: &mut dyn FnMut(usize)) {
        match self {
            Self::Selection(index) => take(*index),
            Self::Not(inner) => inner.selections(take),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.selections(take)),
        }
    }
}

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) help: String,
    /// Which word of the condition it is about, counted from 0.
    pub(crate) word: usize,
}

impl Problem {
    pub(super) fn new(message: &str, help: &str) -> Self {
        Self { message: message.to_owned(), help: help.to_owned(), word: 0 }
    }
}

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 32;

/// Reads a condition; `names` are the selections of the rule.
pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Condition, Problem> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser { words: spaced.split_whitespace().collect(), at: 0, names, depth: 0 };
    if text.contains('|') {
        return Err(problem(
            "aggregations behind `|` are no longer part of Sigma",
            "write a correlation document (`correlation: {type: event_count, …}`)",
        ));
    }
    let read = parser.any().and_then(|condition| match parser.peek() {
        None => Ok(condition),
        Some(word) => {
            parser.at += 1;
            Err(problem(&format!("unexpected `{word}` in the condition"), "join parts with `and` or `or`"))
        }
    });
    read.map_err(|problem| Problem { word: parser.at.saturating_sub(1), ..problem })
}

fn problem(message: &str, help: &str) -> Problem {
    Problem::new(message, help)
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    names: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn one(&mut self) -> Result<Condition, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(problem("the condition is nested too deeply", "name parts of it as selections"));
        }
        let condition = self.unnested();
        self.depth -= 1;
        condition
    }

    fn unnested(&mut self) -> Result<Condition, Problem> {
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") {
                Ok(inner)
            } else {
                Err(problem("a `)` is missing", "close the parenthesis"))
            };
        }
        let Some(word) = self.peek() else {
            return Err(problem("the condition ends too early", "name a selection"));
        };
        self.at += 1;
        if matches!(word, "1" | "any" | "all") && self.takes("of") {
            return self.quantified(word == "all");
        }
        match self.names.iter().position(|name| *name == word) {
            Some(index) => Ok(Condition::Selection(index)),
            None => Err(problem(
                &format!("the condition names `{word}`, which is no selection"),
                &format!("selections here: {}", self.names.join(", ")),
            )),
        }
    }

    fn quantified(&mut self, is_all: bool) -> Result<Condition, Problem> {
        let pattern = self.peek().unwrap_or_default();
        self.at += 1;
        let fits = |name: &str| match pattern {
            "them" => !name.starts_with('_'),
            _ => fits_pattern(name, pattern),
        };
        let parts: Vec<Condition> = (0..)
            .zip(self.names)
            .filter(|(_, name)| fits(name))
            .map(|(index, _)| Condition::Selection(index))
            .collect();
        if parts.is_empty() {
            return Err(problem(
                &format!("`of {pattern}` fits no selection"),
                &format!("selections here: {}", self.names.join(", ")),
            ));
        }
        Ok(if is_all { Condition::All(parts) } else { Condition::Any(parts) })
    }
}

fn fits_pattern(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => {
            let Some(tail) = name.strip_prefix(start) else { return false };
            rest.is_empty()
                || (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| fits_pattern(tail, rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, parse};

    fn holds(text: &str, selected: &[&str]) -> bool {
        fn decide(condition: &Condition, selected: &dyn Fn(usize) -> bool) -> bool {
            match condition {
                Condition::Selection(index) => selected(*index),
                Condition::Not(inner) => !decide(inner, selected),
                Condition::All(parts) => parts.iter().all(|part| decide(part, selected)),
                Condition::Any(parts) => parts.iter().any(|part| decide(part, selected)),
            }
        }
        let names = ["sel_a", "sel_b", "filter", "_off"];
        decide(&parse(text, &names).unwrap(), &|index| selected.contains(&names[index]))
    }

    #[test]
    fn not_binds_tighter_than_and_tighter_than_or() {
        assert!(holds("sel_a or sel_b and filter", &["sel_a"]));
        assert!(!holds("(sel_a or sel_b) and filter", &["sel_a"]));
        assert!(holds("not filter and sel_a", &["sel_a"]));
    }

    #[test]
    fn quantifiers_take_patterns_and_them() {
        assert!(holds("1 of sel_*", &["sel_b"]) && !holds("all of sel_*", &["sel_b"]));
        assert!(holds("all of them", &["sel_a", "sel_b", "filter"]));
    }

    #[test]
    fn errors_name_the_word_and_the_choices() {
        let error = parse("sel_a and nothing", &["sel_a"]).unwrap_err();
        assert!(error.message.contains("`nothing`") && error.help.contains("sel_a"));
        assert!(parse("(((sel_a)", &["sel_a"]).is_err());
        assert!(parse("sel_a | count() > 5", &["sel_a"]).is_err());
        assert_eq!(parse("sel_a", &["sel_a"]), Ok(Condition::Selection(0)));
    }
}
