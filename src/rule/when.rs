//! The language of `cause.when`, `raise`, `lower` and `rules_out`: conditions over a host's whole timeline.
//!
//! Sigma's condition judges one record. Here a name stands for all records of the host that its selection matches,
//! and words behind it say how they relate to others: `crash within 2m before stopped by Service`,
//! `failed count >= 50 per 1h`, `no arrived after listener_up`, `key_error new after update`.

use super::condition::Problem;
use crate::evtx::Span;

/// A condition over a timeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum When {
    Any(Vec<When>),
    All(Vec<When>),
    Not(Box<When>),
    Term(Term),
}

/// One signal with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    /// Selection of the rule, or name of a shared signal.
    pub(crate) signal: Box<str>,
    /// Which word of the condition the signal is, counted from 0.
    pub(crate) word: usize,
    pub(crate) wanted: Wanted,
    pub(crate) quantity: Option<Quantity>,
    pub(crate) bounds: Vec<Bound>,
    /// Fields that must be equal with those of the signals that the bounds name.
    pub(crate) joins: Vec<(Box<str>, Box<str>)>,
    /// Span from the first to the last that must be reached.
    pub(crate) lasting: Option<Span>,
}

impl Term {
    /// A signal without any bounds.
    pub(crate) fn plain(signal: &str) -> Self {
        Self {
            signal: signal.into(),
            word: 0,
            wanted: Wanted::Seen,
            quantity: None,
            bounds: Vec::new(),
            joins: Vec::new(),
            lasting: None,
        }
    }
}

impl Term {
    /// The signals that it names, and which words of the condition they are.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let others = self.bounds.iter().map(|bound| (&*bound.other, bound.word));
        std::iter::once((&*self.signal, self.word)).chain(others)
    }
}

/// What a term asks of its signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is there.
    Seen,
    /// It is not there, and the log that would hold it covers the time.
    Absent,
    /// The logs at hand do not show it, whether or not they could.
    Unseen,
}

/// How many there must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantity {
    /// Distinct values of this field are counted; records when absent.
    pub(crate) distinct: Option<Box<str>>,
    pub(crate) compare: Compare,
    pub(crate) number: u64,
    /// In any window of this length; over the whole timeline when absent.
    pub(crate) per: Option<Span>,
}

/// A comparison of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Compare {
    pub(crate) fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

/// A relation in time to another signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    pub(crate) relation: Relation,
    pub(crate) span: Option<Span>,
    pub(crate) other: Box<str>,
    /// Which word of the condition the other is, counted from 0.
    pub(crate) word: usize,
}

/// How a record stands to another in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// At most a span apart, either way.
    Near,
    /// Before the other; at most a span before.
    Before,
    /// After the other; at most a span after.
    After,
    /// After the latest of the other.
    AfterLast,
    /// Not seen before the other, seen after it, and the log reaches back far enough to say so.
    New,
}

/// Longest span that a rule may ask for.
const MAX_SPAN: Span = Span::days(400);
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Signs that are words by themselves.
const SIGNS: [char; 3] = ['(', ')', ','];
const WORDS: &[&str] = &[
    "and", "or", "not", "no", "unseen", "count", "distinct", "per", "within", "before", "after", "of", "by",
    "new", "lasting", "last",
];

/// Reads a condition.
pub(crate) fn parse(text: &str) -> Result<When, Problem> {
    let mut words = Vec::with_capacity(text.len() / 4);
    for part in text.split_whitespace() {
        if !part.bytes().any(|byte| SIGNS.contains(&char::from(byte))) {
            words.push(part);
            continue;
        }
        for part in part.split_inclusive(SIGNS) {
            let word = part.trim_end_matches(SIGNS);
            let sign = part.strip_prefix(word).unwrap_or_default();
            words.extend([word, sign].into_iter().filter(|word| !word.is_empty()));
        }
    }
    let mut parser = Parser { words, at: 0, depth: 0 };
    let read = parser.any().and_then(|when| match parser.peek() {
        None => Ok(when),
        Some(word) => {
            parser.at += 1;
            Err(problem(&format!("unexpected `{word}`"), "join parts with `and` or `or`"))
        }
    });
    read.map_err(|problem| Problem { word: parser.at.saturating_sub(1), ..problem })
}

impl When {
    /// All terms, in the order of the text.
    pub(crate) fn terms<'a>(&'a self, out: &mut Vec<&'a Term>) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.terms(out)),
            Self::Not(inner) => inner.terms(out),
            Self::Term(term) => out.push(term),
        }
    }
}

/// Reads a span such as `90s`, `10m`, `6h`, `7d`.
pub(crate) fn span(text: &str) -> Option<Span> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let number: i64 = digits.parse().ok()?;
    let seconds = match text.get(digits.len()..)? {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let span = Span::seconds(number.checked_mul(seconds)?);
    (span <= MAX_SPAN).then_some(span)
}

fn problem(message: &str, help: &str) -> Problem {
    Problem::new(message, help)
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<When, Problem> {
        let first = self.all()?;
        if self.peek() != Some("or") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(When::Any(parts))
    }

    fn all(&mut self) -> Result<When, Problem> {
        let first = self.one()?;
        if self.peek() != Some("and") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(When::All(parts))
    }

    fn one(&mut self) -> Result<When, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(problem("nested too deeply", "split the condition"));
        }
        let when = if self.takes("not") {
            When::Not(Box::new(self.one()?))
        } else if self.takes("(") {
            let inner = self.any()?;
            if !self.takes(")") {
                return Err(problem("a `)` is missing", "close the parenthesis"));
            }
            inner
        } else {
            When::Term(self.term()?)
        };
        self.depth -= 1;
        Ok(when)
    }

    fn term(&mut self) -> Result<Term, Problem> {
        let wanted = match () {
            () if self.takes("no") => Wanted::Absent,
            () if self.takes("unseen") => Wanted::Unseen,
            () => Wanted::Seen,
        };
        let signal = self.name("a signal")?;
        let mut term = Term { wanted, word: self.at - 1, ..Term::plain(signal) };
        while let Some(word) = self.peek() {
            match word {
                "count" | "distinct" => term.quantity = Some(self.quantity()?),
                "within" | "before" | "after" | "new" => {
                    let bound = self.bound()?;
                    term.bounds.push(bound);
                }
                "by" => {
                    self.at += 1;
                    self.joins(&mut term)?;
                }
                "lasting" => {
                    self.at += 1;
                    term.lasting = Some(self.span()?);
                }
                _ => break,
            }
        }
        if !term.joins.is_empty() && term.bounds.is_empty() {
            return Err(problem("`by` needs another signal to join with", "add `within 5m of OTHER`"));
        }
        Ok(term)
    }

    fn name(&mut self, what: &str) -> Result<&'a str, Problem> {
        match self.next() {
            Some(word)
                if !WORDS.contains(&word)
                    && word.starts_with(|first: char| first.is_alphabetic() || first == '_') =>
            {
                Ok(word)
            }
            Some(word) => Err(problem(
                &format!("`{word}` stands where {what} is expected"),
                "name a selection or a shared signal",
            )),
            None => Err(problem(
                &format!("the condition ends where {what} is expected"),
                "name a selection or a shared signal",
            )),
        }
    }

    fn quantity(&mut self) -> Result<Quantity, Problem> {
        let distinct = match self.next() {
            Some("distinct") => Some(self.next().unwrap_or_default().into()),
            _ => None,
        };
        let compare = match self.next() {
            Some("<") => Compare::Less,
            Some("<=") => Compare::LessOrEqual,
            Some("=" | "==") => Compare::Equal,
            Some(">=") => Compare::GreaterOrEqual,
            Some(">") => Compare::Greater,
            other => {
                let message = format!("`{}` is no comparison", other.unwrap_or_default());
                return Err(problem(&message, "write one of < <= = >= > with blanks around it"));
            }
        };
        let word = self.next().unwrap_or_default();
        let number =
            word.parse().map_err(|_| problem(&format!("`{word}` is no number"), "write a whole number"))?;
        let per = if self.takes("per") { Some(self.span()?) } else { None };
        Ok(Quantity { distinct, compare, number, per })
    }

    fn bound(&mut self) -> Result<Bound, Problem> {
        let (relation, span) = match self.next() {
            Some("within") => {
                let span = self.span()?;
                match self.next() {
                    Some("of") => (Relation::Near, Some(span)),
                    Some("before") => (Relation::Before, Some(span)),
                    Some("after") => (Relation::After, Some(span)),
                    other => {
                        let message = format!("`{}` stands behind `within …`", other.unwrap_or_default());
                        return Err(problem(
                            &message,
                            "write `within 5m of`, `before` or `after` another signal",
                        ));
                    }
                }
            }
            Some("before") => (Relation::Before, None),
            Some("new") => {
                if !self.takes("after") {
                    return Err(problem(
                        "`new` needs `after` and a signal",
                        "write `new after update_installed`",
                    ));
                }
                (Relation::New, None)
            }
            _ if self.takes("last") => (Relation::AfterLast, None),
            _ => (Relation::After, None),
        };
        let other = self.name("another signal")?.into();
        Ok(Bound { relation, span, other, word: self.at - 1 })
    }

    fn span(&mut self) -> Result<Span, Problem> {
        let word = self.next().unwrap_or_default();
        span(word).ok_or_else(|| {
            problem(&format!("`{word}` is no span of time"), "write 30s, 10m, 6h or 7d (at most 400d)")
        })
    }

    fn joins(&mut self, term: &mut Term) -> Result<(), Problem> {
        loop {
            let word = self.next().ok_or_else(|| problem("`by` needs a field", "write `by SessionID`"))?;
            let (own, other) = word.split_once('=').unwrap_or((word, word));
            term.joins.push((own.into(), other.into()));
            if !self.takes(",") {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Relation, Wanted, When, parse, span};
    use crate::evtx::Span;

    #[test]
    fn bounds_quantities_and_joins_are_read() {
        let When::All(parts) = parse(
            "crash within 2m before died by Service and failed count >= 50 per 1h and no ok after died",
        )
        .unwrap() else {
            panic!("three parts expected")
        };
        let When::Term(crash) = &parts[0] else { panic!("a term expected") };
        assert_eq!(crash.bounds[0].relation, Relation::Before);
        assert_eq!(crash.bounds[0].span, Some(Span::minutes(2)));
        assert_eq!(&*crash.joins[0].0, "Service");
        let When::Term(failed) = &parts[1] else { panic!("a term expected") };
        assert_eq!(failed.quantity.as_ref().unwrap().number, 50);
        let When::Term(ok) = &parts[2] else { panic!("a term expected") };
        assert_eq!(ok.wanted, Wanted::Absent);
    }

    #[test]
    fn nonsense_is_an_error_with_help() {
        for text in ["", "a within of b", "a count 5", "a within 500d of b", "a b", "(a", "a by X", "and a"] {
            let error = parse(text).unwrap_err();
            assert!(!error.help.is_empty(), "{text}");
        }
        assert_eq!(span("7d"), Some(Span::days(7)));
        assert_eq!(span("7y"), None);
    }
}
