//! One chunk's records, by the fast lane where it knows the shape and by the `evtx` crate where it does not.
//!
//! The head of a record is read in place: its template says once per chunk where each field of `System` is. Only
//! records that the visitor wants are decoded.

use std::sync::Arc;

use super::crate_lane::CrateLane;
use super::decode::Decoder;
use super::walk::{self, Walk, Window};
use super::{Counts, Data, Fault, Place, Record, TICKS_PER_SECOND, Time, Unknown, Visitor, binxml, checksum};
use crate::input;

/// A day in ticks: as far as the times of an event and of its writing may be apart.
const DAY: i64 = 86_400 * TICKS_PER_SECOND;

/// Reads one chunk; see [`super::read_chunk`].
pub(super) fn read(bytes: &[u8], place: &Place, visitor: &mut dyn Visitor) {
    if bytes.iter().all(|&byte| byte == 0) {
        return;
    }
    let mut reader = Reader::new(bytes, place, visitor);
    if !bytes.starts_with(walk::CHUNK_MAGIC) {
        reader.fault(0, "a chunk", "bytes without a chunk's signature", 0);
    }
    for wrong in checksum::mismatches(bytes) {
        reader.fault(wrong.at, &wrong.expected, &wrong.found, 0);
    }
    if let Some(count) = reader.outside() {
        reader.counts.read = count;
        reader.counts.passed_over = count;
        return reader.visitor.counts(&reader.counts);
    }
    reader.walk(Walk::new(bytes));
}

/// Reads the records from `at` on that check out, of a chunk whose header is not to be believed, and says where
/// the last one ends.
pub(super) fn read_from(bytes: &[u8], at: usize, place: &Place, visitor: &mut dyn Visitor) -> usize {
    Reader::new(bytes, place, visitor).walk(Walk::strict(bytes, at))
}

struct Reader<'c, 'v> {
    bytes: &'c [u8],
    place: &'c Place,
    visitor: &'v mut dyn Visitor,
    decoder: Decoder<'c>,
    last_resort: Option<CrateLane>,
    counts: Counts,
}

impl<'c, 'v> Reader<'c, 'v> {
    fn new(bytes: &'c [u8], place: &'c Place, visitor: &'v mut dyn Visitor) -> Self {
        let decoder = Decoder::new(bytes, &place.log);
        Self { bytes, place, visitor, decoder, last_resort: None, counts: Counts::default() }
    }

    /// How many records the chunk has, when it is whole and all of them lie outside of the period that the visitor
    /// asks for.
    ///
    /// Looks at the times in the records' headers: when records were written. They are believed when those of the
    /// first and the last record are near to the times of their events, which forwarded events are not.
    fn outside(&mut self) -> Option<u64> {
        let (since, until) = self.visitor.period();
        if since.is_none() && until.is_none() {
            return None;
        }
        let (mut first, mut last, mut count) = (None, None, 0);
        let (mut lowest, mut highest) = (Time(i64::MAX), Time(i64::MIN));
        for step in Walk::new(self.bytes) {
            let walk::Place::Record(window) = step else { return None };
            let written = window.written(self.bytes).filter(|_| !window.is_recovered)?;
            (lowest, highest) = (lowest.min(written), highest.max(written));
            first = first.or(Some((window, written)));
            last = Some((window, written));
            count += 1;
        }
        let margin = |time: Time, by: i64| Time(time.0.saturating_add(by));
        let is_before = since.is_some_and(|since| margin(highest, DAY) < since);
        let is_after = until.is_some_and(|until| margin(lowest, -DAY) > until);
        if !is_before && !is_after {
            return None;
        }
        for (window, written) in [first?, last?] {
            let head = isolated(|| self.decoder.head(&window)).ok()?;
            if head.time.0.abs_diff(written.0) > DAY.unsigned_abs() / 24 {
                return None;
            }
        }
        Some(count)
    }

    /// Reads what stands at each place, and says where the last record ends.
    fn walk(mut self, places: Walk<'_>) -> usize {
        let mut end = 0;
        for step in places {
            match step {
                walk::Place::Record(window) => {
                    end = window.next;
                    self.record(&window);
                }
                walk::Place::Damage { at, lost } => {
                    self.fault(at, "a record", "bytes that are no record", lost);
                }
            }
        }
        self.visitor.counts(&self.counts);
        end
    }

    fn record(&mut self, window: &Window) {
        let is_wanted = match isolated(|| self.decoder.head(window)) {
            Ok(head) => self.visitor.head(&head),
            Err(Unknown) if binxml::is_empty(self.bytes, window) => {
                return self.fault(window.at, "a record with an event", "a record without content", 1);
            }
            Err(Unknown) => return self.record_by_crate(window, false),
        };
        if !is_wanted || !self.is_wanted(window) {
            return self.count(window);
        }
        match isolated(|| self.decoder.record()) {
            Ok(record) => {
                self.count(window);
                self.visitor.record(record);
            }
            Err(Unknown) => self.record_by_crate(window, true),
        }
    }

    /// Whether the visitor still wants the record when it has seen its data.
    fn is_wanted(&mut self, window: &Window) -> bool {
        let bytes = self.bytes.get(window.at..window.next).unwrap_or_default();
        self.visitor.data(&mut Data::new(bytes, &mut self.decoder))
    }

    fn record_by_crate(&mut self, window: &Window, is_wanted: bool) {
        let lane = self.last_resort.get_or_insert_with(|| CrateLane::new(self.bytes, &self.place.log));
        match lane.decode(window) {
            Ok(mut record) => {
                record.number = window.id;
                if record.record_id == 0 {
                    record.record_id = window.id;
                }
                self.count(window);
                self.show(record, is_wanted);
            }
            Err(reason) => self.fault(window.at, "a record", &reason, 1),
        }
    }

    fn show(&mut self, record: Record, is_wanted: bool) {
        if is_wanted || self.visitor.head(&record.head()) {
            self.visitor.record(record);
        }
    }

    fn count(&mut self, window: &Window) {
        self.counts.read += 1;
        self.counts.recovered += u64::from(window.is_recovered);
    }

    fn fault(&mut self, at: usize, expected: &str, found: &str, lost: u64) {
        self.counts.lost += lost;
        self.visitor.fault(Fault {
            log: Arc::clone(&self.place.log),
            offset: self.place.offset.saturating_add(at as u64),
            expected: expected.into(),
            found: found.into(),
            lost,
        });
    }
}

/// A panic here would be a bug, and it costs one record's speed: the crate decodes the record.
fn isolated<T>(work: impl FnOnce() -> Result<T, Unknown>) -> Result<T, Unknown> {
    input::isolated(work).unwrap_or(Err(Unknown))
}
