//! Display information saved beside a log: `LocaleMetaData/<log>_<LCID>.MTA`, the finished text of every record.
//!
//! A text belongs to the record at the same place with the same EventRecordID; a file that says otherwise was not
//! made with this log and gives nothing. The place is the number in the record's header less one: a log is numbered
//! anew when it is exported, and only exported logs have display information. Records without a header (XML and
//! JSON exports) go by EventRecordID alone; merged logs repeat these, and then the text that holds most of the
//! record's values is taken.

mod file;

use std::sync::Arc;

use crate::evtx::{Fault, Record};
use crate::input::Companion;

use file::MtaFile;

/// Largest file that is read; display information is smaller than its log.
const MAX_SIZE: u64 = 1 << 28;

/// The primary language of an LCID (MS-LCID): the low ten bits.
const LANGUAGE_MASK: u32 = 0x3FF;

/// The language number of English.
const ENGLISH: u32 = 0x09;

/// Shortest value that tells one text from another.
const TELLING_LENGTH: usize = 2;

/// The texts of one log in one language.
#[derive(Debug, Clone)]
pub(super) struct Mta {
    lcid: u32,
    file: Arc<MtaFile>,
}

impl Mta {
    /// Takes the bytes of a file called `name`.
    pub(super) fn of(name: &str, lcid: u32, bytes: Vec<u8>) -> Result<Self, Fault> {
        let file = MtaFile::read(bytes).map_err(|damage| fault(name, damage.offset, damage.found))?;
        Ok(Self { lcid, file: Arc::new(file) })
    }

    /// The bytes of the file.
    pub(super) fn bytes(&self) -> &[u8] {
        self.file.bytes()
    }

    /// Whether the texts are English.
    pub(super) fn is_english(&self) -> bool {
        self.lcid & LANGUAGE_MASK == ENGLISH
    }

    /// The text of a record of the log that this belongs to.
    pub(super) fn message(&self, record: &Record) -> Option<String> {
        if let Some(position) = record.number.checked_sub(1) {
            return self.file.message_at(position, record.record_id);
        }
        let mut texts = self.file.messages(record.record_id);
        texts.dedup();
        let values = |text: &String| {
            let telling = record.fields.iter().filter(|field| field.value.len() >= TELLING_LENGTH);
            telling.filter(|field| text.contains(&*field.value)).count()
        };
        // Of equally good texts the first one counts, as it does for Windows.
        texts.reverse();
        texts.into_iter().max_by_key(values)
    }
}

/// Reads the display information of a log.
pub(super) fn read(companion: &Companion) -> Result<Mta, Fault> {
    let name = companion.name();
    let bytes = companion.read(MAX_SIZE).map_err(|error| fault(name, 0, &error.to_string()))?;
    Mta::of(name, companion.lcid(), bytes)
}

fn fault(name: &str, offset: u64, found: &str) -> Fault {
    Fault {
        log: Arc::from(name),
        offset,
        expected: "display information of a log".into(),
        found: found.into(),
        lost: 0,
    }
}
