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
/// Most characters of one repeated kind that are looked for.
const MAX_TIMES: usize = 16;
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

/// Characters in a row, one of which stand, without case, in every text that passes.
#[derive(Debug, PartialEq)]
struct Word {
    steps: Vec<Step>,
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

/// One character of a word.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Byte(u8),
    /// One in these ranges.
    Class(Vec<(u8, u8)>),
}

impl Step {
    /// Whether a character is the one, without case.
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own.eq_ignore_ascii_case(&byte),
            Self::Class(ranges) => ranges.iter().any(|(from, to)| {
                let is_in = |byte: u8| (*from..=*to).contains(&byte);
                is_in(byte.to_ascii_lowercase()) || is_in(byte.to_ascii_uppercase())
            }),
        }
    }
}

impl Word {
    /// Whether it stands in a text, without case.
    fn stands_in(&self, text: &str) -> bool {
        let (text, length) = (text.as_bytes(), self.steps.len());
        let is_own = |part: &[u8]| {
            part.len() == length && part.iter().zip(&self.steps).all(|(byte, step)| step.takes(*byte))
        };
        match self.place {
            Part::Whole => is_own(text),
            Part::Start => text.get(..length).is_some_and(is_own),
            Part::End => text.len().checked_sub(length).and_then(|at| text.get(at..)).is_some_and(is_own),
            Part::Anywhere => text.windows(length).any(is_own),
        }
    }

    /// How much it says: a class of characters is found in many texts.
    fn weight(&self) -> usize {
        self.steps.iter().map(|step| if matches!(step, Step::Byte(_)) { 4 } else { 1 }).sum()
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
    /// The word that is being read.
    run: Vec<Step>,
    /// The words so far that say most.
    best: Option<Vec<Word>>,
    /// Texts, groups and other parts.
    parts: usize,
    /// Whether it stands at the beginning, and at the end.
    anchors: (bool, bool),
}

/// How often a part may stand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Repeat {
    Times(usize),
    /// At least once.
    Often,
    /// Also not at all, or in a way that is not looked into.
    Perhaps,
}

impl Sequence {
    fn is_empty(&self) -> bool {
        self.parts == 0 && self.run.is_empty()
    }

    /// Ends the word that is being read.
    fn end_run(&mut self) {
        if !self.run.is_empty() {
            let steps = std::mem::take(&mut self.run);
            let word = Word { steps, place: Part::Anywhere, is_enough: true };
            self.add(Some(vec![word]));
        }
    }

    /// Adds a part with its words. Words say as much as that of them which says least.
    fn add(&mut self, words: Option<Vec<Word>>) {
        self.parts += 1;
        let weight =
            |words: &Option<Vec<Word>>| words.as_ref().and_then(|words| words.iter().map(Word::weight).min());
        if weight(&words) > weight(&self.best) {
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
                    let repeat = self.repeat();
                    read.parts += usize::from(repeat != Repeat::Times(1));
                    read.add(words.filter(|_| repeat != Repeat::Perhaps));
                }
                '\\' => match self.rest.next() {
                    Some(literal) if literal.is_ascii_punctuation() => self.literal(literal, &mut read),
                    Some('d') => self.step(Step::Class(vec![(b'0', b'9')]), &mut read),
                    kind => {
                        self.is_strange |= !kind.is_some_and(|kind| "bBdDsSwW".contains(kind));
                        self.other(&mut read);
                    }
                },
                '[' => match self.class() {
                    Some(ranges) => self.step(Step::Class(ranges), &mut read),
                    None => self.other(&mut read),
                },
                '^' if !self.has_lines && read.is_empty() => {
                    self.is_strange |= self.repeat() != Repeat::Times(1);
                    read.anchors.0 = true;
                }
                '$' if !self.has_lines && matches!(self.rest.peek(), None | Some('|' | ')')) => {
                    read.anchors.1 = true;
                }
                '.' | '^' | '$' => self.other(&mut read),
                literal => self.literal(literal, &mut read),
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
        match u8::try_from(literal) {
            Ok(byte) if byte.is_ascii() => self.step(Step::Byte(byte), read),
            _ => self.other(read),
        }
    }

    fn step(&mut self, step: Step, read: &mut Sequence) {
        match self.repeat() {
            Repeat::Times(times) => read.run.extend(std::iter::repeat_n(step, times)),
            repeat => {
                if repeat == Repeat::Often {
                    read.run.push(step);
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

    /// How often the part before may stand.
    fn repeat(&mut self) -> Repeat {
        let Some(sign) = self.rest.next_if(|next| matches!(next, '?' | '*' | '+' | '{')) else {
            return Repeat::Times(1);
        };
        let times: String = match sign {
            '{' => self.rest.by_ref().take_while(|next| *next != '}').collect(),
            _ => String::new(),
        };
        self.rest.next_if_eq(&'?');
        // A repetition of a repetition.
        self.is_strange |= matches!(self.rest.peek(), Some('?' | '*' | '+' | '{'));
        match (sign, times.parse()) {
            ('+', _) => Repeat::Often,
            (_, Ok(times @ 1..=MAX_TIMES)) => Repeat::Times(times),
            _ => Repeat::Perhaps,
        }
    }

    /// The ranges of a class whose bracket is read; `None` for one that is not looked into.
    fn class(&mut self) -> Option<Vec<(u8, u8)>> {
        // A bracket that stands first does not end the class.
        let signs = [self.rest.next_if_eq(&'^'), self.rest.next_if_eq(&']')];
        let mut is_plain = signs == [None; 2];
        let mut ranges = Vec::new();
        loop {
            let next = self.rest.next();
            match next {
                Some(']') => return Some(ranges).filter(|ranges| is_plain && !ranges.is_empty()),
                // A class in a class, or none that ends.
                Some('[') | None => {
                    self.is_strange = true;
                    return None;
                }
                // Escaped, an operator, or a range that begins or ends with one.
                Some('\\') => {
                    self.rest.next();
                    is_plain = false;
                }
                Some('-' | '&' | '~') => is_plain = false,
                Some(from) => {
                    let has_end = self.rest.next_if_eq(&'-').is_some();
                    let is_end = |next: &char| next.is_ascii_alphanumeric();
                    let to = if has_end { self.rest.next_if(is_end) } else { Some(from) };
                    let range = to.and_then(|to| u8::try_from(from).ok().zip(u8::try_from(to).ok()));
                    is_plain &= from.is_ascii() && range.is_some();
                    ranges.extend(range);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Step, Word, words};

    fn read(source: &str) -> Option<Vec<(String, bool)>> {
        let sign = |step: &Step| if let Step::Byte(byte) = step { char::from(*byte) } else { '#' };
        let shown = |word: &Word| (word.steps.iter().map(sign).collect(), word.is_enough);
        Some(words(source, (false, false))?.iter().map(shown).collect())
    }

    #[test]
    fn words_of_an_expression_are_found() {
        let some = |words: &[(&str, bool)]| {
            Some(words.iter().map(|(word, is_enough)| ((*word).to_owned(), *is_enough)).collect())
        };
        assert_eq!(
            read(r"(?i)(cumul|version \d\dH\d|w1[01], )"),
            some(&[("cumul", true), ("version ##H#", true), ("w1#, ", true)])
        );
        assert_eq!(read("^(nsi|Dhcp)$"), some(&[("nsi", false), ("Dhcp", false)]));
        assert_eq!(read(r"to disabled\.?\s*$"), some(&[("to disabled", false)]));
        assert_eq!(read(r"(?i)x\.exe.*(okta|duo_)+"), some(&[("x.exe", false)]));
        assert_eq!(read("(?i)ab+c?d"), some(&[("ab", false)]));
        assert_eq!(read("colou?r"), some(&[("colo", false)]));
        for none in [
            "",
            "a|",
            "(?i)(foo)?",
            r"\w+",
            "a*",
            "[^a]",
            "[a-]",
            "(?x)a b",
            "a)",
            "(?P<x>a)",
            "[[:alpha:]a]b",
        ] {
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
            "(?i)^0x8[0-9a-f]{7}$",
            "(?i)[a-c]{2}[x.]",
            r"[^\]a]\d{2}",
            "[0-9A-Fa-f:.]+",
            "(?i)[a-z&&[^b]]c",
            "[^]q]12",
            "[]q]12",
            "a{0}b{2,3}c{1}",
            "Ab",
            r"\w+\s\d",
            r"(?i)[^k]\x{212a}|\u{17f}er",
            "(?is)version.2",
        ];
        let texts = [
            "",
            "DHCP",
            "xdhcp",
            "0X8007000E",
            "0x8007000g",
            "abX",
            "b.c",
            "zc",
            "bbc",
            "bc",
            "q12",
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

    #[test]
    fn repetitions_of_repetitions_mean_what_they_mean_to_the_crate() {
        for source in ["(?i)1(a){0}{0}", "(?i)ab.b{1,2}{0,1}", "(?i).??{0}", "${0,1}* "] {
            for text in ["", " .aa1", ".abb", "x\n ", "ABxB"] {
                let pattern = Pattern::new(source.to_owned(), (false, false, false));
                let expected = pattern.compiled().expect("an expression").is_match(text);
                assert_eq!(pattern.is_match(text), expected, "{source} {text}");
            }
        }
    }
}
