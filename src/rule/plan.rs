//! How records of one event are matched: what provider and id decide is decided once, and of the rest each part of a
//! record is looked at once.
//!
//! The values that tests look at repeat from record to record (the same status, the same logon type). What the tests
//! of one part say of a value is its class; the outcome of a combination of classes is kept, so that a flood of alike
//! records costs one look-up for each part. Parts are looked at as the log stores them; a record is only decoded
//! when a test asks for more: for its sentence, or for any value.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::detection::{Remnant, Test, decide};
use super::field::{self, FieldKey, Subject};
use super::index::AtomId;
use super::matcher::Matcher;
use super::set::RuleSet;
use crate::evtx::{Data, Head, RawValue, Record};
use crate::text::Texts;

/// Values of one part that are kept, and combinations of classes.
const MAX_KEPT: usize = 2048;
/// Classes of one part; real rules have a few.
const MAX_CLASSES: usize = 1024;
/// Longest value that is kept, and longest key of all values, in bytes.
const MAX_KEY: usize = 768;
const MAX_WHOLE: usize = 1024;

/// How records of one event are matched.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Atoms that every such record matches.
    sure: Vec<AtomId>,
    /// Atoms that depend on the record.
    open: Vec<(AtomId, Expression)>,
    parts: Vec<Part>,
    outcomes: FxHashMap<Box<[u16]>, Outcome>,
    /// Lists of atoms by their number.
    lists: Vec<Arc<[AtomId]>>,
    numbers: FxHashMap<Arc<[AtomId]>, u32>,
    /// Where the parts stand in a layout of data.
    places: (u64, Vec<Place>),
    classes: Vec<u16>,
    key: Vec<u8>,
    /// Lists of atoms by all that a record says, where tests look at its sentence or at any value.
    whole: FxHashMap<Key, u32>,
    /// Whether some test looks at what [`Key`] does not hold.
    is_open: bool,
}

/// All that a record says, as its bytes have it.
pub(crate) type Key = Box<[u8]>;

/// What is known of a record before it is decoded.
#[derive(Debug)]
pub(crate) enum Outlook {
    /// The number of the list of atoms that it matches.
    Known(u32),
    /// The decoded record decides; its list may be kept under the key, if there is one.
    Open(Option<Key>),
}

/// What a combination of classes comes to.
#[derive(Debug, Clone)]
struct Outcome {
    /// The atoms that are met.
    met: u32,
    /// Atoms that only the decoded record decides.
    later: Arc<[AtomId]>,
}

/// A part of the record with all tests of it.
#[derive(Debug)]
struct Part {
    key: FieldKey,
    /// Matchers, and whether all must pass.
    tests: Vec<(Arc<[Matcher]>, bool)>,
    /// Classes of values by the value as it is stored.
    known: FxHashMap<Box<[u8]>, u16>,
    /// What the tests say of each class.
    classes: Vec<Box<[bool]>>,
}

/// A test over the tests of parts.
#[derive(Debug)]
enum Expression {
    Part {
        part: usize,
        test: usize,
    },
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    /// Looks at more than one part.
    Later,
}

/// Where a part's value stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the element of the layout with this number.
    Element(usize),
    /// In the field with this number, counted from one.
    Position(usize),
    Binary,
    Head,
    Absent,
    /// It takes a decoded record.
    Hidden,
}

/// A value as it is stored: what it is kept by, and how to get its text.
enum Stored<'d> {
    Raw(RawValue<'d>),
    Bytes(&'d [u8]),
    Text(String),
    Absent,
}

impl Plan {
    /// The plan for records with this provider and event id.
    pub(crate) fn new(rules: &RuleSet, head: &Head<'_>, texts: &Texts) -> Self {
        let mut plan = Self { is_open: texts.has_texts_of_records(), ..Self::default() };
        for id in rules.candidates(head) {
            let Some(atom) = rules.atom_at(id) else { continue };
            if !atom.constraint.takes(head) {
                continue;
            }
            let test = match atom.test.specialized(head) {
                Remnant::Decided(false) => continue,
                Remnant::Decided(true) => None,
                Remnant::Open(test) => Some(test),
            };
            let channel = atom.constraint.channel_test();
            let tests = channel.as_ref().into_iter().chain(test.as_deref());
            let mut expressions: Vec<Expression> = tests.map(|test| plan.expression(test)).collect();
            match expressions.pop() {
                None => plan.sure.push(id),
                Some(only) if expressions.is_empty() => plan.open.push((id, only)),
                Some(last) => {
                    expressions.push(last);
                    plan.open.push((id, Expression::All(expressions)));
                }
            }
        }
        plan
    }

    /// Words of which a record must hold one for any rule to match; `None` when some rule needs to see each record.
    pub(crate) fn words(&self, rules: &RuleSet, head: &Head<'_>) -> Option<Vec<String>> {
        if !self.sure.is_empty() {
            return None;
        }
        let words = |(id, _): &(AtomId, Expression)| match rules.atom_at(*id)?.test.specialized(head) {
            Remnant::Open(test) => test.words(),
            Remnant::Decided(_) => None,
        };
        self.open.iter().map(words).collect::<Option<Vec<_>>>().map(|all| all.concat())
    }

    fn expression(&mut self, test: &Test) -> Expression {
        match test {
            Test::All(tests) => Expression::All(tests.iter().map(|test| self.expression(test)).collect()),
            Test::Any(tests) => Expression::Any(tests.iter().map(|test| self.expression(test)).collect()),
            Test::Not(test) => Expression::Not(Box::new(self.expression(test))),
            Test::Field { key: FieldKey::Message | FieldKey::Unnamed, .. } | Test::Keyword(_) => {
                Expression::Later
            }
            Test::Field { matchers, .. } if matchers.iter().any(Matcher::looks_elsewhere) => {
                Expression::Later
            }
            Test::Field { key, matchers, needs_all } => {
                let known = self.parts.iter().position(|part| part.key == *key);
                let part = known.unwrap_or_else(|| {
                    let (known, classes) = (FxHashMap::default(), Vec::new());
                    self.parts.push(Part { key: key.clone(), tests: Vec::new(), known, classes });
                    self.parts.len() - 1
                });
                let Some(tests) = self.parts.get_mut(part).map(|part| &mut part.tests) else {
                    return Expression::Later;
                };
                tests.push((Arc::clone(matchers), *needs_all));
                Expression::Part { part, test: tests.len() - 1 }
            }
        }
    }

    /// What a record matches, as far as its bytes tell.
    pub(crate) fn outlook(&mut self, head: &Head<'_>, data: &Data<'_>) -> Outlook {
        if self.classify(head, data).is_none() {
            return Outlook::Open(None);
        }
        let outcome = self.outcome();
        if outcome.later.is_empty() {
            return Outlook::Known(outcome.met);
        }
        if self.key(head, data).is_none() {
            return Outlook::Open(None);
        }
        match self.whole.get(self.key.as_slice()) {
            Some(known) => Outlook::Known(*known),
            None => Outlook::Open(Some(self.key.as_slice().into())),
        }
    }

    /// Finds the class of each part; `None` when that takes the decoded record.
    fn classify(&mut self, head: &Head<'_>, data: &Data<'_>) -> Option<()> {
        self.classes.clear();
        if self.parts.is_empty() {
            return Some(());
        }
        let fields = data.fields()?;
        if self.places.0 != fields.layout {
            let places = self.parts.iter().map(|part| place(&part.key, fields.names)).collect();
            self.places = (fields.layout, places);
        }
        for (part, place) in self.parts.iter_mut().zip(&self.places.1) {
            let value = match *place {
                Place::Element(index) => {
                    let guess = fields.values.get(index).filter(|field| field.element == index);
                    let found = guess.or_else(|| fields.values.iter().find(|field| field.element == index));
                    found.map_or(Stored::Absent, |field| Stored::Raw(field.value))
                }
                Place::Position(number) => {
                    let field = number.checked_sub(1).and_then(|index| fields.values.get(index));
                    field.map_or(Stored::Absent, |field| Stored::Raw(field.value))
                }
                Place::Binary => fields.binary.map_or(Stored::Absent, Stored::Bytes),
                Place::Head => of_head(head, &part.key).map_or(Stored::Absent, Stored::Text),
                Place::Absent => Stored::Absent,
                Place::Hidden => return None,
            };
            self.classes.push(part.class(&value, &mut self.key)?);
        }
        Some(())
    }

    /// All that a record says; `None` when that is too long to be kept, or when records that say the same may read
    /// differently. [`Plan::outlook`] has looked at the same record.
    pub(crate) fn key(&mut self, head: &Head<'_>, data: &Data<'_>) -> Option<&[u8]> {
        let fields = data.fields().filter(|_| !self.is_open)?;
        self.key.clear();
        self.key.extend([fields.version, u8::from(head.qualifiers.is_some()), head.level]);
        self.key.extend(head.qualifiers.unwrap_or_default().to_le_bytes());
        self.key.extend(self.classes.iter().flat_map(|class| class.to_le_bytes()));
        let binary = fields.binary.map(|bytes| RawValue { kind: u8::MAX, bytes });
        for value in fields.values.iter().map(|field| field.value).chain(binary) {
            self.key.push(value.kind);
            self.key.extend(value.bytes.len().to_le_bytes());
            self.key.extend_from_slice(value.bytes);
            if self.key.len() > MAX_WHOLE {
                return None;
            }
        }
        Some(&self.key)
    }

    /// The number of the list of atoms that a record matches.
    pub(crate) fn matched(
        &mut self,
        (rules, texts): (&RuleSet, &Texts),
        record: &Record,
        key: Option<Key>,
    ) -> u32 {
        let subject = Subject::new(record, texts);
        self.classes.clear();
        for part in &mut self.parts {
            let value = match subject.value(&part.key) {
                Some(text) => Stored::Text(text.into_owned()),
                None => Stored::Absent,
            };
            self.classes.extend(part.class(&value, &mut self.key));
        }
        let outcome = if self.classes.len() == self.parts.len() {
            self.outcome()
        } else {
            // Values of very many classes: each record is looked at by itself.
            let later = self.open.iter().map(|(id, _)| *id).collect();
            Outcome { met: self.number(self.sure.clone()), later }
        };
        if outcome.later.is_empty() {
            return outcome.met;
        }
        let mut atoms = self.atoms(outcome.met).to_vec();
        let holds = |id: &&AtomId| {
            let atom = rules.atom_at(**id);
            atom.is_some_and(|atom| atom.constraint.allows(record) && atom.test.matches(&subject))
        };
        atoms.extend(outcome.later.iter().filter(holds));
        atoms.sort_unstable();
        let number = self.number(atoms);
        if let Some(key) = key {
            if self.whole.len() >= MAX_KEPT {
                self.whole.clear();
            }
            self.whole.insert(key, number);
        }
        number
    }

    /// The list with a number, in ascending order.
    pub(crate) fn atoms(&self, number: u32) -> &[AtomId] {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.lists.get(number))
            .map(|list| &**list)
            .unwrap_or_default()
    }

    fn number(&mut self, atoms: Vec<AtomId>) -> u32 {
        if let Some(known) = self.numbers.get(&*atoms) {
            return *known;
        }
        let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let list: Arc<[AtomId]> = atoms.into();
        self.lists.push(Arc::clone(&list));
        self.numbers.insert(list, number);
        number
    }

    /// What the classes of the parts come to.
    fn outcome(&mut self) -> Outcome {
        if let Some(known) = self.outcomes.get(&*self.classes) {
            return known.clone();
        }
        let (mut met, mut later) = (self.sure.clone(), Vec::new());
        for (id, expression) in &self.open {
            match expression.decide(&self.parts, &self.classes) {
                Some(true) => met.push(*id),
                Some(false) => {}
                None => later.push(*id),
            }
        }
        met.sort_unstable();
        let outcome = Outcome { met: self.number(met), later: later.into() };
        if self.outcomes.len() >= MAX_KEPT {
            self.outcomes.clear();
        }
        self.outcomes.insert(self.classes.as_slice().into(), outcome.clone());
        outcome
    }
}

impl Part {
    /// The class of a value; `None` when only the decoded record has its text, or when there are too many classes.
    fn class(&mut self, value: &Stored<'_>, key: &mut Vec<u8>) -> Option<u16> {
        key.clear();
        match value {
            Stored::Raw(value) => {
                key.push(value.kind);
                key.extend_from_slice(value.bytes);
            }
            // Types of values end at 0x95.
            Stored::Bytes(bytes) => {
                key.push(0xfd);
                key.extend_from_slice(bytes);
            }
            Stored::Text(text) => {
                key.push(0xfe);
                key.extend_from_slice(text.as_bytes());
            }
            Stored::Absent => key.push(0xff),
        }
        if let Some(known) = self.known.get(key.as_slice()) {
            return Some(*known);
        }
        let text = match value {
            Stored::Raw(value) => Some(value.text()?),
            Stored::Bytes(bytes) => field::of_binary(&self.key, bytes),
            Stored::Text(text) => Some(text.clone()),
            Stored::Absent => None,
        };
        let values: Vec<&str> = text.as_deref().into_iter().collect();
        let said: Box<[bool]> =
            self.tests.iter().map(|(matchers, needs_all)| decide(matchers, *needs_all, &values)).collect();
        let class = match self.classes.iter().position(|known| *known == said) {
            Some(class) => class,
            None if self.classes.len() >= MAX_CLASSES => return None,
            None => {
                self.classes.push(said);
                self.classes.len() - 1
            }
        };
        let class = u16::try_from(class).ok()?;
        if key.len() <= MAX_KEY {
            if self.known.len() >= MAX_KEPT {
                self.known.clear();
            }
            self.known.insert(key.as_slice().into(), class);
        }
        Some(class)
    }
}

impl Expression {
    /// Whether it is true for records with these classes; `None` when that depends on more.
    fn decide(&self, parts: &[Part], classes: &[u16]) -> Option<bool> {
        match self {
            Self::Part { part, test } => {
                let class = usize::from(*classes.get(*part)?);
                parts.get(*part)?.classes.get(class)?.get(*test).copied()
            }
            Self::Not(inner) => inner.decide(parts, classes).map(|is_true| !is_true),
            Self::All(list) => together(list.iter().map(|item| item.decide(parts, classes)), false),
            Self::Any(list) => together(list.iter().map(|item| item.decide(parts, classes)), true),
            Self::Later => None,
        }
    }
}

/// The truth of a list that one item with the value `decisive` decides.
fn together(items: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut truth = Some(!decisive);
    for item in items {
        if item == Some(decisive) {
            return item;
        }
        truth = truth.and(item);
    }
    truth
}

/// Where a part stands among the elements with these names.
fn place(key: &FieldKey, names: &[Option<Arc<str>>]) -> Place {
    match key {
        FieldKey::Named(name) => {
            let is_it =
                |own: &Option<Arc<str>>| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
            let mut found = names.iter().enumerate().filter(|(_, own)| is_it(own));
            match (found.next(), found.next()) {
                (None, _) => Place::Absent,
                (Some((index, _)), None) => Place::Element(index),
                // The first one that a record has is meant.
                _ => Place::Hidden,
            }
        }
        FieldKey::Position(number) => Place::Position(*number),
        FieldKey::Binary | FieldKey::BinaryText | FieldKey::BinaryStatus => Place::Binary,
        FieldKey::Qualifiers
        | FieldKey::Channel
        | FieldKey::Computer
        | FieldKey::Level
        | FieldKey::RecordId => Place::Head,
        _ => Place::Hidden,
    }
}

/// The value of a part that the head of a record has.
fn of_head(head: &Head<'_>, key: &FieldKey) -> Option<String> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match key {
        FieldKey::Qualifiers => head.qualifiers.map(|value| value.to_string()),
        FieldKey::Channel => some(head.channel),
        FieldKey::Computer => some(head.computer),
        FieldKey::Level => Some(head.level.to_string()),
        FieldKey::RecordId => Some(head.record_id.to_string()),
        _ => None,
    }
}
