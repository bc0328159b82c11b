//! A regular expression of a rule, compiled when a text comes that may pass it: most runs use few of them.
//!
//! Most texts hold none of the words that an expression asks for, which is seen without compiling it. Most others are
//! ASCII, for which expressions are compiled without Unicode's tables, in a fraction of the time.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder, bytes};

use super::matcher::Part;

/// Largest compiled regular expression in bytes.
const REGEX_LIMIT: usize = 4 << 20;
/// Deepest nesting in which words are looked for.
const MAX_DEPTH: usize = 16;

/// A regular expression.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    /// Whether it ignores case, goes line by line, and whether a dot is a line end too.
    flags: (bool, bool, bool),
    words: OnceLock<Option<Vec<Word>>>,
    /// For texts that are ASCII.
    ascii: OnceLock<Option<bytes::Regex>>,
    regex: OnceLock<Option<Regex>>,
}

/// A text, one of which stands, without case, in every text that passes.
#[derive(Debug, PartialEq)]
struct Word {
    text: String,
    place: Part,
    /// Whether each text passes in which it stands.
    is_enough: bool,
}

impl Pattern {
    pub(super) fn new(source: String, flags: (bool, bool, bool)) -> Self {
        Self { source, flags, words: OnceLock::new(), ascii: OnceLock::new(), regex: OnceLock::new() }
    }

    /// Linear in time by construction, and bounded in size.
    fn compiled(&self) -> Result<Regex, String> {
        let (ignores_case, multi_line, dot_all) = self.flags;
        RegexBuilder::new(&self.source)
            .case_insensitive(ignores_case)
            .multi_line(multi_line)
            .dot_matches_new_line(dot_all)
            .size_limit(REGEX_LIMIT)
            .dfa_size_limit(REGEX_LIMIT)
            .build()
            .map_err(|error| error.to_string())
    }

    /// The same for texts that are ASCII; `None` where the expression names other characters, which can be equal to
    /// letters of ASCII without case.
    fn compiled_for_ascii(&self) -> Option<bytes::Regex> {
        let names_others = |source: &str| {
            let kinds = source.split('\\').skip(1).filter_map(|part| part.chars().next());
            !source.is_ascii() || kinds.into_iter().any(|kind| matches!(kind, 'x' | 'u' | 'U' | 'p' | 'P'))
        };
        if names_others(&self.source) {
            return None;
        }
        let (ignores_case, multi_line, dot_all) = self.flags;
        let mut builder = bytes::RegexBuilder::new(&self.source);
        builder.unicode(false).case_insensitive(ignores_case).multi_line(multi_line);
        builder.dot_matches_new_line(dot_all).size_limit(REGEX_LIMIT).dfa_size_limit(REGEX_LIMIT).build().ok()
    }

    /// What is wrong with it.
    pub(super) fn flaw(&self) -> Option<String> {
        self.compiled().err()
    }

    /// Appends what tells it apart from others.
    pub(super) fn spell(&self, out: &mut String) {
        let (ignores_case, multi_line, dot_all) = self.flags;
        out.extend([ignores_case, multi_line, dot_all].map(|flag| if flag { '1' } else { '0' }));
        out.push_str(&self.source);
    }

    /// Whether a text passes; none does when the expression is wrong, which is told when rules are checked.
    pub(super) fn is_match(&self, text: &str) -> bool {
        if text.is_ascii() {
            if self.ascii.get().is_none()
                && let Some(is_match) = self.outlook(text)
            {
                return is_match;
            }
            if let Some(regex) = self.ascii.get_or_init(|| self.compiled_for_ascii()) {
                return regex.is_match(text.as_bytes());
            }
        }
        self.regex.get_or_init(|| self.compiled().ok()).as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// What its words say of a text that is ASCII.
    fn outlook(&self, text: &str) -> Option<bool> {
        let words = self.words.get_or_init(|| words(&self.source, (self.flags.0, self.flags.1))).as_deref();
        let mut held = words?.iter().filter(|word| word.stands_in(text)).peekable();
        match held.peek() {
            None => Some(false),
            Some(_) => held.any(|word| word.is_enough).then_some(true),
        }
    }
}

impl Word {
    /// Whether it stands in a text, without case.
    fn stands_in(&self, text: &str) -> bool {
        let (text, own) = (text.as_bytes(), self.text.as_bytes());
        let is_own = |part: &[u8]| part.eq_ignore_ascii_case(own);
        match self.place {
            Part::Whole => is_own(text),
            Part::Start => text.get(..own.len()).is_some_and(is_own),
            Part::End => text.len().checked_sub(own.len()).and_then(|at| text.get(at..)).is_some_and(is_own),
            Part::Anywhere => text.windows(own.len()).any(is_own),
        }
    }
}

/// The words of an expression; `None` when it has none or is written in a way that is not looked into.
fn words(source: &str, (ignores_case, multi_line): (bool, bool)) -> Option<Vec<Word>> {
    let inline = source.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    let inline = inline.filter(|(flags, _)| flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's')));
    let (flags, rest) = inline.unwrap_or(("", source));
    let has_lines = multi_line || flags.contains('m');
    let mut reader = Reader { rest: rest.chars().peekable(), depth: 0, has_lines, is_strange: false };
    let found = reader.alternatives();
    let mut words = found.filter(|_| !reader.is_strange && reader.rest.next().is_none())?;
    let ignores_case = ignores_case || flags.contains('i');
    words.iter_mut().for_each(|word| word.is_enough &= ignores_case);
    Some(words)
}

/// Reads the words of an expression.
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
    /// Whether its anchors stand for lines.
    has_lines: bool,
    /// Whether it has something that is not known here.
    is_strange: bool,
}

/// What was read of one alternative.
#[derive(Default)]
struct Sequence {
    /// The text that is being read.
    run: String,
    /// The words so far that say most.
    best: Option<Vec<Word>>,
    /// Texts, groups and other parts.
    parts: usize,
    /// Whether it stands at the beginning, and at the end.
    anchors: (bool, bool),
}

impl Sequence {
    fn is_empty(&self) -> bool {
        self.parts == 0 && self.run.is_empty()
    }

    /// Ends the text that is being read.
    fn end_run(&mut self) {
        if !self.run.is_empty() {
            let text = std::mem::take(&mut self.run);
            let word = Word { text, place: Part::Anywhere, is_enough: true };
            self.add(Some(vec![word]));
        }
    }

    /// Adds a part with its words. Words say more the longer the shortest of them is.
    fn add(&mut self, words: Option<Vec<Word>>) {
        self.parts += 1;
        let shortest = |words: &Option<Vec<Word>>| {
            words.as_ref().and_then(|words| words.iter().map(|word| word.text.len()).min())
        };
        if shortest(&words) > shortest(&self.best) {
            self.best = words;
        }
    }
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Option<Vec<Word>> {
        let mut words = self.sequence();
        while self.rest.next_if_eq(&'|').is_some() {
            let more = self.sequence();
            words = words.zip(more).map(|(mut words, more)| {
                words.extend(more);
                words
            });
        }
        words
    }

    fn sequence(&mut self) -> Option<Vec<Word>> {
        let mut read = Sequence::default();
        while let Some(next) = self.rest.next_if(|next| !matches!(next, '|' | ')')) {
            match next {
                '(' => {
                    read.end_run();
                    let words = self.group();
                    let is_sure = self.repeat().is_none_or(|is_sure| {
                        read.parts += 1;
                        is_sure
                    });
                    read.add(words.filter(|_| is_sure));
                }
                '\\' => match self.rest.next() {
                    Some(literal) if literal.is_ascii_punctuation() => self.literal(literal, &mut read),
                    kind => {
                        self.is_strange |= !kind.is_some_and(|kind| "bBdDsSwW".contains(kind));
                        self.other(&mut read);
                    }
                },
                '[' => {
                    self.class();
                    self.other(&mut read);
                }
                '^' if !self.has_lines && read.is_empty() => {
                    self.is_strange |= self.repeat().is_some();
                    read.anchors.0 = true;
                }
                '$' if !self.has_lines && matches!(self.rest.peek(), None | Some('|' | ')')) => {
                    read.anchors.1 = true;
                }
                '.' | '^' | '$' => self.other(&mut read),
                literal if literal.is_ascii() => self.literal(literal, &mut read),
                _ => self.other(&mut read),
            }
        }
        read.end_run();
        let mut words = read.best?;
        for word in &mut words {
            let is_loose = word.place == Part::Anywhere;
            word.is_enough &= read.parts == 1 && (is_loose || read.anchors == (false, false));
            if word.is_enough && is_loose {
                word.place = match read.anchors {
                    (true, true) => Part::Whole,
                    (true, false) => Part::Start,
                    (false, true) => Part::End,
                    (false, false) => Part::Anywhere,
                };
            }
        }
        Some(words)
    }

    /// The words of a group whose parenthesis is read.
    fn group(&mut self) -> Option<Vec<Word>> {
        if self.rest.next_if_eq(&'?').is_some() {
            self.is_strange |= self.rest.next() != Some(':');
        }
        self.depth += 1;
        self.is_strange |= self.depth > MAX_DEPTH;
        // What is strange is not used, so that the rest need not be read well.
        let words = if self.is_strange { None } else { self.alternatives() };
        self.depth -= 1;
        self.is_strange |= self.rest.next() != Some(')');
        words
    }

    fn literal(&mut self, literal: char, read: &mut Sequence) {
        match self.repeat() {
            None => read.run.push(literal),
            Some(is_sure) => {
                if is_sure {
                    read.run.push(literal);
                }
                read.end_run();
                read.parts += 1;
            }
        }
    }

    /// A part that has no words.
    fn other(&mut self, read: &mut Sequence) {
        self.repeat();
        read.end_run();
        read.add(None);
    }

    /// How often the part before may stand: whether at least once; `None` for once.
    fn repeat(&mut self) -> Option<bool> {
        let sign = self.rest.next_if(|next| matches!(next, '?' | '*' | '+' | '{'))?;
        if sign == '{' {
            self.is_strange |= !self.rest.any(|next| next == '}');
        }
        self.rest.next_if_eq(&'?');
        Some(sign == '+')
    }

    /// Passes over a class whose bracket is read.
    fn class(&mut self) {
        self.rest.next_if_eq(&'^');
        self.rest.next_if_eq(&']');
        loop {
            match self.rest.next() {
                Some(']') => return,
                Some('\\') => drop(self.rest.next()),
                // A class in a class, or none that ends.
                Some('[') | None => return self.is_strange = true,
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, words};

    fn read(source: &str) -> Option<Vec<(String, bool)>> {
        Some(words(source, (false, false))?.into_iter().map(|word| (word.text, word.is_enough)).collect())
    }

    #[test]
    fn words_of_an_expression_are_found() {
        let some = |words: &[(&str, bool)]| {
            Some(words.iter().map(|(word, is_enough)| ((*word).to_owned(), *is_enough)).collect())
        };
        assert_eq!(
            read(r"(?i)(cumul|version \d\dH\d|w1[01], )"),
            some(&[("cumul", true), ("version ", false), ("w1", false)])
        );
        assert_eq!(read("^(nsi|Dhcp)$"), some(&[("nsi", false), ("Dhcp", false)]));
        assert_eq!(read(r"to disabled\.?\s*$"), some(&[("to disabled", false)]));
        assert_eq!(read(r"(?i)x\.exe.*(okta|duo_)+"), some(&[("x.exe", false)]));
        assert_eq!(read("(?i)ab+c?d"), some(&[("ab", false)]));
        assert_eq!(read("colou?r"), some(&[("colo", false)]));
        for none in
            ["", "a|", "(?i)(foo)?", r"\d+", "a*", "[a-z]{3}", "(?x)a b", "a)", "(?P<x>a)", "[[:alpha:]a]b"]
        {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(read("CASED"), some(&[("CASED", false)]));
        assert_eq!(read("(?i)^(nsi|Dhcp)$"), some(&[("nsi", true), ("Dhcp", true)]));
        assert_eq!(read("(?im)^nsi"), some(&[("nsi", false)]));
        assert_eq!(read("^*nsi"), None);
    }

    #[test]
    fn words_say_what_the_expression_says() {
        let sources = [
            r"(?i)(cumul|version \d\dH\d|Windows 1[01], )",
            "(?i)^(nsi|Dhcp)$",
            r"(?i)\b3389\b|remote ?desktop|rdp",
            r"reason code (0x)?0*[34]\s*$",
            "(?i)(?:ab)+c",
            "(?i)^(nsi|Dhcp)",
            "(?i)(nsi|dhcp$)",
            "(?i)^(^nsi|dhcp)$",
            "(?im)^Dhcp$",
            "(?i)^ab|x$|^$",
            "(?i)(^ab)+c",
            "Ab",
            r"\w+\s\d",
            r"(?i)[^k]\x{212a}|\u{17f}er",
            "(?is)version.2",
        ];
        let texts = [
            "",
            "DHCP",
            "xdhcp",
            "dhcpx",
            "dhcp\nx",
            "2024 CUMULATIVE",
            "Version 22H2",
            "windows 11, ",
            "RemoteDesktop",
            "3389",
            "13389",
            "reason code 0x03",
            "reason code 5",
            "ABAbc",
            "ab",
            "Ab",
            "\u{212a}elvin",
            "\u{17f}ervice",
        ];
        for source in sources {
            for text in texts {
                let pattern = Pattern::new(source.to_owned(), (false, false, false));
                let expected = pattern.compiled().expect("an expression").is_match(text);
                assert_eq!(pattern.is_match(text), expected, "{source} {text}");
            }
        }
    }
}
