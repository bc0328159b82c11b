//! The data of a record as its bytes have it: what decides whether the record is worth decoding.

use std::fmt;
use std::sync::Arc;

use super::decode::Decoder;
use super::value;
use crate::input;

/// The data of one record before it is decoded.
pub struct Data<'d, 'c> {
    bytes: &'d [u8],
    decoder: &'d mut Decoder<'c>,
    /// Whether the decoder has found the values, once it was asked.
    is_found: Option<bool>,
}

/// The values of a record whose layout is known.
#[derive(Debug)]
pub struct Fields<'d> {
    /// Tells layouts apart; the same number means the same names.
    pub layout: u64,
    /// `System/Version`.
    pub version: u8,
    /// The names of the layout's elements.
    pub names: &'d [Option<Arc<str>>],
    /// The values that the record has, in order, as [`super::Record::fields`] will be.
    pub values: &'d [RawField<'d>],
    /// `EventData/Binary`.
    pub binary: Option<&'d [u8]>,
}

/// One value of a record.
#[derive(Debug, Clone, Copy)]
pub struct RawField<'d> {
    /// Which element of the layout it is.
    pub element: usize,
    /// The value.
    pub value: RawValue<'d>,
}

/// A value as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawValue<'d> {
    /// Its type (MS-EVEN6 2.2.18).
    pub kind: u8,
    /// Its bytes. Values of one type with equal bytes have equal texts.
    pub bytes: &'d [u8],
}

impl<'d, 'c> Data<'d, 'c> {
    /// The data of the record whose head the decoder has read last.
    pub(super) fn new(bytes: &'d [u8], decoder: &'d mut Decoder<'c>) -> Self {
        Self { bytes, decoder, is_found: None }
    }

    /// All bytes of the record, its header included.
    #[must_use]
    pub fn bytes(&self) -> &'d [u8] {
        self.bytes
    }

    /// The values, where the record has a shape that is known. They are looked for when they are first asked for.
    pub fn fields(&mut self) -> Option<Fields<'_>> {
        let decoder = &mut *self.decoder;
        let is_found =
            *self.is_found.get_or_insert_with(|| input::isolated(|| decoder.find()).unwrap_or(false));
        self.decoder.fields().filter(|_| is_found)
    }
}

impl fmt::Debug for Data<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Data").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl RawValue<'_> {
    /// The text that the decoded record will have; `None` when only decoding can tell.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let mut text = String::new();
        value::push(&mut text, self.kind, self.bytes)?;
        Some(text)
    }
}
