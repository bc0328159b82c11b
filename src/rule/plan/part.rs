//! One part of a record as the log stores it, and what the tests of it say of its values.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::detection::decide;
use super::super::field::{self, FieldKey};
use super::super::matcher::Matcher;
use super::MAX_KEPT;
use crate::evtx::{Fields, Head, RawValue};

/// Classes of one part; real rules have a few.
const MAX_CLASSES: usize = 1024;
/// Longest value that is kept, in bytes.
const MAX_KEY: usize = 768;

/// A part of the record with all tests of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: FieldKey,
    /// Matchers, and whether all must pass.
    pub(super) tests: Vec<(Arc<[Matcher]>, bool)>,
    /// Classes of values as they are stored, by type.
    known: Vec<(u8, Classes)>,
    /// The value that was looked up last.
    last: Option<Last>,
    /// What the tests say of each class.
    classes: Vec<Box<[bool]>>,
}

/// Classes of values by their bytes.
type Classes = FxHashMap<Box<[u8]>, u16>;

#[derive(Debug)]
struct Last {
    kind: u8,
    bytes: Vec<u8>,
    class: u16,
}

/// Where a part's value stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
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
pub(super) enum Stored<'d> {
    Raw(RawValue<'d>),
    Binary(&'d [u8]),
    Text(&'d str),
    Number(u64),
    Absent,
}

impl Part {
    /// A part without tests.
    pub(super) fn new(key: FieldKey) -> Self {
        Self { key, tests: Vec::new(), known: Vec::new(), last: None, classes: Vec::new() }
    }

    /// What a test says of values of a class.
    pub(super) fn says(&self, test: usize, class: u16) -> Option<bool> {
        self.classes.get(usize::from(class))?.get(test).copied()
    }

    /// The class of a value; `None` when only the decoded record has its text, or when there are too many classes.
    pub(super) fn class(&mut self, value: &Stored<'_>) -> Option<u16> {
        // Types of values end at 0x95.
        let number;
        let (kind, bytes): (u8, &[u8]) = match value {
            Stored::Raw(value) => (value.kind, value.bytes),
            Stored::Binary(bytes) => (0xfc, bytes),
            Stored::Text(text) => (0xfd, text.as_bytes()),
            Stored::Number(value) => {
                number = value.to_le_bytes();
                (0xfe, &number)
            }
            Stored::Absent => (0xff, &[]),
        };
        if let Some(last) = self.last.as_ref().filter(|last| last.kind == kind && last.bytes == bytes) {
            return Some(last.class);
        }
        let known = self.known.iter().find(|(own, _)| *own == kind);
        if let Some(&class) = known.and_then(|(_, known)| known.get(bytes)) {
            let last = self.last.get_or_insert_with(|| Last { kind, bytes: Vec::new(), class });
            (last.kind, last.class) = (kind, class);
            last.bytes.clear();
            last.bytes.extend_from_slice(bytes);
            return Some(class);
        }
        let text = match value {
            Stored::Raw(value) => Some(value.text()?),
            Stored::Binary(bytes) => field::of_binary(&self.key, bytes),
            Stored::Text(text) => Some((*text).to_owned()),
            Stored::Number(number) => Some(number.to_string()),
            Stored::Absent => None,
        };
        let class = self.class_of(text.as_deref())?;
        if bytes.len() <= MAX_KEY {
            self.keep(kind, bytes, class);
        }
        Some(class)
    }

    fn keep(&mut self, kind: u8, bytes: &[u8], class: u16) {
        if self.known.iter().map(|(_, known)| known.len()).sum::<usize>() >= MAX_KEPT {
            self.known.clear();
        }
        match self.known.iter_mut().find(|(own, _)| *own == kind) {
            Some((_, known)) => drop(known.insert(bytes.into(), class)),
            None => self.known.push((kind, FxHashMap::from_iter([(bytes.into(), class)]))),
        }
    }

    /// The class of a text.
    fn class_of(&mut self, text: Option<&str>) -> Option<u16> {
        let values: Vec<&str> = text.into_iter().collect();
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
        u16::try_from(class).ok()
    }
}

impl Place {
    /// The value here; `None` when it takes the decoded record.
    pub(super) fn value<'d>(
        self,
        key: &FieldKey,
        head: &Head<'d>,
        fields: &Fields<'d>,
    ) -> Option<Stored<'d>> {
        Some(match self {
            Self::Element(index) => {
                let guess = fields.values.get(index).filter(|field| field.element == index);
                let found = guess.or_else(|| fields.values.iter().find(|field| field.element == index));
                found.map_or(Stored::Absent, |field| Stored::Raw(field.value))
            }
            Self::Position(number) => {
                let field = number.checked_sub(1).and_then(|index| fields.values.get(index));
                field.map_or(Stored::Absent, |field| Stored::Raw(field.value))
            }
            Self::Binary => fields.binary.map_or(Stored::Absent, Stored::Binary),
            Self::Head => of_head(head, key),
            Self::Absent => Stored::Absent,
            Self::Hidden => return None,
        })
    }
}

/// Where a part stands among the elements with these names.
pub(super) fn place(key: &FieldKey, names: &[Option<Arc<str>>]) -> Place {
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
fn of_head<'d>(head: &Head<'d>, key: &FieldKey) -> Stored<'d> {
    let some = |text: &'d str| if text.is_empty() { Stored::Absent } else { Stored::Text(text) };
    match key {
        FieldKey::Qualifiers => {
            head.qualifiers.map_or(Stored::Absent, |value| Stored::Number(u64::from(value)))
        }
        FieldKey::Channel => some(head.channel),
        FieldKey::Computer => some(head.computer),
        FieldKey::Level => Stored::Number(u64::from(head.level)),
        FieldKey::RecordId => Stored::Number(head.record_id),
        _ => Stored::Absent,
    }
}
