//! Bytes of a log become records; damage becomes faults. Knows nothing of Remote Desktop or of rules.
//!
//! [`read_chunk`] is the one door: it shows each record's head to a [`Visitor`] and decodes the data of those
//! that the visitor wants. Chunks are independent of each other, so callers read them in parallel.

mod crate_lane;
mod fault;
mod record;
mod time;
pub(crate) mod xml;

use std::sync::Arc;

pub use fault::Fault;
pub use record::{Field, Head, Record, Rendering};
pub use time::{Span, TICKS_PER_SECOND, Time};

/// Bytes of one chunk (MS-EVEN6 has no layout; see libyal's description of the format).
pub const CHUNK_SIZE: usize = 65_536;

/// Bytes of the file header in front of the first chunk.
pub const FILE_HEADER_SIZE: usize = 4096;

/// What a caller does with the records of a chunk, in log order.
pub trait Visitor {
    /// Sees each record that can be read; true asks for its data.
    fn head(&mut self, head: &Head<'_>) -> bool;
    /// Takes a record that [`Visitor::head`] asked for.
    fn record(&mut self, record: Record);
    /// Takes damage.
    fn fault(&mut self, fault: Fault);
}

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
    crate_lane::read_chunk(bytes, place, visitor);
}
