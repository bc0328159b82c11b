//! One value of a rule, compiled: plain text, wildcards, the modifiers of Sigma, numbers.
//!
//! Text is compared without case unless `cased` stands. Codes are equal in every spelling: `2147942464`,
//! `-2147024832` and `0x80070040` are one number.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use super::field::{FieldKey, Subject};
use super::pattern::Pattern;

/// Tests one value.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    /// The whole text, without case; numbers in any spelling.
    Equal(Box<str>, Option<u32>),
    /// A part of the text, without case.
    Contains(Box<str>),
    /// The beginning, without case.
    StartsWith(Box<str>),
    /// The end, without case.
    EndsWith(Box<str>),
    /// Anything with wildcards, `re` or `cased`.
    Regex(Arc<Pattern>),
    /// An address in a network.
    Cidr(IpAddr, u8),
    /// A number, compared.
    Number(Order, f64),
    /// Another field of the same record.
    Field(FieldKey, Part),
    /// The field is there, or is not.
    Exists(bool),
    /// The field is missing, or empty.
    Null,
    /// None of these.
    Not(Box<Matcher>),
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Which part of a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Anywhere,
    Start,
    End,
}

impl Matcher {
    /// A text with Sigma's wildcards: `*` any characters, `?` one; `\` before them takes the meaning away.
    pub(crate) fn text(pattern: &str, part: Part, is_cased: bool) -> Result<Self, String> {
        if !is_cased && !pattern.contains(['*', '?', '\\']) {
            return Ok(Self::literal(pattern, part));
        }
        let pieces = wildcards(pattern);
        if !is_cased && let Some((literal, part)) = unbroken(&pieces, part) {
            return Ok(Self::literal(literal, part));
        }
        let mut source = String::new();
        if matches!(part, Part::Whole | Part::Start) {
            source.push('^');
        }
        for piece in &pieces {
            match piece {
                Piece::Literal(text) => source.push_str(&regex::escape(text)),
                Piece::Any => source.push_str(".*"),
                Piece::One => source.push('.'),
            }
        }
        if matches!(part, Part::Whole | Part::End) {
            source.push('$');
        }
        Ok(Self::Regex(Arc::new(Pattern::new(source, (!is_cased, false, true)))))
    }

    /// A text without wildcards.
    fn literal(text: &str, part: Part) -> Self {
        let mut lower: Box<str> = if text.is_ascii() { text.into() } else { text.to_lowercase().into() };
        lower.make_ascii_lowercase();
        match part {
            Part::Whole => Self::Equal(lower, number_of(text)),
            Part::Anywhere => Self::Contains(lower),
            Part::Start => Self::StartsWith(lower),
            Part::End => Self::EndsWith(lower),
        }
    }

    /// A regular expression; `flags` say whether it ignores case, goes line by line, and whether a dot is a line end
    /// too.
    pub(crate) fn regex(source: &str, flags: (bool, bool, bool)) -> Self {
        Self::Regex(Arc::new(Pattern::new(source.to_owned(), flags)))
    }

    /// Appends what tells the matcher apart from others.
    pub(super) fn spell(&self, out: &mut String) {
        let (kind, text) = match self {
            Self::Equal(text, _) => ('=', text),
            Self::Contains(text) => ('~', text),
            Self::StartsWith(text) => ('<', text),
            Self::EndsWith(text) => ('>', text),
            Self::Regex(pattern) => {
                out.push_str("\0*");
                return pattern.spell(out);
            }
            other => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\0{other:?}");
                return;
            }
        };
        out.push('\0');
        out.push(kind);
        out.push_str(text);
    }

    /// What is wrong with the matcher's regular expression, when there is one.
    pub(super) fn flaw(&self) -> Option<String> {
        match self {
            Self::Regex(pattern) => pattern.flaw(),
            Self::Not(inner) => inner.flaw(),
            _ => None,
        }
    }

    /// A network such as `192.0.2.0/24`.
    pub(crate) fn cidr(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.trim().parse().ok()?;
        let length: u8 = length.trim().parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (length <= longest).then_some(Self::Cidr(address, length))
    }

    /// A word that every text which passes holds as it stands in the log; numbers, codes, identifiers and truth values
    /// are stored in other forms and have none.
    pub(crate) fn word(&self) -> Option<String> {
        let text = match self {
            Self::Equal(text, None)
            | Self::Contains(text)
            | Self::StartsWith(text)
            | Self::EndsWith(text) => text,
            _ => return None,
        };
        let is_plain = text.len() >= 3
            && text.is_ascii()
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && !text.starts_with("s-1-")
            && !matches!(&**text, "true" | "false")
            && !text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        is_plain.then(|| text.to_string())
    }

    /// Whether a part of a record passes.
    pub(crate) fn matches(&self, subject: &Subject<'_>, key: &FieldKey) -> bool {
        match self {
            Self::Exists(wanted) => subject.value(key).is_some() == *wanted,
            Self::Null => subject.value(key).is_none_or(|value| value.is_empty() || value == "-"),
            Self::Not(inner) => !inner.matches(subject, key),
            Self::Field(other, part) => subject.value(other).is_some_and(|other| {
                let other = other.to_lowercase();
                subject.any_value(key, &mut |value| compare(&value.to_lowercase(), &other, *part))
            }),
            _ => subject.any_value(key, &mut |value| self.matches_text(value)),
        }
    }

    /// Whether one of the values of a part passes; a part that is not there has none. A matcher that compares with
    /// another part never passes here.
    pub(super) fn matches_values(&self, values: &[&str]) -> bool {
        match self {
            Self::Exists(wanted) => values.is_empty() != *wanted,
            Self::Null => values.first().is_none_or(|value| value.is_empty() || *value == "-"),
            Self::Not(inner) => !inner.matches_values(values),
            _ => values.iter().any(|value| self.matches_text(value)),
        }
    }

    /// Whether it looks at another part than the one that it stands with.
    pub(super) fn looks_elsewhere(&self) -> bool {
        match self {
            Self::Field(..) => true,
            Self::Not(inner) => inner.looks_elsewhere(),
            _ => false,
        }
    }

    /// Whether a text passes.
    pub(crate) fn matches_text(&self, value: &str) -> bool {
        match self {
            Self::Equal(text, number) => {
                same(value, text) || number.is_some_and(|number| number_of(value) == Some(number))
            }
            Self::Contains(text) => lower(value, |value| value.contains(&**text)),
            Self::StartsWith(text) if value.is_ascii() => {
                let start = value.as_bytes().get(..text.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
            }
            Self::EndsWith(text) if value.is_ascii() => {
                let end = value.len().checked_sub(text.len()).and_then(|at| value.as_bytes().get(at..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(text.as_bytes()))
            }
            Self::StartsWith(text) => lower(value, |value| value.starts_with(&**text)),
            Self::EndsWith(text) => lower(value, |value| value.ends_with(&**text)),
            Self::Regex(pattern) => pattern.is_match(value),
            Self::Cidr(network, length) => {
                address_of(value).is_some_and(|ip| in_network(ip, *network, *length))
            }
            Self::Number(order, limit) => number(value).is_some_and(|value| match order {
                Order::Less => value < *limit,
                Order::LessOrEqual => value <= *limit,
                Order::Greater => value > *limit,
                Order::GreaterOrEqual => value >= *limit,
            }),
            Self::Null => value.is_empty(),
            Self::Exists(wanted) => *wanted,
            Self::Not(inner) => !inner.matches_text(value),
            Self::Field(..) => false,
        }
    }
}

fn compare(value: &str, other: &str, part: Part) -> bool {
    match part {
        Part::Whole => value == other,
        Part::Anywhere => value.contains(other),
        Part::Start => value.starts_with(other),
        Part::End => value.ends_with(other),
    }
}

fn same(value: &str, lower_case: &str) -> bool {
    value.eq_ignore_ascii_case(lower_case) || (!value.is_ascii() && value.to_lowercase() == lower_case)
}

fn lower(value: &str, test: impl Fn(&str) -> bool) -> bool {
    let has_capitals = if value.is_ascii() {
        value.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        value.chars().any(char::is_uppercase)
    };
    if has_capitals { test(&value.to_lowercase()) } else { test(value) }
}

/// A decimal, signed or hexadecimal number as the 32 bits of a code.
pub(crate) fn number_of(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    let wide: i64 = text.parse().ok()?;
    u32::try_from(wide).ok().or_else(|| i32::try_from(wide).ok().map(i32::cast_unsigned))
}

/// A number for comparisons.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok().map(f64::from),
        None => text.parse().ok(),
    }
}

/// The address in `192.0.2.7`, `192.0.2.7:50123`, `[2001:db8::1]:50123` or `::ffff:192.0.2.7`.
pub(crate) fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let address = match bare {
        Some(inside) => inside.split('%').next()?.parse().ok()?,
        None => text
            .parse()
            .ok()
            .or_else(|| {
                let (host, port) = text.rsplit_once(':')?;
                port.parse::<u16>().ok()?;
                host.parse().ok()
            })
            .or_else(|| text.split('%').next()?.parse().ok())?,
    };
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    })
}

fn in_network(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let shift = |bits: u32| bits - u32::from(length).min(bits);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u32::from(a) ^ u32::from(b)).checked_shr(shift(32)).unwrap_or_default() == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (u128::from(a) ^ u128::from(b)).checked_shr(shift(128)).unwrap_or_default() == 0
        }
        _ => false,
    }
}

enum Piece {
    Literal(String),
    Any,
    One,
}

/// The text of a pattern whose wildcards only say that anything may stand before or behind it, and where it stands.
fn unbroken(pieces: &[Piece], part: Part) -> Option<(&str, Part)> {
    let mut is_start = matches!(part, Part::Whole | Part::Start);
    let mut is_end = matches!(part, Part::Whole | Part::End);
    let mut text = pieces;
    while let [Piece::Any, rest @ ..] = text {
        (text, is_start) = (rest, false);
    }
    while let [rest @ .., Piece::Any] = text {
        (text, is_end) = (rest, false);
    }
    let literal = match text {
        [] => "",
        [Piece::Literal(literal)] => literal,
        _ => return None,
    };
    let part = match (is_start, is_end) {
        (true, true) => Part::Whole,
        (true, false) => Part::Start,
        (false, true) => Part::End,
        (false, false) => Part::Anywhere,
    };
    Some((literal, part))
}

/// Splits at wildcards. A backslash is plain unless a wildcard or another backslash before a wildcard follows, as
/// the Sigma specification says.
fn wildcards(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(next @ ('*' | '?' | '\\'))) => {
                literal.push(*next);
                characters.next();
            }
            ('*' | '?', _) => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(if character == '*' { Piece::Any } else { Piece::One });
            }
            _ => literal.push(character),
        }
    }
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Part, address_of};

    #[test]
    fn a_code_is_equal_in_every_spelling() {
        let matcher = Matcher::text("0x80070040", Part::Whole, false).unwrap();
        for spelling in ["2147942464", "-2147024832", "0x80070040", "0X80070040"] {
            assert!(matcher.matches_text(spelling), "{spelling}");
        }
        assert!(!matcher.matches_text("2147942465"));
    }

    #[test]
    fn wildcards_and_their_escapes() {
        let any = |pattern: &str, text: &str| {
            Matcher::text(pattern, Part::Whole, false).unwrap().matches_text(text)
        };
        assert!(any("svchost*TermService", "SVCHOST.EXE_TermService"));
        assert!(any("a?c", "abc") && !any("a?c", "abbc"));
        assert!(any("Avast*", "AVAST Antivirus") && any("Avast*", "avast") && !any("Avast*", "My Avast"));
        assert!(any("*.exe", "LSASS.EXE") && !any("*.exe", "lsass.exe.mui"));
        assert!(any("**rdp*", "MyRDPwrap") && !any("*rdp*", "R D P") && any("*", "") && any("*", "x\ny"));
        assert!(any(r"100\*", "100*") && !any(r"100\*", "1000"));
        assert!(any(r"C:\Windows\\*", r"c:\windows\system32"));
        assert!(any(r"\\*\share", r"\server\share"));
    }

    #[test]
    fn networks_know_ports_and_mapped_addresses() {
        let network = Matcher::cidr("192.0.2.0/24").unwrap();
        assert!(network.matches_text("192.0.2.7:50123") && network.matches_text("::ffff:192.0.2.9"));
        assert!(!network.matches_text("192.0.3.7") && !network.matches_text("SRV1"));
        assert_eq!(address_of("[2001:db8::1]:3389").unwrap().to_string(), "2001:db8::1");
        assert!(Matcher::cidr("0.0.0.0/0").unwrap().matches_text("8.8.8.8"));
    }
}
