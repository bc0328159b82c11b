//! The few strings that the records of a chunk repeat: each is converted once and shared.

use std::sync::Arc;

use super::Unknown;
use super::system::Raw;

/// Most strings that are kept; forwarded events of a large site have a few dozen computers, and a chunk has room for
/// some hundred records. Records with more strings are left to the crate.
const MAX_KEPT: usize = 1024;

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
        self.place_with(raw, |raw| raw.text(is_attribute))
    }

    /// The place of a value's text in lower case.
    pub(super) fn place_lower(&mut self, raw: Option<Raw<'c>>) -> Result<usize, Unknown> {
        self.place_with(raw, |raw| Ok(raw.text(true)?.to_ascii_lowercase()))
    }

    fn place_with(
        &mut self,
        raw: Option<Raw<'c>>,
        text: impl Fn(Raw<'c>) -> Result<String, Unknown>,
    ) -> Result<usize, Unknown> {
        let Some(wanted) = raw else { return Ok(0) };
        if self.kept.get(self.last).is_some_and(|(known, _)| *known == raw) {
            return Ok(self.last);
        }
        if let Some(place) = self.kept.iter().position(|(known, _)| *known == raw) {
            self.last = place;
            return Ok(place);
        }
        let text: Arc<str> = Arc::from(text(wanted)?);
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
