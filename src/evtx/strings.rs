//! The few strings that the records of a chunk repeat: each is converted once and shared.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Unknown;
use super::system::Raw;
use super::value;

/// Most strings that are kept; forwarded events of a large site have a few dozen computers, and a chunk has room for
/// some hundred records. Records with more strings are left to the crate.
const MAX_KEPT: usize = 1024;

/// Most names that a thread keeps, and longest ones in bytes.
const MAX_NAMES: usize = 4096;
const MAX_NAME: usize = 512;

/// Names by what they are used for and their bytes, from chunk to chunk.
type Names = FxHashMap<Box<[u8]>, Option<Arc<str>>>;

thread_local! {
    static NAMES: RefCell<[Names; 4]> = RefCell::default();
}

/// What a name in a log is used for, and so what becomes of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// An element's or attribute's own name.
    Name,
    /// The name of a field.
    Field,
    /// The text of an attribute.
    Attribute,
    /// The text of an element.
    Element,
}

/// The text of a name, made once per thread; `None` for a name that is none.
pub(super) fn named(of: Use, bytes: &[u8], make: impl FnOnce() -> Option<Arc<str>>) -> Option<Arc<str>> {
    NAMES.with_borrow_mut(|names| {
        let Some(names) = names.get_mut(of as usize) else { return make() };
        if let Some(known) = names.get(bytes) {
            return known.clone();
        }
        let name = make();
        if bytes.len() <= MAX_NAME {
            if names.len() >= MAX_NAMES {
                names.clear();
            }
            names.insert(bytes.into(), name.clone());
        }
        name
    })
}

/// A table of strings by their bytes in the chunk.
pub(super) struct Strings<'c> {
    kept: Vec<(Option<Raw<'c>>, Arc<str>)>,
    last: usize,
}

impl Default for Strings<'_> {
    fn default() -> Self {
        Self { kept: vec![(None, super::builder::nothing())], last: 0 }
    }
}

impl<'c> Strings<'c> {
    /// The place of a value's text; see [`Raw::text`].
    pub(super) fn place(&mut self, raw: Option<Raw<'c>>, is_attribute: bool) -> Result<usize, Unknown> {
        let of = if is_attribute { Use::Attribute } else { Use::Element };
        self.place_with(raw, |raw| {
            let text = || raw.text(is_attribute).ok().map(Arc::from);
            // Only strings are names.
            let is_name = raw.kind == value::STRING;
            (if is_name { named(of, raw.bytes, text) } else { text() }).ok_or(Unknown)
        })
    }

    /// The place of a value's text in lower case.
    pub(super) fn place_lower(&mut self, raw: Option<Raw<'c>>) -> Result<usize, Unknown> {
        self.place_with(raw, |raw| Ok(Arc::from(raw.text(true)?.to_ascii_lowercase())))
    }

    fn place_with(
        &mut self,
        raw: Option<Raw<'c>>,
        text: impl Fn(Raw<'c>) -> Result<Arc<str>, Unknown>,
    ) -> Result<usize, Unknown> {
        let Some(wanted) = raw else { return Ok(0) };
        if self.kept.get(self.last).is_some_and(|(known, _)| *known == raw) {
            return Ok(self.last);
        }
        if let Some(place) = self.kept.iter().position(|(known, _)| *known == raw) {
            self.last = place;
            return Ok(place);
        }
        let text = text(wanted)?;
        if self.kept.len() >= MAX_KEPT {
            return Err(Unknown);
        }
        self.kept.push((raw, text));
        self.last = self.kept.len() - 1;
        Ok(self.last)
    }

    pub(super) fn get(&self, place: usize) -> &str {
        self.kept.get(place).map_or("", |(_, text)| text)
    }

    pub(super) fn share(&self, place: usize) -> Arc<str> {
        self.kept.get(place).map_or_else(super::builder::nothing, |(_, text)| Arc::clone(text))
    }
}
