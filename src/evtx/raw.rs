//! The data of a record as its bytes have it: what decides whether the record is worth decoding.

use std::sync::Arc;

use super::value;

/// The data of one record before it is decoded.
#[derive(Debug)]
pub struct Data<'d> {
    pub(super) bytes: &'d [u8],
    pub(super) fields: Option<Fields<'d>>,
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

impl<'d> Data<'d> {
    /// All bytes of the record, its header included.
    #[must_use]
    pub fn bytes(&self) -> &'d [u8] {
        self.bytes
    }

    /// The values, where the record has a shape that is known.
    #[must_use]
    pub fn fields(&self) -> Option<&Fields<'d>> {
        self.fields.as_ref()
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
