//! How records of one event are matched: what provider and id decide is decided once, and of the rest each part of a
//! record is looked at once.
//!
//! The values that tests look at repeat from record to record (the same status, the same logon type). What the tests
//! of one part say of a value is its class; the outcome of a combination of classes is kept, so that a flood of alike
//! records costs one look-up for each part. Parts are looked at as the log stores them; a record is only decoded
//! when a test asks for more: for its sentence, or for any value.

mod part;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::part::{Part, Place, Stored};
use super::detection::{Remnant, Test};
use super::field::{FieldKey, Subject};
use super::index::AtomId;
use super::matcher::Matcher;
use super::set::RuleSet;
use crate::evtx::{Data, Head, RawValue, Record};
use crate::text::Texts;

/// Values of one part that are kept, and nodes.
const MAX_KEPT: usize = 2048;
/// Longest key of all values, in bytes.
const MAX_WHOLE: usize = 8192;
/// Bytes of all such keys of one event.
const MAX_WHOLE_SIZE: usize = 1 << 20;

/// How records of one event are matched.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Atoms that every such record matches.
    sure: Vec<AtomId>,
    /// Atoms that depend on the record.
    open: Vec<(AtomId, Expression)>,
    parts: Vec<Part>,
    /// The first one is where each record begins.
    nodes: Vec<Node>,
    /// Lists of atoms by their number.
    lists: Vec<Arc<[AtomId]>>,
    numbers: FxHashMap<Arc<[AtomId]>, u32>,
    /// Where the parts stand in a layout of data.
    places: (u64, Vec<Place>),
    key: Vec<u8>,
    /// Lists of atoms by all that a record says, where tests look at its sentence or at any value.
    whole: FxHashMap<Key, u32>,
    /// Bytes of the keys in `whole`.
    whole_size: usize,
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

/// What is known when some parts have been looked at.
#[derive(Debug)]
enum Node {
    /// It takes one more part.
    Look {
        part: usize,
        /// Nodes by the part's class.
        next: FxHashMap<u16, usize>,
        /// The classes of the parts before.
        classes: Box<[Option<u16>]>,
    },
    Done(Outcome),
}

/// What the classes of parts come to.
#[derive(Debug, Clone, Default)]
struct Outcome {
    /// The atoms that are met.
    met: u32,
    /// Atoms that only the decoded record decides.
    later: Arc<[AtomId]>,
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
                    self.parts.push(Part::new(key.clone()));
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
    pub(crate) fn outlook(&mut self, head: &Head<'_>, data: &mut Data<'_, '_>) -> Outlook {
        let Some(outcome) = self.look(head, data) else { return Outlook::Open(None) };
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

    /// What the parts of a record come to as they are stored; `None` when that takes the decoded record.
    fn look(&mut self, head: &Head<'_>, data: &mut Data<'_, '_>) -> Option<&Outcome> {
        if self.parts.is_empty() {
            return self.walk(|_, _| None);
        }
        let fields = data.fields()?;
        let mut places = std::mem::take(&mut self.places);
        if places.0 != fields.layout {
            let found = self.parts.iter().map(|part| part::place(&part.key, fields.names)).collect();
            places = (fields.layout, found);
        }
        let reached = self.reach(|at, part| {
            let value = places.1.get(at)?.value(&part.key, head, &fields)?;
            part.class(&value)
        });
        self.places = places;
        self.done(reached?)
    }

    fn walk(&mut self, class: impl FnMut(usize, &mut Part) -> Option<u16>) -> Option<&Outcome> {
        let reached = self.reach(class)?;
        self.done(reached)
    }

    fn done(&self, node: usize) -> Option<&Outcome> {
        match self.nodes.get(node)? {
            Node::Done(outcome) => Some(outcome),
            Node::Look { .. } => None,
        }
    }

    /// Looks at one part after the other until nothing is open that parts decide; which one is next depends on what
    /// those before have said. `None` when a part has no class.
    fn reach(&mut self, mut class: impl FnMut(usize, &mut Part) -> Option<u16>) -> Option<usize> {
        if self.nodes.is_empty() {
            let root = self.node(vec![None; self.parts.len()].into());
            self.nodes.push(root);
        }
        let mut at = 0;
        while let Node::Look { part, next, .. } = self.nodes.get(at)? {
            let part = *part;
            let class = class(part, self.parts.get_mut(part)?)?;
            at = match next.get(&class) {
                Some(known) => *known,
                None => self.grow(at, part, class)?,
            };
        }
        Some(at)
    }

    /// Adds the node behind a node for a class of its part.
    fn grow(&mut self, at: usize, part: usize, class: u16) -> Option<usize> {
        let Node::Look { classes, .. } = self.nodes.get(at)? else { return None };
        let mut classes = classes.clone();
        *classes.get_mut(part)? = Some(class);
        let node = self.node(classes);
        if self.nodes.len() >= MAX_KEPT {
            self.nodes.clear();
            let root = self.node(vec![None; self.parts.len()].into());
            self.nodes.extend([root, node]);
            return Some(1);
        }
        let behind = self.nodes.len();
        self.nodes.push(node);
        if let Some(Node::Look { next, .. }) = self.nodes.get_mut(at) {
            next.insert(class, behind);
        }
        Some(behind)
    }

    /// What is known of records whose parts have these classes.
    fn node(&mut self, classes: Box<[Option<u16>]>) -> Node {
        let (mut met, mut later) = (self.sure.clone(), Vec::new());
        let mut wanted = vec![0_usize; self.parts.len()];
        for (id, expression) in &self.open {
            match expression.decide(&self.parts, &classes) {
                Some(true) => met.push(*id),
                Some(false) => {}
                None => {
                    later.push(*id);
                    expression.wants(&self.parts, &classes, &mut wanted);
                }
            }
        }
        let most = wanted.iter().copied().max().unwrap_or_default();
        match wanted.iter().position(|count| *count == most && most > 0) {
            Some(part) => Node::Look { part, next: FxHashMap::default(), classes },
            None => {
                met.sort_unstable();
                Node::Done(Outcome { met: self.number(met), later: later.into() })
            }
        }
    }

    /// All that a record says; `None` when that is too long to be kept, or when records that say the same may read
    /// differently. [`Plan::outlook`] has looked at the same record.
    pub(crate) fn key(&mut self, head: &Head<'_>, data: &mut Data<'_, '_>) -> Option<&[u8]> {
        if self.is_open {
            return None;
        }
        let fields = data.fields()?;
        self.key.clear();
        self.key.extend([fields.version, u8::from(head.qualifiers.is_some()), head.level]);
        self.key.extend(head.qualifiers.unwrap_or_default().to_le_bytes());
        for part in &self.parts {
            match part.key {
                FieldKey::Channel => self.key.extend_from_slice(head.channel.as_bytes()),
                FieldKey::Computer => self.key.extend_from_slice(head.computer.as_bytes()),
                FieldKey::RecordId => self.key.extend(head.record_id.to_le_bytes()),
                _ => continue,
            }
            // In no text.
            self.key.push(u8::MAX);
        }
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
        let outcome = self.walk(|_, part| {
            let text = subject.value(&part.key);
            part.class(&text.as_deref().map_or(Stored::Absent, Stored::Text))
        });
        let outcome = outcome.cloned().unwrap_or_else(|| {
            // Values of very many classes: each record is looked at by itself.
            let later = self.open.iter().map(|(id, _)| *id).collect();
            Outcome { met: self.number(self.sure.clone()), later }
        });
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
            if self.whole_size >= MAX_WHOLE_SIZE {
                self.whole.clear();
                self.whole_size = 0;
            }
            self.whole_size += key.len();
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
}

impl Expression {
    /// Whether it is true for records with these classes; `None` when that depends on more.
    fn decide(&self, parts: &[Part], classes: &[Option<u16>]) -> Option<bool> {
        match self {
            Self::Part { part, test } => parts.get(*part)?.says(*test, (*classes.get(*part)?)?),
            Self::Not(inner) => inner.decide(parts, classes).map(|is_true| !is_true),
            Self::All(list) => together(list.iter().map(|item| item.decide(parts, classes)), false),
            Self::Any(list) => together(list.iter().map(|item| item.decide(parts, classes)), true),
            Self::Later => None,
        }
    }

    /// Counts the parts that may decide it.
    fn wants(&self, parts: &[Part], classes: &[Option<u16>], wanted: &mut [usize]) {
        match self {
            Self::Part { part, .. } if classes.get(*part).is_some_and(Option::is_none) => {
                if let Some(count) = wanted.get_mut(*part) {
                    *count += 1;
                }
            }
            Self::Part { .. } | Self::Later => {}
            Self::Not(inner) => inner.wants(parts, classes, wanted),
            Self::All(list) | Self::Any(list) => {
                let open = list.iter().filter(|item| item.decide(parts, classes).is_none());
                open.for_each(|item| item.wants(parts, classes, wanted));
            }
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
