//! Where a template keeps each field of `System`, found once per template and read once per record.
//!
//! A field is a literal of the template, a slot of the instance, or absent. Templates whose `System` has any other
//! shape have no [`Plan`]; their records are decoded as a whole.

mod kept;

pub(super) use self::kept::Words;
use super::binxml::{NO_DEPENDENCY, Slot, Step, is_named, is_plain_name};
use super::value::{self, Integer};
use super::{Time, Unknown};

/// The fields of `System`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Provider,
    ProviderGuid,
    EventSource,
    EventId,
    Qualifiers,
    Version,
    Level,
    Task,
    Opcode,
    Keywords,
    Time,
    RecordId,
    Activity,
    RelatedActivity,
    Process,
    Thread,
    Channel,
    Computer,
    User,
}

/// Element, attribute (none for the element's text), field.
const ITEMS: [(&str, &str, Item); 19] = [
    ("Provider", "Name", Item::Provider),
    ("Provider", "Guid", Item::ProviderGuid),
    ("Provider", "EventSourceName", Item::EventSource),
    ("EventID", "", Item::EventId),
    ("EventID", "Qualifiers", Item::Qualifiers),
    ("Version", "", Item::Version),
    ("Level", "", Item::Level),
    ("Task", "", Item::Task),
    ("Opcode", "", Item::Opcode),
    ("Keywords", "", Item::Keywords),
    ("TimeCreated", "SystemTime", Item::Time),
    ("EventRecordID", "", Item::RecordId),
    ("Correlation", "ActivityID", Item::Activity),
    ("Correlation", "RelatedActivityID", Item::RelatedActivity),
    ("Execution", "ProcessID", Item::Process),
    ("Execution", "ThreadID", Item::Thread),
    ("Channel", "", Item::Channel),
    ("Computer", "", Item::Computer),
    ("Security", "UserID", Item::User),
];

#[derive(Debug, Clone, Copy, Default)]
enum Source {
    #[default]
    Absent,
    Literal {
        start: usize,
        len: usize,
    },
    Slot {
        id: u16,
        dependency: u16,
    },
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    sources: [Source; ITEMS.len()],
    /// The steps of `System`.
    pub(super) first: usize,
    pub(super) behind: usize,
}

impl Plan {
    /// Finds `System` in the steps of an `Event`; `None` for shapes that must be decoded as a whole.
    pub(super) fn new(chunk: &[u8], steps: &[Step], words: &mut Words) -> Option<Self> {
        let (Step::Open { name, .. }, rest) = steps.split_first()? else { return None };
        if words.of(chunk, *name) != "Event" {
            return None;
        }
        let mut at = 1;
        let mut inside = rest.iter();
        // The attributes of `Event`.
        while let Some(Step::Attribute { values, .. }) = inside.clone().next() {
            inside.by_ref().take(values + 1).for_each(drop);
            at += values + 1;
        }
        let Some(Step::Open { name, dependency: NO_DEPENDENCY, next, .. }) = steps.get(at) else {
            return None;
        };
        if words.of(chunk, *name) != "System" || has_second_system(chunk, steps, *next) {
            return None;
        }
        let own = steps.get(at..*next)?;
        if let Some(plan) = words.alike(own, at) {
            return Some(plan);
        }
        let mut plan = Self { sources: [Source::Absent; ITEMS.len()], first: at, behind: *next };
        let mut child = at + 1;
        while child + 1 < plan.behind {
            child = plan.element((chunk, words), steps, child)?;
        }
        words.keep(own, &plan);
        Some(plan)
    }

    /// Takes one element of `System` and says where the next begins.
    fn element(&mut self, (chunk, words): (&[u8], &mut Words), steps: &[Step], at: usize) -> Option<usize> {
        let Some(Step::Open { name, dependency, next, .. }) = steps.get(at) else { return None };
        let mut inside = steps.get(at + 1..next.checked_sub(1)?)?;
        let word = words.of(chunk, *name);
        let Some(first) = ITEMS.iter().position(|(element, ..)| *element == word) else {
            return Self::stranger(chunk, steps, at, *next);
        };
        while let Some((Step::Attribute { name: key, values }, rest)) = inside.split_first() {
            let (value, behind) = rest.split_at_checked(*values)?;
            inside = behind;
            match words.of(chunk, *key) {
                "" if is_plain_name(chunk, *key) => {}
                "" => return None,
                word => self.item((first, word), *dependency, value)?,
            }
        }
        if inside.iter().any(|step| matches!(step, Step::Open { .. } | Step::Instance { .. })) {
            return None;
        }
        self.item((first, ""), *dependency, inside)?;
        Some(*next)
    }

    /// Passes over an element that is not known, unless its names are such that XML might tell otherwise.
    fn stranger(chunk: &[u8], steps: &[Step], at: usize, next: usize) -> Option<usize> {
        let is_plain = |step: &Step| match step {
            Step::Open { name, .. } | Step::Attribute { name, .. } => is_plain_name(chunk, *name),
            _ => true,
        };
        steps.get(at..next)?.iter().all(is_plain).then_some(next)
    }

    /// Takes an attribute, or with an empty name the text, of the element that [`ITEMS`] has at `first`.
    fn item(&mut self, (first, name): (usize, &str), dependency: u16, value: &[Step]) -> Option<()> {
        let element = ITEMS.get(first)?.0;
        let mut own = ITEMS.iter().skip(first).take_while(|(own, ..)| *own == element);
        let known = own.position(|(_, attribute, _)| *attribute == name);
        let Some(source) = known.and_then(|index| self.sources.get_mut(first + index)) else {
            return Some(());
        };
        if !matches!(source, Source::Absent) {
            return None;
        }
        *source = match value {
            [] => Source::Absent,
            [Step::Literal { kind: value::STRING, start, len }] if dependency == NO_DEPENDENCY => {
                Source::Literal { start: *start, len: *len }
            }
            [Step::Slot { id }] => Source::Slot { id: *id, dependency },
            _ => return None,
        };
        Some(())
    }

    /// Whether the field is the same in all records of the template.
    pub(super) fn is_constant(&self, item: Item) -> bool {
        !matches!(self.sources.get(item as usize), Some(Source::Slot { .. }))
    }

    /// The value that holds the field in instances with values of these types, none when it is absent; `None` when the
    /// template has the field itself.
    pub(super) fn slot(&self, item: Item, slots: &[Slot]) -> Option<Option<u16>> {
        match self.sources.get(item as usize) {
            None | Some(Source::Absent) => Some(None),
            Some(Source::Literal { .. }) => None,
            Some(Source::Slot { id, dependency }) => {
                let depends = slots.get(usize::from(*dependency));
                Some(depends.is_none_or(|slot| slot.kind != value::NULL).then_some(*id))
            }
        }
    }

    /// The field's type and bytes in one record; `Ok(None)` when it is absent or shows nothing.
    fn raw<'c>(&self, item: Item, chunk: &'c [u8], slots: &[Slot]) -> Result<Option<Raw<'c>>, Unknown> {
        let (kind, start, len) = match self.sources.get(item as usize) {
            None | Some(Source::Absent) => return Ok(None),
            Some(Source::Literal { start, len }) => (value::STRING, *start, *len),
            Some(Source::Slot { id, dependency }) => {
                let Some(slot) = slots.get(usize::from(*id)) else { return Ok(None) };
                let depends = slots.get(usize::from(*dependency));
                if depends.is_some_and(|slot| slot.kind == value::NULL) {
                    return Ok(None);
                }
                (slot.kind, slot.start, slot.len)
            }
        };
        let bytes = chunk.get(start..start + len).ok_or(Unknown)?;
        if value::is_empty(kind, bytes) {
            return Ok(None);
        }
        if kind == value::FRAGMENT || value::array_len(kind, bytes).is_some() {
            return Err(Unknown);
        }
        Ok(Some(Raw { kind, bytes }))
    }
}

/// True when another child of `Event` is, or might be, a `System` too.
fn has_second_system(chunk: &[u8], steps: &[Step], mut at: usize) -> bool {
    while let Some(step) = steps.get(at) {
        match step {
            Step::Open { name, next, .. } => {
                if is_named(chunk, *name, "System") || !is_plain_name(chunk, *name) {
                    return true;
                }
                at = *next;
            }
            _ => at += 1,
        }
    }
    false
}

/// A field as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'c> {
    pub(super) kind: u8,
    pub(super) bytes: &'c [u8],
}

impl Raw<'_> {
    /// The value's text, as an attribute has it (white space is blanks) or as an element has it.
    pub(super) fn text(&self, is_attribute: bool) -> Result<String, Unknown> {
        let mut text = String::new();
        value::push(&mut text, self.kind, self.bytes).ok_or(Unknown)?;
        if is_attribute {
            normalize(&mut text);
        }
        Ok(text)
    }
}

/// What XML does to the white space of an attribute's value.
pub(super) fn normalize(text: &mut String) {
    if text.bytes().any(|byte| matches!(byte, b'\t' | b'\r' | b'\n')) {
        *text = text.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
    }
}

/// The numbers of a record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) event_id: u32,
    pub(super) qualifiers: Option<u16>,
    pub(super) level: u8,
    pub(super) version: u8,
    pub(super) record_id: u64,
    pub(super) time: Time,
}

/// The fields of `System` of one record.
#[derive(Clone, Copy)]
pub(super) struct System<'c, 'p> {
    pub(super) chunk: &'c [u8],
    pub(super) plan: &'p Plan,
    pub(super) slots: &'p [Slot],
}

impl<'c> System<'c, '_> {
    /// The numbers of the head; a record id of zero is `number`.
    pub(super) fn numbers(&self, number: u64) -> Result<Numbers, Unknown> {
        let record_id = match self.element(Item::RecordId)? {
            0 => number,
            id => id,
        };
        Ok(Numbers {
            event_id: self.element(Item::EventId)?,
            qualifiers: self.attribute(Item::Qualifiers)?,
            level: self.element(Item::Level)?,
            version: self.element(Item::Version)?,
            record_id,
            time: self.time()?,
        })
    }

    pub(super) fn raw(&self, item: Item) -> Result<Option<Raw<'c>>, Unknown> {
        self.plan.raw(item, self.chunk, self.slots)
    }

    /// The number in an attribute; `None` when there is none or when it is too large.
    pub(super) fn attribute<T: TryFrom<u64>>(&self, item: Item) -> Result<Option<T>, Unknown> {
        let Some(raw) = self.raw(item)? else { return Ok(None) };
        let number = match value::integer(raw.kind, raw.bytes) {
            Some(Integer::Unsigned(number)) => Some(number),
            Some(Integer::Signed(number)) => u64::try_from(number).ok(),
            None => raw.text(true)?.parse().ok(),
        };
        Ok(number.and_then(|number| T::try_from(number).ok()))
    }

    /// The number in an element; zero when there is none or when it is too large.
    pub(super) fn element<T: TryFrom<u64> + Default>(&self, item: Item) -> Result<T, Unknown> {
        let Some(raw) = self.raw(item)? else { return Ok(T::default()) };
        let number = match value::integer(raw.kind, raw.bytes) {
            Some(Integer::Unsigned(number)) => Some(number),
            Some(Integer::Signed(number)) => u64::try_from(number).ok(),
            None => raw.text(false)?.trim().parse().ok(),
        };
        Ok(number.and_then(|number| T::try_from(number).ok()).unwrap_or_default())
    }

    pub(super) fn time(&self) -> Result<Time, Unknown> {
        match self.raw(Item::Time)? {
            None => Ok(Time::default()),
            Some(raw) if raw.kind == value::FILETIME => value::filetime(raw.bytes).ok_or(Unknown),
            Some(raw) => Ok(Time::parse(&raw.text(true)?).unwrap_or_default()),
        }
    }

    pub(super) fn keywords(&self) -> Result<u64, Unknown> {
        match self.raw(Item::Keywords)? {
            None => Ok(0),
            Some(raw) if raw.kind == value::HEX64 => super::bytes::u64_at(raw.bytes, 0).ok_or(Unknown),
            Some(raw) => Ok(super::builder::keywords_of(&raw.text(false)?)),
        }
    }

    pub(super) fn text(&self, item: Item) -> Result<Option<Box<str>>, Unknown> {
        Ok(self.raw(item)?.map(|raw| raw.text(true)).transpose()?.map(String::into_boxed_str))
    }
}
