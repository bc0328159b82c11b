//! Bytes of a log become records; damage becomes faults. Knows nothing of Remote Desktop or of rules.
//!
//! [`read_chunk`] is the one door: it shows each record's head to a [`Visitor`] and decodes the data of those
//! that the visitor wants. Chunks are independent of each other, so callers read them in parallel.

mod binxml;
mod builder;
mod bytes;
mod carve;
mod checksum;
mod chunk;
mod cost;
mod crate_lane;
mod decode;
mod export;
mod fault;
mod json_lines;
mod raw;
mod record;
mod stream;
mod strings;
mod system;
mod time;
mod value;
mod walk;
pub(crate) mod xml;

use std::sync::Arc;

pub(crate) use builder::bytes_of;
pub use carve::carve;
pub use export::read_xml;
pub use fault::Fault;
pub use json_lines::read_json_lines;
pub use raw::{Data, Fields, RawField, RawValue};
pub(crate) use record::binary_text;
pub use record::{Field, Head, Names, Record, Rendering};
pub use time::{Span, TICKS_PER_SECOND, Time};

/// Bytes of one chunk (MS-EVEN6 has no layout; see libyal's description of the format).
pub const CHUNK_SIZE: usize = 65_536;

/// Bytes of the file header in front of the first chunk.
pub const FILE_HEADER_SIZE: usize = 4096;

/// What a caller does with the records of a chunk, in log order.
pub trait Visitor {
    /// Sees each record whose `System` can be read; true asks for its data.
    fn head(&mut self, head: &Head<'_>) -> bool;
    /// Sees the data of a record that [`Visitor::head`] asked for; false passes it over after all. Not asked where a
    /// record has no bytes of its own: in exports, and where the crate decodes.
    fn data(&mut self, _data: &mut Data<'_, '_>) -> bool {
        true
    }
    /// Takes a record that [`Visitor::head`] asked for; a fault comes instead when its data is damaged.
    fn record(&mut self, record: Record);
    /// Takes damage.
    fn fault(&mut self, fault: Fault);
    /// The moments between which records matter; a chunk that lies outside of them may be passed over as a whole, and
    /// its records are then only counted.
    fn period(&self) -> (Option<Time>, Option<Time>) {
        (None, None)
    }
    /// Takes what a chunk gave, once, behind its last record.
    fn counts(&mut self, _counts: &Counts) {}
}

/// What one chunk gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records that were read, those of `recovered` and `passed_over` included.
    pub read: u64,
    /// Records that were found although the headers around them are damaged or gone.
    pub recovered: u64,
    /// Records that are known to be lost.
    pub lost: u64,
    /// Records that were read but not shown: the whole chunk lies outside of [`Visitor::period`].
    pub passed_over: u64,
}

/// This lane does not know the shape of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unknown;

/// Where a chunk stands.
#[derive(Debug, Clone)]
pub struct Place {
    /// Path or name of the log.
    pub log: Arc<str>,
    /// Offset of the chunk in the log, in bytes.
    pub offset: u64,
}

/// Reads one chunk of up to [`CHUNK_SIZE`] bytes; a shorter one is a chunk that was cut off.
pub fn read_chunk(bytes: &[u8], place: &Place, visitor: &mut dyn Visitor) {
    chunk::read(bytes, place, visitor);
}

/// Reads one chunk with the `evtx` crate alone, each record or why it could not be read: what the tests, the
/// fuzz targets and the benches hold [`read_chunk`] against.
///
/// # Errors
///
/// Says what is wrong with the chunk's header or tables.
pub fn read_chunk_by_crate(bytes: &[u8], place: &Place) -> Result<Vec<Result<Record, String>>, String> {
    crate_lane::read_all(bytes, &place.log)
}
