//! The `detection` section: named selections and the condition over them, for one record (Sigma's meaning).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use super::condition::{self, Condition};
use super::error::Flaws;
use super::field::{FieldKey, Subject};
use super::matcher::{Matcher, Order, Part};
use crate::evtx::Head;
use crate::text::yaml::{Node, Value};

/// A compiled test of one record.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// At least one holds.
    Any(Arc<[Test]>),
    /// All hold.
    All(Arc<[Test]>),
    /// It does not hold.
    Not(Box<Test>),
    /// A part of the record has one of (or all of) some values.
    Field { key: FieldKey, matchers: Arc<[Matcher]>, needs_all: bool },
    /// A text stands anywhere in the record's data or sentence.
    Keyword(Matcher),
}

/// A named selection.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) name: Box<str>,
    pub(crate) test: Test,
}

/// The whole section.
#[derive(Debug, Clone)]
pub(crate) struct Detection {
    pub(crate) selections: Vec<Selection>,
    /// Conditions; a record matches the rule when one of them is true.
    pub(crate) conditions: Vec<Condition>,
}

/// Reads the section; what is wrong goes to `flaws`.
pub(crate) fn read(node: &Node, flaws: &mut Flaws) -> Detection {
    let mut selections = Vec::new();
    for (key, value) in node.entries() {
        let name = key.text().unwrap_or_default();
        if matches!(name, "condition" | "timeframe") {
            continue;
        }
        let test = selection(value, flaws);
        selections.push(Selection { name: name.into(), test });
    }
    let names: Vec<&str> = selections.iter().map(|selection| &*selection.name).collect();
    let mut conditions = Vec::new();
    match node.get("condition") {
        Some(list) => {
            for item in list.items() {
                match condition::parse(item.text().unwrap_or_default(), &names) {
                    Ok(parsed) => conditions.push(parsed),
                    Err(problem) => {
                        flaws.error(flaws.word(item, problem.word), problem.message, problem.help)
                    }
                }
            }
        }
        None => flaws.error(node.mark, "`detection` has no `condition`", "add `condition: selection`"),
    }
    Detection { selections, conditions }
}

fn selection(node: &Node, flaws: &mut Flaws) -> Test {
    match &node.value {
        Value::Map(entries) => {
            Test::All(entries.iter().map(|(key, value)| field(key, value, flaws)).collect())
        }
        Value::List(items) => Test::Any(
            items
                .iter()
                .map(|item| match &item.value {
                    Value::Map(_) => selection(item, flaws),
                    _ => keyword(item, flaws),
                })
                .collect(),
        ),
        Value::Text { .. } => keyword(node, flaws),
        Value::Null => {
            flaws.error(node.mark, "the selection is empty", "name a field and the value it must have");
            Test::Any(Arc::default())
        }
    }
}

fn keyword(node: &Node, flaws: &mut Flaws) -> Test {
    match Matcher::text(&super::normal(node.text().unwrap_or_default()), Part::Anywhere, false) {
        Ok(matcher) => {
            if let Some(problem) = flaws.is_foreign().then(|| matcher.flaw()).flatten() {
                flaws.error(node.mark, problem, "");
            }
            Test::Keyword(matcher)
        }
        Err(problem) => {
            flaws.error(node.mark, problem, "");
            Test::Any(Arc::default())
        }
    }
}

/// One `Field|modifier: value` line.
fn field(key: &Node, value: &Node, flaws: &mut Flaws) -> Test {
    let spelled = key.text().unwrap_or_default();
    let mut parts = spelled.split('|');
    let name = parts.next().unwrap_or_default();
    let modifiers: Vec<&str> = parts.collect();
    let Some(modes) = Modes::read(&modifiers, key, flaws) else { return Test::Any(Arc::default()) };
    let field_key = FieldKey::parse(name);
    let is_message = field_key == FieldKey::Message;
    let items = match &value.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut matchers = Vec::with_capacity(items.len());
    for item in items {
        let known = matchers.len();
        match modes.compile(item, is_message, &mut matchers) {
            Ok(()) => {
                let mut compiled = matchers.iter().skip(known);
                if let Some(problem) = flaws.is_foreign().then(|| compiled.find_map(Matcher::flaw)).flatten()
                {
                    flaws.error(item.mark, format!("`{spelled}`: {problem}"), modes.help());
                }
            }
            Err(problem) => flaws.error(item.mark, format!("`{spelled}`: {problem}"), modes.help()),
        }
    }
    if name.is_empty() {
        let tests = matchers.into_iter().map(Test::Keyword).collect();
        return if modes.needs_all { Test::All(tests) } else { Test::Any(tests) };
    }
    Test::Field { key: field_key, matchers: matchers.into(), needs_all: modes.needs_all }
}

/// The modifiers of Sigma that rdpwhy knows, for error messages and completion.
pub(crate) const MODIFIERS: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "re",
    "i",
    "m",
    "s",
    "cased",
    "exists",
    "cidr",
    "base64",
    "base64offset",
    "utf16le",
    "utf16be",
    "utf16",
    "wide",
    "windash",
    "expand",
    "fieldref",
    "lt",
    "lte",
    "gt",
    "gte",
    "neq",
];

/// What the modifiers of one line ask for.
#[derive(Debug)]
struct Modes {
    part: Part,
    needs_all: bool,
    is_cased: bool,
    regex: Option<(bool, bool, bool)>,
    order: Option<Order>,
    encodings: Vec<super::encode::Encoding>,
    is_cidr: bool,
    is_exists: bool,
    is_field: bool,
    is_negated: bool,
}

impl Modes {
    fn read(modifiers: &[&str], key: &Node, flaws: &mut Flaws) -> Option<Self> {
        let mut modes = Self {
            part: Part::Whole,
            needs_all: false,
            is_cased: false,
            regex: None,
            order: None,
            encodings: Vec::new(),
            is_cidr: false,
            is_exists: false,
            is_field: false,
            is_negated: false,
        };
        for modifier in modifiers {
            if !modes.apply(modifier) {
                let help = super::error::nearest(modifier, MODIFIERS).map_or_else(
                    || format!("known modifiers: {}", MODIFIERS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                flaws.error(key.mark, format!("unknown modifier `{modifier}`"), help);
                return None;
            }
        }
        Some(modes)
    }

    fn apply(&mut self, modifier: &str) -> bool {
        use super::encode::Encoding;
        match modifier {
            "contains" => self.part = Part::Anywhere,
            "startswith" => self.part = Part::Start,
            "endswith" => self.part = Part::End,
            "all" => self.needs_all = true,
            "re" => self.regex = Some((false, false, false)),
            "i" | "m" | "s" => {
                let Some(flags) = self.regex.as_mut() else { return false };
                match modifier {
                    "i" => flags.0 = true,
                    "m" => flags.1 = true,
                    _ => flags.2 = true,
                }
            }
            "cased" => self.is_cased = true,
            "exists" => self.is_exists = true,
            "cidr" => self.is_cidr = true,
            "base64" => self.encodings.push(Encoding::Base64),
            "base64offset" => self.encodings.push(Encoding::Base64Offset),
            "utf16le" | "wide" => self.encodings.push(Encoding::Utf16Le),
            "utf16be" => self.encodings.push(Encoding::Utf16Be),
            "utf16" => self.encodings.push(Encoding::Utf16),
            "windash" => self.encodings.push(Encoding::Windash),
            // Placeholders are a matter of the one who deploys a rule; without values the text stands for itself.
            "expand" => {}
            "fieldref" => self.is_field = true,
            "lt" => self.order = Some(Order::Less),
            "lte" => self.order = Some(Order::LessOrEqual),
            "gt" => self.order = Some(Order::Greater),
            "gte" => self.order = Some(Order::GreaterOrEqual),
            "neq" => self.is_negated = true,
            _ => return false,
        }
        true
    }

    fn help(&self) -> &'static str {
        match () {
            () if self.is_cidr => "write a network such as 192.0.2.0/24",
            () if self.order.is_some() => "write a number",
            () if self.is_exists => "write true or false",
            () if self.regex.is_some() => {
                "the syntax is that of Rust's regex crate: no look-around, no back-references"
            }
            () => "",
        }
    }

    /// Adds the matchers of one value.
    fn compile(&self, item: &Node, is_message: bool, out: &mut Vec<Matcher>) -> Result<(), String> {
        let negated = |matcher: Matcher| {
            if self.is_negated { Matcher::Not(Box::new(matcher)) } else { matcher }
        };
        let has_spellings =
            !(item.is_null() || self.is_exists || self.is_cidr || self.is_field || self.order.is_some());
        if !has_spellings || self.regex.is_some() {
            out.push(negated(self.compile_one(item, is_message)?));
            return Ok(());
        }
        let Some(text) = item.text() else { return Err("a plain value must stand here".to_owned()) };
        let normal = if is_message { super::normal(text).into() } else { Cow::Borrowed(text) };
        if self.encodings.is_empty() {
            out.push(negated(Matcher::text(&normal, self.part, self.is_cased)?));
            return Ok(());
        }
        for spelling in super::encode::spellings(&normal, &self.encodings) {
            out.push(negated(Matcher::text(&spelling, self.part, self.is_cased)?));
        }
        Ok(())
    }

    /// The matcher of a value that is not taken as plain text.
    fn compile_one(&self, item: &Node, is_message: bool) -> Result<Matcher, String> {
        if item.is_null() {
            return Ok(Matcher::Null);
        }
        let Some(text) = item.text() else { return Err("a plain value must stand here".to_owned()) };
        if self.is_exists {
            return match text {
                "true" | "yes" => Ok(Matcher::Exists(true)),
                "false" | "no" => Ok(Matcher::Exists(false)),
                _ => Err(format!("`{text}` is neither true nor false")),
            };
        }
        if self.is_cidr {
            return Matcher::cidr(text).ok_or_else(|| format!("`{text}` is no network"));
        }
        if let Some(order) = self.order {
            let number = super::matcher::number(text).ok_or_else(|| format!("`{text}` is no number"))?;
            return Ok(Matcher::Number(order, number));
        }
        if self.is_field {
            return Ok(Matcher::Field(FieldKey::parse(text), self.part));
        }
        let (ignores_case, multi_line, dot_all) = self.regex.unwrap_or_default();
        Ok(Matcher::regex(text, (ignores_case || is_message, multi_line, dot_all)))
    }
}

impl Detection {
    /// The test that a condition over the selections stands for.
    pub(crate) fn test_of(&self, condition: &Condition) -> Test {
        let list = |parts: &[Condition]| parts.iter().map(|part| self.test_of(part)).collect();
        match condition {
            Condition::Selection(index) => self
                .selections
                .get(*index)
                .map_or(Test::Any(Arc::default()), |selection| selection.test.clone()),
            Condition::Not(inner) => Test::Not(Box::new(self.test_of(inner))),
            Condition::All(parts) => Test::All(list(parts)),
            Condition::Any(parts) => Test::Any(list(parts)),
        }
    }
}

impl Test {
    /// Whether the test looks at a field of this name.
    pub(crate) fn names(&self, field: &str) -> bool {
        match self {
            Self::Any(tests) | Self::All(tests) => tests.iter().any(|test| test.names(field)),
            Self::Field { key: FieldKey::Named(name), .. } => name.eq_ignore_ascii_case(field),
            Self::Field { .. } | Self::Not(_) | Self::Keyword(_) => false,
        }
    }

    /// Words of which the values of a record must hold one for the test to pass; `None` when that cannot be said.
    pub(crate) fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::Any(tests) => {
                tests.iter().map(Self::words).collect::<Option<Vec<_>>>().map(|all| all.concat())
            }
            Self::All(tests) => tests.iter().filter_map(Self::words).min_by_key(Vec::len),
            Self::Field { key, matchers, .. } => match key {
                FieldKey::Named(_) | FieldKey::Position(_) | FieldKey::Unnamed | FieldKey::BinaryText => {
                    matchers.iter().map(Matcher::word).collect()
                }
                _ => None,
            },
            Self::Not(_) | Self::Keyword(_) => None,
        }
    }

    /// What is left of the test for records of one event: what provider and id decide is decided.
    pub(super) fn specialized(&self, event: &Head<'_>) -> Remnant<'_> {
        let id = event.event_id.to_string();
        let names = [event.provider, event.event_source];
        let has_source = !event.event_source.is_empty();
        let known = Known {
            providers: names.get(usize::from(event.provider.is_empty())..1 + usize::from(has_source)),
            sources: names.get(1..1 + usize::from(has_source)),
            id: &[&id],
        };
        self.reduced(&known)
    }

    /// The test with its tests of known parts decided.
    fn reduced(&self, known: &Known<'_>) -> Remnant<'_> {
        match self {
            Self::All(tests) => self.joined(tests, false, known),
            Self::Any(tests) => self.joined(tests, true, known),
            Self::Not(test) => match test.reduced(known) {
                Remnant::Decided(is_true) => Remnant::Decided(!is_true),
                Remnant::Open(Cow::Borrowed(_)) => Remnant::Open(Cow::Borrowed(self)),
                Remnant::Open(Cow::Owned(test)) => Remnant::Open(Cow::Owned(Self::Not(Box::new(test)))),
            },
            Self::Field { key, matchers, needs_all } => match known.values(key) {
                Some(values) if !matchers.iter().any(Matcher::looks_elsewhere) => {
                    Remnant::Decided(decide(matchers, *needs_all, values))
                }
                _ => Remnant::Open(Cow::Borrowed(self)),
            },
            Self::Keyword(_) => Remnant::Open(Cow::Borrowed(self)),
        }
    }

    /// What is left of a list that one test with the outcome `decisive` decides.
    fn joined<'t>(&'t self, tests: &'t [Self], decisive: bool, known: &Known<'_>) -> Remnant<'t> {
        let mut open: Vec<Cow<'t, Self>> = Vec::new();
        for test in tests {
            match test.reduced(known) {
                Remnant::Decided(outcome) if outcome == decisive => return Remnant::Decided(decisive),
                Remnant::Decided(_) => {}
                Remnant::Open(test) => open.push(test),
            }
        }
        if open.is_empty() {
            return Remnant::Decided(!decisive);
        }
        if open.len() == tests.len() && open.iter().all(|test| matches!(test, Cow::Borrowed(_))) {
            return Remnant::Open(Cow::Borrowed(self));
        }
        let open: Arc<[Self]> = open.into_iter().map(Cow::into_owned).collect();
        Remnant::Open(Cow::Owned(if decisive { Self::Any(open) } else { Self::All(open) }))
    }

    /// Appends what tells the test apart from others.
    pub(super) fn spell(&self, out: &mut String) {
        let (open, list) = match self {
            Self::Any(tests) => ('|', &**tests),
            Self::All(tests) => ('&', &**tests),
            Self::Not(test) => ('!', std::slice::from_ref(&**test)),
            Self::Field { key, matchers, needs_all } => {
                out.push('(');
                match key {
                    FieldKey::Named(name) => out.extend(["\0", name]),
                    // Writing to a string cannot fail.
                    part => drop(write!(out, "{part:?}")),
                }
                out.push(if *needs_all { '&' } else { '|' });
                matchers.iter().for_each(|matcher| matcher.spell(out));
                return out.push(')');
            }
            Self::Keyword(matcher) => {
                out.push('k');
                return matcher.spell(out);
            }
        };
        out.push(open);
        out.push('(');
        list.iter().for_each(|test| test.spell(out));
        out.push(')');
    }

    /// Whether a record passes.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.matches(subject)),
            Self::All(tests) => tests.iter().all(|test| test.matches(subject)),
            Self::Not(test) => !test.matches(subject),
            Self::Field { key, matchers, needs_all, .. } => {
                let mut matchers = matchers.iter();
                if *needs_all {
                    matchers.all(|matcher| matcher.matches(subject, key))
                } else {
                    matchers.any(|matcher| matcher.matches(subject, key))
                }
            }
            Self::Keyword(matcher) => subject.any_text(&mut |text| matcher.matches_text(text)),
        }
    }
}

/// What is left of a test.
pub(super) enum Remnant<'t> {
    /// Nothing: it is true, or false, for every record.
    Decided(bool),
    /// What the record decides.
    Open(Cow<'t, Test>),
}

/// The values of the parts that all records of an event share.
struct Known<'v> {
    providers: Option<&'v [&'v str]>,
    sources: Option<&'v [&'v str]>,
    id: &'v [&'v str],
}

impl<'v> Known<'v> {
    fn values(&self, key: &FieldKey) -> Option<&'v [&'v str]> {
        match key {
            FieldKey::Provider => self.providers,
            FieldKey::EventSource => self.sources,
            FieldKey::EventId => Some(self.id),
            _ => None,
        }
    }
}

/// Whether the values of a part pass one of the matchers, or all of them.
pub(super) fn decide(matchers: &[Matcher], needs_all: bool, values: &[&str]) -> bool {
    let mut matchers = matchers.iter();
    if needs_all {
        matchers.all(|matcher| matcher.matches_values(values))
    } else {
        matchers.any(|matcher| matcher.matches_values(values))
    }
}
