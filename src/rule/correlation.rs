//! Sigma's correlation documents: what is counted or ordered over the matches of other rules. Only read here;
//! `diagnose` evaluates them over a host's timeline.

use super::condition::{self, Condition};
use super::error::Flaws;
use super::keys::{self, CORRELATIONS};
use crate::evtx::Span;
use crate::text::yaml::{Node, Value};

/// A correlation.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) kind: CorrelationKind,
    /// Names, ids or file names of rules and other correlations.
    pub(crate) rules: Vec<Box<str>>,
    pub(crate) group_by: Vec<Box<str>>,
    pub(crate) timespan: Span,
    /// Comparisons that must all hold.
    pub(crate) thresholds: Vec<(Comparison, f64)>,
    /// Fields whose values are counted or summed up.
    pub(crate) fields: Vec<Box<str>>,
    pub(crate) percentile: f64,
    /// Which of the rules must match within the window, when not all of them.
    pub(crate) expression: Option<Condition>,
    /// Alias, rule, field.
    pub(crate) aliases: Vec<(Box<str>, Box<str>, Box<str>)>,
    /// Whether the rules that it refers to are reported by themselves too.
    pub(crate) generates: bool,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CorrelationKind {
    EventCount,
    ValueCount,
    Temporal,
    TemporalOrdered,
    ValueSum,
    ValueAverage,
    ValuePercentile,
    ValueMedian,
}

const KINDS: [CorrelationKind; 8] = [
    CorrelationKind::EventCount,
    CorrelationKind::ValueCount,
    CorrelationKind::Temporal,
    CorrelationKind::TemporalOrdered,
    CorrelationKind::ValueSum,
    CorrelationKind::ValueAverage,
    CorrelationKind::ValuePercentile,
    CorrelationKind::ValueMedian,
];

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    #[allow(clippy::float_cmp)] // counts are whole, and equality of measures is what the rule asks for
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("lt", Comparison::Less),
    ("lte", Comparison::LessOrEqual),
    ("gt", Comparison::Greater),
    ("gte", Comparison::GreaterOrEqual),
    ("eq", Comparison::Equal),
    ("neq", Comparison::NotEqual),
];

/// Longest window: what lies further apart has nothing to do with each other, and windows bound memory.
const MAX_SPAN: Span = Span::days(400);
/// Most rules that one correlation refers to.
const MAX_RULES: usize = 64;

impl CorrelationKind {
    pub(crate) const fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }
}

/// Reads the section.
pub(super) fn read(node: &Node, flaws: &mut Flaws) -> Option<Correlation> {
    flaws.unknown_keys(node, &keys::CORRELATION);
    let kind_node = node.get("type");
    let word = kind_node.and_then(Node::text).unwrap_or_default();
    let kind = CORRELATIONS.iter().zip(KINDS).find(|(name, _)| **name == word).map(|(_, kind)| kind);
    if kind.is_none() {
        let help = format!("write one of: {}", CORRELATIONS.join(", "));
        flaws.error(kind_node.unwrap_or(node).mark, format!("`{word}` is no kind of correlation"), help);
    }
    let rules = super::cause::strings(node.get("rules"));
    if rules.is_empty() || rules.len() > MAX_RULES {
        let help = "name 1 to 64 rules by `name` or `id`";
        flaws.error(node.get("rules").unwrap_or(node).mark, "`rules` names no rules, or too many", help);
    }
    let timespan = node.get("timespan").and_then(Node::text).and_then(span);
    if timespan.is_none() {
        let mark = node.get("timespan").unwrap_or(node).mark;
        flaws.error(
            mark,
            "`timespan` is missing, no time, or too long",
            "write 30s, 10m, 6h or 7d (at most 400d)",
        );
    }
    let mut correlation = Correlation {
        kind: kind?,
        rules,
        group_by: super::cause::strings(node.get("group-by")),
        timespan: timespan?,
        thresholds: Vec::new(),
        fields: Vec::new(),
        percentile: 50.0,
        expression: None,
        aliases: node.get("aliases").map(aliases).unwrap_or_default(),
        generates: node.get("generate").and_then(Node::text) == Some("true"),
    };
    match node.get("condition") {
        Some(condition) => correlation.read_condition(condition, flaws),
        None if correlation.kind.is_temporal() => {}
        None => flaws.error(node.mark, "`condition` is missing", "add `condition: {gte: 10}`"),
    }
    Some(correlation)
}

impl Correlation {
    fn read_condition(&mut self, node: &Node, flaws: &mut Flaws) {
        if let Some(text) = node.text() {
            let names: Vec<&str> = self.rules.iter().map(|name| &**name).collect();
            match condition::parse(text, &names) {
                Ok(expression) if self.kind.is_temporal() => self.expression = Some(expression),
                Ok(_) => flaws.error(node.mark, "an expression stands only in temporal correlations", ""),
                Err(problem) => flaws.error(flaws.word(node, problem.word), problem.message, problem.help),
            }
            return;
        }
        flaws.unknown_keys(node, &keys::CORRELATION_CONDITION);
        for (name, comparison) in COMPARISONS {
            let Some(value) = node.get(name) else { continue };
            match value.text().and_then(super::matcher::number) {
                Some(number) => self.thresholds.push((comparison, number)),
                None => flaws.error(value.mark, format!("`{name}` is no number"), "write a number"),
            }
        }
        if self.thresholds.is_empty() {
            flaws.error(node.mark, "the condition compares with nothing", "add `gte: 10`");
        }
        self.fields = super::cause::strings(node.get("field"));
        let needs_field = !self.kind.is_temporal() && self.kind != CorrelationKind::EventCount;
        if needs_field && self.fields.is_empty() {
            flaws.error(node.mark, "`field` is missing", "name the field whose values are looked at");
        }
        if let Some(percentile) = node.get("percentile") {
            match percentile
                .text()
                .and_then(super::matcher::number)
                .filter(|number| (0.0..=100.0).contains(number))
            {
                Some(number) => self.percentile = number,
                None => flaws.error(percentile.mark, "this is no percentile", "write 0 to 100"),
            }
        } else if self.kind == CorrelationKind::ValuePercentile {
            flaws.error(node.mark, "`percentile` is missing", "add `percentile: 95`");
        }
    }

    /// The field that a group or value name means in records of one of its rules.
    pub(crate) fn field<'a>(&'a self, name: &'a str, rule: &str) -> &'a str {
        let alias = self.aliases.iter().find(|(alias, own, _)| &**alias == name && &**own == rule);
        alias.map_or(name, |(_, _, field)| field)
    }
}

/// Sigma's spans: ours, months of 30 and years of 365 days.
fn span(text: &str) -> Option<Span> {
    let days = |digits: &str, days: i64| Some(Span::days(digits.parse::<u16>().ok().map(i64::from)? * days));
    let span = match (text.strip_suffix('M'), text.strip_suffix('y')) {
        (Some(digits), _) => days(digits, 30),
        (_, Some(digits)) => days(digits, 365),
        _ => super::when::span(text),
    };
    span.filter(|span| *span <= MAX_SPAN && span.0 > 0)
}

fn aliases(node: &Node) -> Vec<(Box<str>, Box<str>, Box<str>)> {
    let mut out = Vec::new();
    for (alias, rules) in node.entries() {
        let Value::Map(entries) = &rules.value else { continue };
        for (rule, field) in entries {
            if let (Some(alias), Some(rule), Some(field)) = (alias.text(), rule.text(), field.text()) {
                out.push((alias.into(), rule.into(), field.into()));
            }
        }
    }
    out
}
